import type { Image } from "./image.ts";

/** A rectangle about the middle of a picture: its sides as shares, above 0 and up to 1, of the picture's shorter side. */
export interface CentreCrop {
  height: number;
  width: number;
}

/** The middle of a picture. */
export function centreCrop(image: Image, shares: CentreCrop): Image {
  const shorter = Math.min(image.width, image.height);
  const height = Math.max(1, Math.round(shorter * shares.height));
  const width = Math.max(1, Math.round(shorter * shares.width));
  if (width === image.width && height === image.height) return image;
  const [top, left] = [(image.height - height) >> 1, (image.width - width) >> 1];
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + 3 * width), 3 * width * y);
  }
  return { width, height, data };
}
