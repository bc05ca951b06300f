import { crc32, inflateSync } from "node:zlib";
import { type Image, ImageError } from "./image.ts";

/*
 * A bounded PNG decoder: the workflow's pictures are small PNGs, and general libraries need more time for one of them than
 * the network. Every chunk's CRC is verified (a damaged picture must not be classified), the pixel limit is checked before
 * anything is inflated, and inflating stops at the number of bytes that the header promised. All colour types and depths, plain and
 * interlaced. Pixels are made in place, in the very bytes that were inflated: a large picture is in memory once.
 */

/** Bytes of a pixel in the file's own layout, with which as many pixels as may be are decoded: of 16-bit RGBA it is half of them. */
const bytesOfMostPixels = 4;
/** Every row has a byte beside its pixels. */
const maxSide = 2 ** 16;

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}

export function decodePng(bytes: Uint8Array, maxPixels: number): Image {
  const { header, palette, compressed } = readChunks(bytes, maxPixels);
  const { width, height } = header;
  const bitsPerPixel = (channelsOf[header.colorType] as number) * header.depth;
  const passes = (header.isInterlaced ? adam7 : plain)
    .map(([x, y, stepX, stepY]) => {
      const columns = Math.ceil((width - x) / stepX);
      const rows = Math.ceil((height - y) / stepY);
      return { x, y, stepX, stepY, columns, rows, rowBytes: Math.ceil((columns * bitsPerPixel) / 8) };
    })
    .filter(({ columns, rows }) => columns > 0 && rows > 0); // a pass without pixels has no bytes at all
  const expectedBytes = passes.reduce((sum, { rows, rowBytes }) => sum + (rowBytes + 1) * rows, 0);
  if (expectedBytes > (maxPixels + maxSide) * bytesOfMostPixels)
    throw new ImageError(
      "tooLarge",
      `the pixels of the picture are ${expectedBytes} bytes; that is more than are decoded`,
    );
  const filtered = inflate(compressed, expectedBytes);
  let from = 0;
  let data: Uint8Array | undefined;
  for (const { x, y, stepX, stepY, columns, rows, rowBytes } of passes) {
    const part = filtered.subarray(from, from + (rowBytes + 1) * rows);
    from += part.length;
    const raw = unfilter(part, { rowBytes, rows, step: Math.max(1, bitsPerPixel >> 3) });
    const rgb = toRgb(raw, { ...header, width: columns, height: rows }, { rowBytes, palette });
    if (!header.isInterlaced) return { width, height, data: rgb };
    data ??= new Uint8Array(width * height * 3);
    for (let row = 0, source = 0; row < rows; row++) {
      let to = ((y + row * stepY) * width + x) * 3;
      for (let column = 0; column < columns; column++, source += 3, to += stepX * 3) {
        data[to] = rgb[source] as number;
        data[to + 1] = rgb[source + 1] as number;
        data[to + 2] = rgb[source + 2] as number;
      }
    }
  }
  return { width, height, data: data as Uint8Array };
}

/** Where a pass begins and how far apart its pixels are: x, y, step in x, step in y. */
type Pass = readonly [number, number, number, number];
const plain: readonly Pass[] = [[0, 0, 1, 1]];
const adam7: readonly Pass[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

interface Header {
  width: number;
  height: number;
  depth: number;
  colorType: number;
  isInterlaced: boolean;
}

// Colour types: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA.
const channelsOf: { [colorType: number]: number } = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const depthsOf: { [colorType: number]: readonly number[] } = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

const IHDR = 0x49484452;
const PLTE = 0x504c5445;
const IDAT = 0x49444154;
const IEND = 0x49454e44;

function readChunks(bytes: Uint8Array, maxPixels: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  const parts: Uint8Array[] = [];
  let at = signature.length;
  for (;;) {
    if (at + 12 > bytes.length) throw damaged("the file ends in the middle");
    const length = view.getUint32(at);
    if (length > bytes.length - at - 12) throw damaged("a chunk is longer than the file");
    const type = view.getUint32(at + 4);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw damaged("the checksum of a chunk does not match");
    }
    if (header === undefined) {
      if (type !== IHDR) throw damaged("it does not begin with a header");
      header = readHeader(body, maxPixels);
    } else if (type === PLTE) palette = body;
    else if (type === IDAT) parts.push(body);
    else if (type === IEND) break;
    else if ((bytes[at + 4] as number) < 0x60) throw damaged("it has an unknown critical chunk");
    at += 12 + length;
  }
  if (parts.length === 0) throw damaged("it has no pixels");
  if (header.colorType === 3 && (palette === undefined || palette.length % 3 !== 0)) throw damaged("it has no palette");
  return { header, palette, compressed: parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts) };
}

function readHeader(body: Uint8Array, maxPixels: number): Header {
  if (body.length !== 13) throw damaged("its header has a wrong length");
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [depth, colorType, compression, filter, interlace] = body.subarray(8) as unknown as number[];
  if (width === 0 || height === 0) throw damaged(`its size is ${width}x${height}`);
  if (!depthsOf[colorType as number]?.includes(depth as number))
    throw damaged("its colour type and depth do not exist");
  if (compression !== 0 || filter !== 0 || (interlace as number) > 1) throw damaged("its header names unknown methods");
  if (width * height > maxPixels) {
    throw new ImageError("tooLarge", `the picture is ${width}x${height}; at most ${maxPixels} pixels are decoded`);
  }
  return { width, height, depth: depth as number, colorType: colorType as number, isInterlaced: interlace === 1 };
}

function inflate(compressed: Uint8Array, expectedBytes: number): Uint8Array {
  let inflated: Buffer;
  try {
    // In one piece: joining several costs time and, for a moment, all the memory again. What is not written costs nothing.
    const chunkSize = Math.max(64, expectedBytes + 1);
    inflated = inflateSync(compressed, { maxOutputLength: expectedBytes, chunkSize });
  } catch (error) {
    throw damaged("its pixels cannot be inflated to the size that the header names", error);
  }
  if (inflated.length !== expectedBytes) throw damaged("it has fewer pixels than the header names");
  return new Uint8Array(inflated.buffer, inflated.byteOffset, inflated.length);
}

interface Rows {
  rowBytes: number;
  rows: number;
  /** The distance to the same byte of the pixel before. */
  step: number;
}

/**
 * Undoes the row filters, in place: each row moves to where it belongs, over filter bytes and rows that were read already. One
 * loop per filter: this is the hot part.
 */
function unfilter(filtered: Uint8Array, { rowBytes, rows, step }: Rows): Uint8Array {
  let above: Uint8Array = new Uint8Array(rowBytes); // the row before the first one counts as zeros
  for (let y = 0; y < rows; y++) {
    const from = y * (rowBytes + 1);
    const source = filtered.subarray(from + 1, from + 1 + rowBytes);
    const row = filtered.subarray(y * rowBytes, (y + 1) * rowBytes);
    const filter = filtered[from] as number;
    switch (filter) {
      case 0:
        row.set(source);
        break;
      case 1:
        row.set(source.subarray(0, step));
        for (let x = step; x < rowBytes; x++) row[x] = (source[x] as number) + (row[x - step] as number);
        break;
      case 2:
        for (let x = 0; x < rowBytes; x++) row[x] = (source[x] as number) + (above[x] as number);
        break;
      case 3:
        for (let x = 0; x < step; x++) row[x] = (source[x] as number) + ((above[x] as number) >> 1);
        for (let x = step; x < rowBytes; x++) {
          row[x] = (source[x] as number) + (((row[x - step] as number) + (above[x] as number)) >> 1);
        }
        break;
      case 4:
        for (let x = 0; x < step; x++) row[x] = (source[x] as number) + (above[x] as number);
        for (let x = step; x < rowBytes; x++) {
          const predicted = paeth(row[x - step] as number, above[x] as number, above[x - step] as number);
          row[x] = (source[x] as number) + predicted;
        }
        break;
      default:
        throw damaged(`it has a row filter ${filter}`);
    }
    above = row;
  }
  return filtered.subarray(0, rowBytes * rows);
}

function paeth(left: number, up: number, upLeft: number): number {
  const estimate = left + up - upLeft;
  const toLeft = Math.abs(estimate - left);
  const toUp = Math.abs(estimate - up);
  const toUpLeft = Math.abs(estimate - upLeft);
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

interface Samples {
  rowBytes: number;
  palette: Uint8Array | undefined;
}

/** In place where a pixel of the file is no smaller than one of ours. */
function toRgb(raw: Uint8Array, header: Header, { rowBytes, palette }: Samples): Uint8Array {
  const { width, height, depth, colorType } = header;
  if (colorType === 2 && depth === 8) return raw;
  const count = width * height;
  const channels = channelsOf[colorType] as number;
  const bytesPerSample = depth === 16 ? 2 : 1;
  if (channels >= 3) {
    // Of 16-bit samples the high byte, which is the first.
    const bytesPerPixel = channels * bytesPerSample;
    for (let i = 0, from = 0, to = 0; i < count; i++, from += bytesPerPixel, to += 3) {
      raw[to] = raw[from] as number;
      raw[to + 1] = raw[from + bytesPerSample] as number;
      raw[to + 2] = raw[from + 2 * bytesPerSample] as number;
    }
    return raw.subarray(0, count * 3);
  }
  const rgb = new Uint8Array(count * 3);
  const greyScale = depth < 8 ? 255 / (2 ** depth - 1) : 1;
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const value =
        depth < 8
          ? smallSample(raw, y * rowBytes, x, depth)
          : (raw[y * rowBytes + x * channels * bytesPerSample] as number);
      if (palette === undefined || colorType !== 3) {
        const grey = value * greyScale;
        rgb[to] = grey;
        rgb[to + 1] = grey;
        rgb[to + 2] = grey;
      } else {
        if (value * 3 >= palette.length) throw damaged("a pixel lies outside the palette");
        rgb[to] = palette[value * 3] as number;
        rgb[to + 1] = palette[value * 3 + 1] as number;
        rgb[to + 2] = palette[value * 3 + 2] as number;
      }
    }
  }
  return rgb;
}

/** Sample `x` of a row whose samples have fewer than 8 bits, packed from the high bit down. */
function smallSample(raw: Uint8Array, row: number, x: number, depth: number): number {
  const bit = x * depth;
  return ((raw[row + (bit >> 3)] as number) >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

function damaged(what: string, cause?: unknown): ImageError {
  return new ImageError("damaged", `the PNG picture is damaged: ${what}`, { cause });
}
