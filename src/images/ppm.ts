import { type Image, ImageError } from "./image.ts";

/*
 * Pixels as they are, behind a line that says how many: the binary "portable pixmap" of 8 bits. For pictures that come as
 * pixels already: packing them only to have them unpacked by the next process would cost more than looking at them.
 */

const header = /^P6[ \t\n\r]+(\d{1,6})[ \t\n\r]+(\d{1,6})[ \t\n\r]+255[ \t\n\r]/;
const longestHeader = 64;

export function encodePpm({ width, height, data }: Image): Uint8Array {
  return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), data]);
}

export function isPpm(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x36;
}

/** Shares its pixels with the file. */
export function decodePpm(bytes: Uint8Array, checkSize: (width: number, height: number) => void): Image {
  const found = header.exec(Buffer.from(bytes.subarray(0, longestHeader)).toString("latin1"));
  if (found === null)
    throw new ImageError("unsupported", "of portable pixmaps only those of 8 bits, without comments, are read");
  const [width, height] = [Number(found[1]), Number(found[2])];
  checkSize(width, height);
  const data = bytes.subarray(found[0].length);
  if (data.length !== width * height * 3) {
    throw new ImageError(
      "damaged",
      `the picture has ${data.length} bytes of pixels, ${width}x${height} need ${width * height * 3}`,
    );
  }
  return { width, height, data };
}
