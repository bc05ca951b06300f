import { decodeWithLibrary, sizeFromHeader } from "./decode-with-library.ts";
import { decodeGif, isGif } from "./gif-decode.ts";
import { defaultMaxBytes, defaultMaxPixels, type Image, ImageError, type ImageLimits } from "./image.ts";
import { decodePng, isPng } from "./png-decode.ts";
import { decodePpm, isPpm } from "./ppm.ts";

/*
 * Pictures from outside become pixels here and nowhere else. Synchronous, because it runs in worker processes that have
 * nothing else to do. No format reaches a decoder before its header has told a size within the limit.
 */

/** Decodes PNG, GIF (of an animation the first frame) and PPM by decoders of our own, JPEG, WebP and BMP. Alpha is dropped, not blended. Throws `ImageError`. */
export function decodeImage(bytes: Uint8Array, limits: ImageLimits = {}): Image {
  const maxBytes = limits.maxBytes ?? defaultMaxBytes;
  const maxPixels = limits.maxPixels ?? defaultMaxPixels;
  if (bytes.length > maxBytes) {
    throw new ImageError("tooLarge", `the picture has ${bytes.length} bytes; at most ${maxBytes} are read`);
  }
  if (isPng(bytes)) return decodePng(bytes, maxPixels);
  if (isPpm(bytes)) return decodePpm(bytes, (width, height) => checkSize(width, height, maxPixels));
  const size = sizeFromHeader(bytes);
  if (size === undefined) {
    throw new ImageError("unsupported", "the bytes are not a PNG, JPEG, WebP, GIF, BMP or PPM picture");
  }
  checkSize(size.width, size.height, maxPixels);
  if (isGif(bytes)) return decodeGif(bytes);
  return decodeWithLibrary(bytes, size);
}

function checkSize(width: number, height: number, maxPixels: number): void {
  if (width < 1 || height < 1) throw new ImageError("damaged", `the picture's size is ${width}x${height}`);
  if (width * height > maxPixels) {
    throw new ImageError("tooLarge", `the picture is ${width}x${height}; at most ${maxPixels} pixels are decoded`);
  }
}
