import { Transformer } from "@napi-rs/image";
import { type Image, ImageError } from "./image.ts";

/**
 * Decodes whatever the native library knows, once the size in the header is known to be acceptable. The library is not asked
 * for the size: it would decode most of the picture a second time.
 */
export function decodeWithLibrary(bytes: Uint8Array, { width, height }: Size): Image {
  try {
    const raw = new Transformer(bytes).rawPixelsSync();
    const pixels = new Uint8Array(raw.buffer, raw.byteOffset, raw.length);
    return { width, height, data: toRgb(pixels, width * height) };
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new ImageError("damaged", `the picture cannot be decoded: ${message}`, { cause: error });
  }
}

/** The library answers the file's own layout: 1 to 4 channels of 8 bits, or of 16 bits in the machine's byte order. */
function toRgb(pixels: Uint8Array, count: number): Uint8Array {
  const bytesPerPixel = pixels.length / count;
  if (bytesPerPixel === 3) return pixels;
  // A header that lied cannot hurt any more, but it is not the picture that was announced either.
  if (!Number.isInteger(bytesPerPixel)) {
    throw new ImageError("damaged", "the picture's size differs from the size in its header");
  }
  const layout = layouts[bytesPerPixel];
  if (layout === undefined) throw new ImageError("unsupported", `pixels of ${bytesPerPixel} bytes are not read`);
  // Where pixels become smaller they are written over what was read already: a second copy of a large picture is too much.
  const rgb = bytesPerPixel > 3 ? pixels.subarray(0, count * 3) : new Uint8Array(count * 3);
  const [red, green, blue] = layout;
  for (let i = 0, from = 0, to = 0; i < count; i++, from += bytesPerPixel, to += 3) {
    const first = pixels[from + red] as number;
    const second = pixels[from + green] as number;
    rgb[to + 2] = pixels[from + blue] as number;
    rgb[to] = first;
    rgb[to + 1] = second;
  }
  return rgb;
}

// Where red, green and blue lie, by bytes per pixel. 2 is grey with alpha (16-bit grey comes only from PNG, which has its
// own decoder); 6 and 8 are 16-bit colour, of which the high byte is taken (little-endian machines).
const layouts: { [bytesPerPixel: number]: readonly [number, number, number] } = {
  1: [0, 0, 0],
  2: [0, 0, 0],
  4: [0, 1, 2],
  6: [1, 3, 5],
  8: [1, 3, 5],
};

export interface Size {
  width: number;
  height: number;
}

/** The size that the header of a JPEG, WebP, GIF or BMP names; `undefined` for anything else. */
export function sizeFromHeader(bytes: Uint8Array): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 4 && view.getUint16(0) === 0xffd8) return jpegSize(view);
  if (startsWith(bytes, "GIF8") && bytes.length >= 10) {
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (startsWith(bytes, "BM") && bytes.length >= 26) {
    return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) };
  }
  if (startsWith(bytes, "RIFF") && bytes.length >= 30 && startsWith(bytes.subarray(8), "WEBP")) return webpSize(view);
  return undefined;
}

/** Walks the segments to the first start of frame. */
function jpegSize(view: DataView): Size | undefined {
  let at = 2;
  while (at + 9 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    const isAlone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += isAlone ? 2 : 2 + view.getUint16(at + 2);
  }
  return undefined;
}

function webpSize(view: DataView): Size | undefined {
  switch (view.getUint32(12)) {
    case 0x56503820: // "VP8 "
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    case 0x5650384c: {
      // "VP8L"
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 0x56503858: // "VP8X"
      return { width: uint24(view, 24) + 1, height: uint24(view, 27) + 1 };
    default:
      return undefined;
  }
}

function uint24(view: DataView, at: number): number {
  return view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}
