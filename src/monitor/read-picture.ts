import { decodeImage } from "../images/decode-image.ts";
import { type Image, ImageError } from "../images/image.ts";

/** Of a larger picture only the middle is looked at: statistics are about single pixels, so it must not be shrunk. */
const mostPixels = 1024 * 1024;

export interface ReadPicture {
  /** As it was sent. */
  width: number;
  height: number;
  /** What statistics are taken of: the picture, or its middle. */
  image: Image;
}

/** Undefined for bytes that are no picture, or none that can be decoded. */
export function readPicture(bytes: Uint8Array): ReadPicture | undefined {
  try {
    const image = decodeImage(bytes);
    return { width: image.width, height: image.height, image: middleOf(image) };
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

function middleOf(image: Image): Image {
  const shrink = Math.sqrt(mostPixels / (image.width * image.height));
  if (shrink >= 1) return image;
  // A strip one pixel wide must stay one.
  const width = Math.max(1, Math.floor(image.width * shrink));
  const height = Math.max(1, Math.floor(image.height * shrink));
  const [left, top] = [(image.width - width) >> 1, (image.height - height) >> 1];
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const start = 3 * ((top + y) * image.width + left);
    data.set(image.data.subarray(start, start + 3 * width), 3 * width * y);
  }
  return { width, height, data };
}
