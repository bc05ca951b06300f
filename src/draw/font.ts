import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/*
 * Text is measured with the very font that draws it, so that nothing overflows its box. Only what measuring needs is read
 * from the TrueType file: the character map (format 4) and the advance widths.
 */
export type FontStyle = "regular" | "bold" | "mono";

const files: Record<FontStyle, string> = {
  regular: "DejaVuSans.ttf",
  bold: "DejaVuSans-Bold.ttf",
  mono: "DejaVuSansMono.ttf",
};
const loaded = new Map<FontStyle, (codePoint: number) => number>();

/** The files for a renderer that must not look at the fonts of the machine. */
export function fontFiles(): string[] {
  const folder = join(dirname(createRequire(import.meta.url).resolve("dejavu-fonts-ttf/package.json")), "ttf");
  return Object.values(files).map((file) => join(folder, file));
}

/** Width in pixels at `size` pixels per em. */
export function textWidth(text: string, size: number, style: FontStyle = "regular"): number {
  const advance = advances(style);
  let width = 0;
  for (const character of text) width += advance(character.codePointAt(0) as number);
  return width * size;
}

/** The text, or as much of it as fits before an ellipsis. */
export function fitted(
  text: string,
  width: number,
  { size, style = "regular" }: { size: number; style?: FontStyle },
): string {
  if (textWidth(text, size, style) <= width) return text;
  const characters = [...text];
  while (characters.length > 1 && textWidth(`${characters.join("")}…`, size, style) > width) characters.pop();
  return `${characters.join("")}…`;
}

function advances(style: FontStyle): (codePoint: number) => number {
  const known = loaded.get(style);
  if (known) return known;
  const path = fontFiles()[Object.keys(files).indexOf(style)] as string;
  const advance = readAdvances(readFileSync(path));
  loaded.set(style, advance);
  return advance;
}

function readAdvances(font: Buffer): (codePoint: number) => number {
  const tables = new Map<string, number>();
  for (let i = 0; i < font.readUInt16BE(4); i++) {
    const entry = 12 + i * 16;
    tables.set(font.toString("latin1", entry, entry + 4), font.readUInt32BE(entry + 8));
  }
  const table = (name: string) => {
    const offset = tables.get(name);
    if (offset === undefined) throw new Error(`the font has no ${name} table`);
    return offset;
  };
  const unitsPerEm = font.readUInt16BE(table("head") + 18);
  const metricCount = font.readUInt16BE(table("hhea") + 34);
  const glyphOf = characterMap(font, table("cmap"));
  return (codePoint) => {
    const glyph = Math.min(glyphOf(codePoint), metricCount - 1);
    return font.readUInt16BE(table("hmtx") + glyph * 4) / unitsPerEm;
  };
}

function characterMap(font: Buffer, cmap: number): (codePoint: number) => number {
  const count = font.readUInt16BE(cmap + 2);
  const offsets = Array.from({ length: count }, (_, i) => cmap + font.readUInt32BE(cmap + 4 + i * 8 + 4));
  const start = offsets.find((offset) => font.readUInt16BE(offset) === 4);
  if (start === undefined) throw new Error("the font has no character map of format 4");
  const segments = font.readUInt16BE(start + 6) / 2;
  const [ends, starts] = [start + 14, start + 16 + segments * 2];
  const [deltas, ranges] = [starts + segments * 2, starts + segments * 4];
  return (codePoint) => {
    for (let i = 0; i < segments; i++) {
      if (font.readUInt16BE(ends + i * 2) < codePoint) continue;
      const first = font.readUInt16BE(starts + i * 2);
      if (first > codePoint) return 0;
      const [delta, range] = [font.readUInt16BE(deltas + i * 2), font.readUInt16BE(ranges + i * 2)];
      if (range === 0) return (codePoint + delta) & 0xffff;
      const glyph = font.readUInt16BE(ranges + i * 2 + range + (codePoint - first) * 2);
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}
