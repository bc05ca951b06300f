import { type CentreCrop, centreCrop } from "../../images/centre-crop.ts";
import { decodeImage } from "../../images/decode-image.ts";
import { resize } from "../../images/resize.ts";

export interface Seen {
  height: number;
  width: number;
  /** Absent: pictures are seen whole. */
  crop?: CentreCrop;
}

/** What a network sees of a picture file: decoded, cropped and resized as serving does it, all red, all green, all blue bytes. */
export function seenPicture(file: Uint8Array, { height, width, crop }: Seen): Uint8Array {
  const image = decodeImage(file);
  const { data } = resize(crop === undefined ? image : centreCrop(image, crop), width, height);
  const area = height * width;
  const planes = new Uint8Array(3 * area);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) planes[c * area + i] = data[3 * i + c]!;
  return planes;
}
