import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { Transformer } from "@napi-rs/image";
import { decodeImage } from "./decode-image.ts";
import { type Image, ImageError } from "./image.ts";
import { encodePng, pngChunk } from "./png-encode.ts";
import { encodePpm } from "./ppm.ts";
import { resize } from "./resize.ts";

const gradient: Image = {
  width: 5,
  height: 3,
  data: Uint8Array.from({ length: 45 }, (_, i) => (i * 37 + (i % 7) * 11) % 256),
};

test("a picture written as PNG and read again is the same picture", () => {
  assert.deepEqual(decodeImage(encodePng(gradient)), gradient);
});

test("alpha is dropped, and the colours below it stay as they are", () => {
  const image = decodeImage(png({ colorType: 6, depth: 8, width: 2, height: 1 }, [[0, 1, 2, 3, 0, 4, 5, 6, 128]]));
  assert.deepEqual([...image.data], [1, 2, 3, 4, 5, 6]);
});

test("a grey picture becomes RGB with equal channels", () => {
  const image = decodeImage(png({ colorType: 0, depth: 8, width: 2, height: 1 }, [[0, 9, 200]]));
  assert.deepEqual([...image.data], [9, 9, 9, 200, 200, 200]);
});

test("a grey picture with alpha keeps its grey", () => {
  const image = decodeImage(png({ colorType: 4, depth: 8, width: 2, height: 1 }, [[0, 9, 0, 200, 255]]));
  assert.deepEqual([...image.data], [9, 9, 9, 200, 200, 200]);
});

test("a picture of one bit per pixel is black and white", () => {
  const image = decodeImage(png({ colorType: 0, depth: 1, width: 3, height: 1 }, [[0, 0b10100000]]));
  assert.deepEqual([...image.data], [255, 255, 255, 0, 0, 0, 255, 255, 255]);
});

test("a palette of two-bit indexes is looked up", () => {
  const palette = pngChunk("PLTE", Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
  const image = decodeImage(png({ colorType: 3, depth: 2, width: 3, height: 1 }, [[0, 0b10010000]], palette));
  assert.deepEqual([...image.data], [7, 8, 9, 4, 5, 6, 1, 2, 3]);
});

test("of 16-bit samples the high byte counts", () => {
  const image = decodeImage(png({ colorType: 2, depth: 16, width: 1, height: 1 }, [[0, 10, 255, 20, 255, 30, 255]]));
  assert.deepEqual([...image.data], [10, 20, 30]);
});

test("every row filter is undone as another PNG decoder undoes it", () => {
  const rows = [0, 1, 2, 3, 4].map((filter) => [
    filter,
    ...Array.from({ length: 12 }, (_, i) => (i * 91 + filter) % 256),
  ]);
  const bytes = png({ colorType: 2, depth: 8, width: 4, height: 5 }, rows);
  assert.deepEqual([...decodeImage(bytes).data], [...new Transformer(bytes).rawPixelsSync()]);
});

test("an interlaced PNG of any depth is the picture that it is without interlacing", () => {
  for (const [colorType, depth] of [
    [0, 1],
    [0, 16],
    [2, 8],
    [4, 16],
    [6, 8],
  ] as const) {
    for (const [width, height] of [
      [1, 1],
      [3, 2],
      [11, 9],
    ] as const) {
      const bits = ({ 0: 1, 2: 3, 4: 2, 6: 4 } as const)[colorType] * depth;
      const pixel = (x: number, y: number) =>
        bits === 1
          ? [(x * 3 + y) % 2]
          : Array.from({ length: bits / 8 }, (_, i) => (x * 31 + y * 67 + i * 101 + 5) % 256);
      const rowOf = (xs: number[], y: number) => {
        const samples = xs.flatMap((x) => pixel(x, y));
        if (bits > 1) return [0, ...samples];
        const bytes: number[] = new Array(Math.ceil(samples.length / 8)).fill(0);
        samples.forEach((sample, i) => {
          bytes[i >> 3] = (bytes[i >> 3] as number) | (sample << (7 - (i & 7)));
        });
        return [0, ...bytes];
      };
      const every = (from: number, step: number, to: number) =>
        Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
      const whole = every(0, 1, height).map((y) => rowOf(every(0, 1, width), y));
      const passes = adam7.flatMap(([x, y, stepX, stepY]) =>
        x < width ? every(y, stepY, height).map((row) => rowOf(every(x, stepX, width), row)) : [],
      );
      assert.deepEqual(
        decodeImage(png({ colorType, depth, width, height, interlace: 1 }, passes)),
        decodeImage(png({ colorType, depth, width, height }, whole)),
        `colour type ${colorType}, depth ${depth}, ${width}x${height}`,
      );
    }
  }
});

// As the PNG specification gives the passes: first column and row, steps between columns and rows.
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

test("JPEG, WebP and BMP are decoded by the library", () => {
  const rgba = Buffer.alloc(8 * 6 * 4, 200);
  const written = Transformer.fromRgbaPixels(rgba, 8, 6);
  const sizes = [written.jpegSync(), written.webpLosslessSync(), written.bmpSync()].map((bytes) => {
    const image = decodeImage(bytes);
    return [image.width, image.height, image.data.length, Math.abs((image.data[70] as number) - 200) <= 2];
  });
  assert.deepEqual(sizes, Array(3).fill([8, 6, 144, true]));
});

test("a PPM is read as it was written, and refused when its size is not that of its pixels", () => {
  const bytes = encodePpm(gradient);
  const { width, height, data } = decodeImage(bytes);
  assert.deepEqual({ width, height, data: Uint8Array.from(data) }, gradient);
  assert.throws(() => decodeImage(bytes.subarray(0, -1)), { name: "ImageError", reason: "damaged" });
  assert.throws(() => decodeImage(Buffer.from("P6 9999 9999 255 ")), { name: "ImageError", reason: "tooLarge" });
  assert.throws(() => decodeImage(Buffer.from("P6 1 1 65535 ")), { name: "ImageError", reason: "unsupported" });
});

test("a PNG of more bytes than the limit of pixels allows is refused before it is inflated", () => {
  const header = headerChunk({ colorType: 6, depth: 16, width: 4_000, height: 3_000 });
  const bytes = file([header, pngChunk("IDAT", deflateSync("x")), pngChunk("IEND", new Uint8Array())]);
  assert.throws(() => decodeImage(bytes, { maxPixels: 12_000_000 }), { name: "ImageError", reason: "tooLarge" });
});

test("any single damaged byte of a PNG is noticed or changes nothing", () => {
  const good = encodePng(gradient);
  let refused = 0;
  for (let i = 0; i < good.length; i++) {
    const bad = Uint8Array.from(good);
    bad[i] = (bad[i] as number) ^ 0x10;
    assert.throws(() => decodeImage(bad), ImageError, `byte ${i}`);
    refused++;
  }
  assert.ok(refused > 60);
});

test("a PNG or JPEG cut off anywhere is refused", () => {
  const jpeg = Transformer.fromRgbaPixels(Buffer.alloc(64 * 64 * 4, 90), 64, 64).jpegSync();
  const good = encodePng(gradient);
  for (let length = 0; length < good.length; length++) {
    assert.throws(() => decodeImage(good.subarray(0, length)), ImageError);
  }
  for (let length = 0; length < 160; length++) assert.throws(() => decodeImage(jpeg.subarray(0, length)), ImageError);
});

test("a PNG that declares too many pixels is refused before it is inflated", () => {
  const bomb = png({ colorType: 2, depth: 8, width: 20000, height: 19000 }, [[0]]);
  assert.throws(() => decodeImage(bomb), { name: "ImageError", reason: "tooLarge" });
});

test("a small header before a gigabyte of pixels costs neither time nor memory", () => {
  const zeros = deflateSync(Buffer.alloc(64 * 1024 * 1024));
  const header = headerChunk({ colorType: 2, depth: 8, width: 32, height: 32 });
  const liar = file([header, pngChunk("IDAT", zeros), pngChunk("IEND", new Uint8Array())]);
  const before = process.memoryUsage.rss();
  assert.throws(() => decodeImage(liar), { name: "ImageError", reason: "damaged" });
  assert.ok(process.memoryUsage.rss() - before < 32 * 1024 * 1024);
});

test("a JPEG that declares too many pixels is refused from its header", () => {
  const jpeg = Buffer.from(Transformer.fromRgbaPixels(Buffer.alloc(64), 4, 4).jpegSync());
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  jpeg.writeUInt16BE(60000, frame + 5);
  jpeg.writeUInt16BE(60000, frame + 7);
  assert.throws(() => decodeImage(jpeg), { name: "ImageError", reason: "tooLarge" });
});

test("text is no picture", () => {
  assert.throws(() => decodeImage(Buffer.from("hello")), { name: "ImageError", reason: "unsupported" });
});

test("a picture above the byte limit is refused", () => {
  assert.throws(() => decodeImage(encodePng(gradient), { maxBytes: 20 }), { name: "ImageError", reason: "tooLarge" });
});

test("a palette index without a colour is damage", () => {
  const palette = pngChunk("PLTE", Uint8Array.of(1, 2, 3));
  const bytes = png({ colorType: 3, depth: 8, width: 1, height: 1 }, [[0, 1]], palette);
  assert.throws(() => decodeImage(bytes), { name: "ImageError", reason: "damaged" });
});

test("resizing keeps a flat colour flat and halves by averaging", () => {
  const flat: Image = { width: 7, height: 5, data: new Uint8Array(105).fill(77) };
  assert.deepEqual([...new Set(resize(flat, 3, 9).data)], [77]);
  const steps: Image = { width: 4, height: 1, data: Uint8Array.from([0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255]) };
  const half = resize(steps, 2, 1).data;
  assert.equal((half[0] as number) + (half[3] as number), 255);
});

test("enlarging interpolates between the centres of the pixels", () => {
  const pair: Image = { width: 2, height: 1, data: Uint8Array.from([0, 0, 0, 200, 200, 200]) };
  assert.deepEqual(
    [...resize(pair, 4, 1).data].filter((_, i) => i % 3 === 0),
    [0, 50, 150, 200],
  );
});

interface Header {
  colorType: number;
  depth: number;
  width: number;
  height: number;
  interlace?: number;
}

function png(header: Header, rows: number[][], ...between: Uint8Array[]): Uint8Array {
  const pixels = pngChunk("IDAT", deflateSync(Uint8Array.from(rows.flat())));
  return file([headerChunk(header), ...between, pixels, pngChunk("IEND", new Uint8Array())]);
}

function headerChunk({ width, height, depth, colorType, interlace }: Header): Uint8Array {
  const body = Buffer.alloc(13);
  body.writeUInt32BE(width, 0);
  body.writeUInt32BE(height, 4);
  body.set([depth, colorType, 0, 0, interlace ?? 0], 8);
  return pngChunk("IHDR", body);
}

function file(chunks: Uint8Array[]): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), ...chunks]);
}
