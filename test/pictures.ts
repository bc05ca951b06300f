import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";

/** A PNG of one colour. */
export function plain(colour: readonly [red: number, green: number, blue: number], side = 32): Buffer {
  const row = Buffer.from([0, ...Array.from({ length: side }, () => colour).flat()]);
  return pngOf(side, Buffer.concat(Array.from({ length: side }, () => row)));
}

/** A PNG of stripes that run down (`upright`) or across, at a place and in colours that the number chooses; `light` is 1 by day. */
export function stripes(
  kind: "upright" | "level",
  number: number,
  { side = 32, light = 1 }: { side?: number; light?: number } = {},
): Buffer {
  const rows = Buffer.alloc(side * (1 + side * 3));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const place = (kind === "upright" ? x : y) + number;
      const isStripe = place % 8 < 4;
      const at = y * (1 + side * 3) + 1 + x * 3;
      for (let channel = 0; channel < 3; channel++)
        rows[at + channel] = light * (isStripe ? 40 + ((number * 37 + channel * 70) % 200) : 10);
    }
  }
  return pngOf(side, rows);
}

export const shapeNames = ["disc", "square", "cross"] as const;

/** A PNG of grey ground with any of three shapes, each of its colour, at places that the number chooses. */
export function shapes(shown: readonly (typeof shapeNames)[number][], number: number, side = 32): Buffer {
  const rows = Buffer.alloc(side * (1 + side * 3));
  const placed = shown.map((name, i) => {
    const place = (number * 7 + i * 13) % 97;
    return {
      channel: shapeNames.indexOf(name),
      name,
      x: 6 + (place % (side - 12)),
      y: 6 + ((place * 5) % (side - 12)),
    };
  });
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const ground = 60 + ((x * 7 + y * 13 + number * 29) % 40);
      for (let channel = 0; channel < 3; channel++) {
        const isShape = placed.some((shape) => shape.channel === channel && isIn(shape.name, x - shape.x, y - shape.y));
        rows[y * (1 + side * 3) + 1 + x * 3 + channel] = isShape ? 230 : ground;
      }
    }
  }
  return pngOf(side, rows);
}

function isIn(name: (typeof shapeNames)[number], x: number, y: number): boolean {
  if (name === "disc") return x * x + y * y <= 25;
  if (name === "square") return Math.max(Math.abs(x), Math.abs(y)) <= 4;
  return Math.min(Math.abs(x), Math.abs(y)) <= 1 && Math.max(Math.abs(x), Math.abs(y)) <= 5;
}

/** The rows begin with a zero each: no filter. */
function pngOf(side: number, rows: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** What is left of a picture whose transfer broke off. */
export function cutOff(png: Buffer): Buffer {
  return png.subarray(0, Math.floor(png.length / 2));
}

/** A folder of `train/CLASS` and `test/CLASS`; the first training pictures of each class can be cut off. */
export function stripedFolder(folder: string, options: { train: number; test: number; cutOffOfEach: number }): string {
  for (const kind of ["upright", "level"] as const) {
    for (const split of ["train", "test"] as const) {
      mkdirSync(join(folder, split, kind), { recursive: true });
      for (let i = 0; i < options[split]; i++) {
        const png = stripes(kind, split === "train" ? i : i + options.train);
        const isCutOff = split === "train" && i < options.cutOffOfEach;
        writeFileSync(join(folder, split, kind, `${kind}-${i}.png`), isCutOff ? cutOff(png) : png);
      }
    }
  }
  return folder;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
