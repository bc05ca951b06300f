import type { Image } from "../../images/image.ts";
import { resize } from "../../images/resize.ts";
import { dataFault } from "./data-fault.ts";

/** Pictures of one size in memory that threads share: planar RGB bytes, one after the other. */
export interface PictureSet {
  count: number;
  height: number;
  width: number;
  pixels: Uint8Array<SharedArrayBuffer>;
  labels: Int32Array<SharedArrayBuffer>;
}

/** All pictures of a set lie in memory; a set that needs more than this is refused before it is read. */
const defaultMaxSetBytes = 4 * 1024 ** 3;

export interface PictureSetBuilder {
  add(image: Image, label: number): void;
  /** Adds a picture whose rows are planar already: all red, all green, all blue. */
  addPlanar(planes: Uint8Array, options: { height: number; width: number; label: number }): void;
  finish(): PictureSet;
}

/** Takes up to `capacity` pictures of any size and resizes them as serving does. */
export function pictureSetBuilder(
  capacity: number,
  { height, width, maxSetBytes = defaultMaxSetBytes }: { height: number; width: number; maxSetBytes?: number },
): PictureSetBuilder {
  const sizeBytes = 3 * height * width;
  if (capacity * sizeBytes > maxSetBytes) {
    throw dataFault(
      `${capacity} pictures of ${width}x${height} need ${Math.ceil((capacity * sizeBytes) / 1024 ** 2)} MiB of memory, ` +
        `more than the limit of ${Math.floor(maxSetBytes / 1024 ** 2)} MiB: use a smaller image_shape or fewer pictures`,
    );
  }
  const pixels = new Uint8Array(new SharedArrayBuffer(capacity * sizeBytes));
  const labels = new Int32Array(new SharedArrayBuffer(capacity * 4));
  let count = 0;
  const area = height * width;
  const add = (image: Image, label: number) => {
    const { data } = resize(image, width, height);
    const at = count * sizeBytes;
    for (let i = 0; i < area; i++) {
      for (let c = 0; c < 3; c++) pixels[at + c * area + i] = data[3 * i + c]!;
    }
    labels[count++] = label;
  };
  return {
    add,
    addPlanar(planes, given) {
      if (given.height === height && given.width === width) {
        pixels.set(planes, count * sizeBytes);
        labels[count++] = given.label;
        return;
      }
      const from = given.height * given.width;
      const data = new Uint8Array(3 * from);
      for (let i = 0; i < from; i++) for (let c = 0; c < 3; c++) data[3 * i + c] = planes[c * from + i]!;
      add({ width: given.width, height: given.height, data }, given.label);
    },
    finish: () => ({
      count,
      height,
      width,
      pixels: pixels.subarray(0, count * sizeBytes),
      labels: labels.subarray(0, count),
    }),
  };
}
