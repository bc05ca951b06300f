import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeImage } from "./decode-image.ts";
import { ImageError } from "./image.ts";

// Both show the same 17 by 16 pixels, as another program writes them: row by row, and interlaced.
const plain =
  "R0lGODdhEQAQAIMAAAD/AAr8ART5Ah72AyjzBDLwBTztBkbqB1DnCFrkCWThCm7eC3jbDILYDYzVDpbSDywAAAAAEQAQAAAIkwABCAQQoGAAAQgFDFg4gIDBgwkZNiRAsUBChQwpVizA0YBEjQQ4djRA8gBIkQVIljzAEgFKlQZYtkRAMwFMmQdo1kzAUwFOnQh49lRAdAFQoQmIFl3AlAFSpQqYNmVAtQFUqQuoVm3A1QFWrQy4dnVA9gFYsQ3Iln3AFgBatQ7Yth0YAK7cBwMJGhRwN+/DiwMCAgA7";
const interlaced =
  "R0lGODdhEQAQAIMAAAD/AAr8ART5Ah72AyjzBDLwBTztBkbqB1DnCFrkCWThCm7eC3jbDILYDYzVDpbSDywAAAAAEQAQAEAIjAABCAQQoGAAAQgFDFg4gACChwgSSEygoKKCBRgXMCDAkUCBjwUMiDRwoOQBBAxSMmjAsoGDlw4eyHwAIKFChh09ghwp0uRJiBMpWryYUeXKljBfzqQ50OBBpzYZNuxYQGpOkCFHHsDK0yfEiF6BThy6ICjZoiobZNSYFinMBy1dvp05kODSulATDggIADs=";

test("a GIF is decoded, interlaced or not", () => {
  const expected = Array.from({ length: 17 * 16 }, (_, i) => {
    const color = (Math.floor((i % 17) / 4) + Math.floor(i / 17)) % 16;
    return [color * 10, 255 - color * 3, color];
  }).flat();
  for (const text of [plain, interlaced]) {
    const { width, height, data } = decodeImage(Buffer.from(text, "base64"));
    assert.deepEqual([width, height, [...data]], [17, 16, expected]);
  }
});

test("a GIF cut off anywhere is refused, and no damage is more than a refusal", () => {
  const good = Buffer.from(plain, "base64");
  for (let length = 0; length < good.length - 2; length++) {
    assert.throws(() => decodeImage(good.subarray(0, length)), ImageError, `cut to ${length}`);
  }
  for (let i = 6; i < good.length; i++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const bad = Buffer.from(good);
      bad[i] = (bad[i] as number) ^ flip;
      try {
        decodeImage(bad);
      } catch (error) {
        assert.ok(error instanceof ImageError, `byte ${i}: ${error}`);
      }
    }
  }
});

test("a long GIF whose table of codes fills up and begins again is decoded", () => {
  const side = 120;
  const indexes = Uint8Array.from({ length: side * side }, (_, i) => (((i * i) / 7) | 0) % 256);
  const { data } = decodeImage(packedGif(indexes, side));
  assert.deepEqual(
    [...indexes],
    [...data].filter((_, i) => i % 3 === 0),
  );
});

/** A grey GIF, packed with the plain LZW of the format's description. */
function packedGif(indexes: Uint8Array, side: number): Buffer {
  const head = Buffer.alloc(13);
  head.write("GIF89a", "latin1");
  head.writeUInt16LE(side, 6);
  head.writeUInt16LE(side, 8);
  head[10] = 0xf7;
  const palette = Buffer.from(Array.from({ length: 256 }, (_, i) => [i, i, i]).flat());
  const frame = Buffer.alloc(11);
  frame[0] = 0x2c;
  frame.writeUInt16LE(side, 5);
  frame.writeUInt16LE(side, 7);
  frame[10] = 8;
  const packed = Buffer.from(lzw(indexes));
  const blocks: Buffer[] = [];
  for (let at = 0; at < packed.length; at += 255) {
    const block = packed.subarray(at, at + 255);
    blocks.push(Buffer.of(block.length), block);
  }
  return Buffer.concat([head, palette, frame, ...blocks, Buffer.of(0, 0x3b)]);
}

function lzw(indexes: Uint8Array): number[] {
  const bytes: number[] = [];
  let held = 0;
  let heldBits = 0;
  let bits = 9;
  const emit = (code: number) => {
    held |= code << heldBits;
    for (heldBits += bits; heldBits >= 8; heldBits -= 8) {
      bytes.push(held & 255);
      held >>>= 8;
    }
  };
  let codes = new Map<string, number>();
  let next = 258;
  emit(256);
  let text = "";
  const codeOf = (one: string) => (one.length === 1 ? one.charCodeAt(0) : (codes.get(one) as number));
  for (const index of indexes) {
    const longer = text + String.fromCharCode(index);
    if (longer.length === 1 || codes.has(longer)) {
      text = longer;
      continue;
    }
    emit(codeOf(text));
    if (next < 4096) {
      codes.set(longer, next);
      if (next === 1 << bits) bits += 1;
      next += 1;
    } else {
      emit(256);
      codes = new Map();
      next = 258;
      bits = 9;
    }
    text = String.fromCharCode(index);
  }
  emit(codeOf(text));
  emit(257);
  if (heldBits > 0) bytes.push(held & 255);
  return bytes;
}
