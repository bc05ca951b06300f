import { crc32, deflateSync } from "node:zlib";
import type { Image } from "./image.ts";

/** An 8-bit RGB PNG. The same picture always gives the same bytes (for one version of zlib). */
export function encodePng(image: Image): Uint8Array {
  const rowBytes = image.width * 3;
  if (image.data.length !== rowBytes * image.height) {
    throw new RangeError(`${image.data.length} bytes are not a ${image.width}x${image.height} RGB picture`);
  }
  // Every row is written with the filter "up": one choice, good for pictures, and nothing to decide.
  const filtered = new Uint8Array((rowBytes + 1) * image.height);
  for (let y = 0; y < image.height; y++) {
    const to = y * (rowBytes + 1);
    filtered[to] = 2;
    for (let x = 0; x < rowBytes; x++) {
      const up = y > 0 ? (image.data[(y - 1) * rowBytes + x] as number) : 0;
      filtered[to + 1 + x] = (image.data[y * rowBytes + x] as number) - up;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(image.width, 0);
  header.writeUInt32BE(image.height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      pngChunk("IHDR", header),
      pngChunk("IDAT", deflateSync(filtered)),
      pngChunk("IEND", new Uint8Array()),
    ]),
  );
}

/** One chunk of a PNG file: length, type, body, checksum. */
export function pngChunk(type: string, body: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(body.length + 12);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write(type, 4, "latin1");
  chunk.set(body, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return chunk;
}
