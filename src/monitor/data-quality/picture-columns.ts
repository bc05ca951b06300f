import { decodeImage } from "../../images/decode-image.ts";
import { type Image, ImageError } from "../../images/image.ts";
import { type PictureStatistics, pictureStatistics, statisticNames } from "../picture-statistics.ts";
import type { NamedCell } from "./flat-columns.ts";

/** Statistics of a larger picture are taken from its middle: they are about single pixels, so it must not be shrunk. */
const mostPixels = 1024 * 1024;

const columnNames: Record<keyof PictureStatistics, string> = {
  luminance: "picture_luminance",
  contrast: "picture_contrast",
  sharpness: "picture_sharpness",
  noise: "picture_noise",
  saturation: "picture_saturation",
  gradient: "picture_gradient",
  clipped: "picture_clipped",
  redMinusBlue: "picture_red_minus_blue",
  blockiness: "picture_blockiness",
};

/** A picture as columns: its nine statistics, and its size as a category. Bytes that cannot be decoded leave the statistics missing. */
export function pictureCells(bytes: Uint8Array): NamedCell[] {
  const image = decoded(bytes);
  const statistics = image && pictureStatistics(middleOf(image));
  const size = image === undefined ? "unreadable" : `${image.width}x${image.height}`;
  return [
    ...statisticNames.map((name) => [columnNames[name], statistics?.[name]] as const),
    ["picture_size", size] as const,
  ];
}

function decoded(bytes: Uint8Array): Image | undefined {
  try {
    return decodeImage(bytes);
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

function middleOf(image: Image): Image {
  const shrink = Math.sqrt(mostPixels / (image.width * image.height));
  if (shrink >= 1) return image;
  // A strip one pixel wide must stay one.
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.floor(side * shrink))) as [
    number,
    number,
  ];
  const [left, top] = [(image.width - width) >> 1, (image.height - height) >> 1];
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const start = 3 * ((top + y) * image.width + left);
    data.set(image.data.subarray(start, start + 3 * width), 3 * width * y);
  }
  return { width, height, data };
}
