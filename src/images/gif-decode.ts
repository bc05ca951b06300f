import { type Image, ImageError } from "./image.ts";

/*
 * The first frame of a GIF, which the library that decodes the other formats does not read. The caller has checked the size
 * of the screen in the header; nothing larger than that screen is ever allocated, and a frame lies within it or is refused.
 */

export function isGif(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(4, bytes.length)).toString("latin1") === "GIF8";
}

export function decodeGif(bytes: Uint8Array): Image {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    return firstFrame(view);
  } catch (error) {
    if (error instanceof RangeError) throw damaged("the file ends in the middle", error);
    throw error;
  }
}

function firstFrame(view: Buffer): Image {
  const width = view.readUInt16LE(6);
  const height = view.readUInt16LE(8);
  const screenFlags = view.readUInt8(10);
  let at = 13;
  let palette: Buffer | undefined;
  if ((screenFlags & 0x80) !== 0) {
    palette = table(view, at, screenFlags);
    at += palette.length;
  }
  for (;;) {
    const kind = view.readUInt8(at);
    if (kind === 0x2c) break;
    if (kind !== 0x21) throw damaged("it has no picture");
    at = subBlocks(view, at + 2).end; // an extension: its label and its blocks
  }
  const left = view.readUInt16LE(at + 1);
  const top = view.readUInt16LE(at + 3);
  const columns = view.readUInt16LE(at + 5);
  const rows = view.readUInt16LE(at + 7);
  const flags = view.readUInt8(at + 9);
  at += 10;
  if (columns === 0 || rows === 0 || left + columns > width || top + rows > height) {
    throw damaged("its first frame does not lie within the picture");
  }
  if ((flags & 0x80) !== 0) {
    palette = table(view, at, flags);
    at += palette.length;
  }
  if (palette === undefined) throw damaged("it has no palette");
  const indexes = unpackCodes(subBlocks(view, at + 1).data, view.readUInt8(at), columns * rows);
  const data = new Uint8Array(width * height * 3);
  // What the frame does not cover is the background, as far as there is one.
  const background = (screenFlags & 0x80) !== 0 ? view.readUInt8(11) * 3 : palette.length;
  const isCovered = columns === width && rows === height;
  if (!isCovered && background < palette.length) {
    for (let to = 0; to < data.length; to += 3) data.set(view.subarray(13 + background, 16 + background), to);
  }
  const order = rowOrder(rows, (flags & 0x40) !== 0);
  for (let row = 0, from = 0; row < rows; row++) {
    let to = ((top + (order[row] as number)) * width + left) * 3;
    for (let column = 0; column < columns; column++, to += 3) {
      const color = (indexes[from++] as number) * 3;
      if (color >= palette.length) throw damaged("a pixel lies outside the palette");
      data[to] = palette[color] as number;
      data[to + 1] = palette[color + 1] as number;
      data[to + 2] = palette[color + 2] as number;
    }
  }
  return { width, height, data };
}

function table(view: Buffer, at: number, flags: number): Buffer {
  const bytes = 3 * 2 ** ((flags & 7) + 1);
  if (at + bytes > view.length) throw damaged("the file ends in the middle");
  return view.subarray(at, at + bytes);
}

/** Blocks of up to 255 bytes, each with its length before it, and an empty one at the end. */
function subBlocks(view: Buffer, at: number): { data: Buffer; end: number } {
  const parts: Buffer[] = [];
  for (;;) {
    const length = view.readUInt8(at);
    at += 1;
    if (length === 0) return { data: Buffer.concat(parts), end: at };
    if (at + length > view.length) throw damaged("the file ends in the middle");
    parts.push(view.subarray(at, at + length));
    at += length;
  }
}

const maxCodes = 4096;

/** Undoes the LZW packing: exactly `count` indexes into the palette, or the file is damaged. */
function unpackCodes(data: Buffer, rootBits: number, count: number): Uint8Array {
  if (rootBits < 1 || rootBits > 8) throw damaged("its code size does not exist");
  const clear = 2 ** rootBits;
  const end = clear + 1;
  // A code is the text of an earlier code and one index more.
  const before = new Uint16Array(maxCodes);
  const last = new Uint8Array(maxCodes);
  const length = new Uint16Array(maxCodes);
  for (let code = 0; code < clear; code++) {
    last[code] = code;
    length[code] = 1;
  }
  const indexes = new Uint8Array(count);
  let written = 0;
  let bits = rootBits + 1;
  let next = end + 1;
  let previous = -1;
  let held = 0;
  let heldBits = 0;
  let at = 0;
  while (written < count) {
    while (heldBits < bits) {
      if (at >= data.length) throw damaged("it has fewer pixels than its frame");
      held |= (data[at++] as number) << heldBits;
      heldBits += 8;
    }
    const code = held & ((1 << bits) - 1);
    held >>>= bits;
    heldBits -= bits;
    if (code === clear) {
      bits = rootBits + 1;
      next = end + 1;
      previous = -1;
      continue;
    }
    if (code === end) throw damaged("it has fewer pixels than its frame");
    // The newest code may be used before it is complete: then it begins and ends with the same index.
    const isOwn = code === next && previous >= 0;
    if (code > next || (code === next && !isOwn) || (previous < 0 && code > end))
      throw damaged("its pixels are garbled");
    const source = isOwn ? previous : code;
    const size = (length[source] as number) + (isOwn ? 1 : 0);
    let first = source;
    let to = written + (length[source] as number) - 1;
    for (;;) {
      if (to < count) indexes[to] = last[first] as number;
      if (to-- === written) break;
      first = before[first] as number;
    }
    if (isOwn && written + size <= count) indexes[written + size - 1] = last[first] as number;
    written += size;
    if (previous >= 0 && next < maxCodes) {
      before[next] = previous;
      last[next] = last[first] as number;
      length[next] = (length[previous] as number) + 1;
      next += 1;
      if (next === 1 << bits && bits < 12) bits += 1;
    }
    previous = code;
  }
  return indexes;
}

/** In which row of the picture each row of an interlaced frame lies. */
function rowOrder(rows: number, isInterlaced: boolean): number[] {
  const passes = isInterlaced
    ? [
        [0, 8],
        [4, 8],
        [2, 4],
        [1, 2],
      ]
    : [[0, 1]];
  const order: number[] = [];
  for (const [first, step] of passes as [number, number][]) {
    for (let row = first; row < rows; row += step) order.push(row);
  }
  return order;
}

function damaged(what: string, cause?: unknown): ImageError {
  return new ImageError("damaged", `the GIF picture is damaged: ${what}`, { cause });
}
