import { type Colour, css } from "./colour.ts";

/** Everything is drawn in a frame of 256 x 256. */
export const frame = 256;

export function box(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" fill="${fill}"/>`;
}

export function polygon(points: readonly (readonly [number, number])[], colour: Colour): string {
  return `<path d="M${points.map(([x, y]) => `${n(x)} ${n(y)}`).join("L")}Z" fill="${css(colour)}"/>`;
}

export function dot(x: number, y: number, radius: number, colour: Colour, opacity: number): string {
  return `<circle cx="${n(x)}" cy="${n(y)}" r="${n(radius)}" fill="${css(colour)}"${opacity < 1 ? ` opacity="${n(opacity)}"` : ""}/>`;
}

export function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}
