import type { Random } from "./random.ts";

/** Red, green, blue, each 0 to 255. */
export type Colour = readonly [number, number, number];

export const black: Colour = [14, 15, 18];
export const white: Colour = [246, 247, 248];
export const rubber: Colour = [34, 35, 38];
export const steel: Colour = [176, 182, 190];
export const glass: Colour = [62, 82, 104];

export function css([red, green, blue]: Colour): string {
  return `rgb(${byte(red)},${byte(green)},${byte(blue)})`;
}

/** `share` 0 gives the first colour, 1 the second. */
export function mix(first: Colour, second: Colour, share: number): Colour {
  return [0, 1, 2].map((i) => first[i as 0] + (second[i as 0] - first[i as 0]) * share) as unknown as Colour;
}

/** Light falling on a colour: below 1 darker, above 1 towards white. */
export function lit(colour: Colour, light: number): Colour {
  return light <= 1 ? mix(black, colour, Math.max(0, light)) : mix(colour, white, Math.min(0.85, (light - 1) * 0.9));
}

export function fromHue(hue: number, saturation: number, lightness: number): Colour {
  const amount = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    return 255 * (lightness - amount * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}

/** What vehicles are painted in: mostly strong colours, some white, black, grey and pastel. */
export function paint(random: Random): Colour {
  const kind = random.next();
  if (kind < 0.1) return [232, 234, 236];
  if (kind < 0.19) return [48, 50, 56];
  if (kind < 0.28) return mix([120, 128, 138], [198, 203, 208], random.next());
  const hue =
    random.pick([2, 8, 18, 28, 42, 48, 95, 140, 165, 188, 205, 215, 226, 265, 335, 352]) + random.between(-6, 6);
  if (kind < 0.38) return fromHue(hue + 360, random.between(0.3, 0.5), random.between(0.6, 0.72));
  return fromHue(hue + 360, random.between(0.6, 0.88), random.between(0.34, 0.54));
}

function byte(value: number): number {
  return Math.max(0, Math.min(255, Math.round(value)));
}
