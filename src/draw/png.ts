import { Resvg } from "@resvg/resvg-js";
import { fontFiles } from "./font.ts";
import { fontFamily } from "./palette.ts";

/** Pixels per SVG unit: two, so that text is sharp on the screens of today. */
export const defaultScale = 2;
/** Width times height of one PNG; above it the scale is reduced (a very long workflow graph). */
export const maxPngPixels = 64_000_000;

/** SVG to PNG with the shipped fonts only: the same bytes on every machine. */
export function svgToPng(svg: string, { scale = defaultScale }: { scale?: number } = {}): Uint8Array {
  const { width, height } = new Resvg(svg, { font: { loadSystemFonts: false } });
  const bounded = Math.min(scale, Math.sqrt(maxPngPixels / Math.max(1, width * height)));
  const font = { loadSystemFonts: false, fontFiles: fontFiles(), defaultFontFamily: fontFamily };
  return new Resvg(svg, { fitTo: { mode: "zoom", value: bounded }, font }).render().asPng();
}
