import type { Random } from "./random.ts";

/** What the world is like in a picture. Whatever is absent is drawn by chance, as a fair-weather camera would see it. */
export interface Conditions {
  light?: Light;
  weather?: Weather;
  place?: Place;
  /** 0 to 1: how dark the night, how thick the fog, how much rain and snow. */
  severity?: number;
  /** The camera is mounted askew: clockwise, in degrees. */
  rotateDegrees?: number;
  /** Sensor noise as deviation of 0..255 values. */
  noise?: number;
  /** Blur radius as a share of the picture's width. */
  blur?: number;
  /** Exposure: 1 is right, .5 one stop too dark. */
  exposure?: number;
}

export const lights = ["day", "overcast", "dusk", "night"] as const;
export const weathers = ["clear", "rain", "fog", "snow"] as const;
export const places = ["street", "city", "field", "forest", "seaside", "mountains", "wall", "studio"] as const;
export type Light = (typeof lights)[number];
export type Weather = (typeof weathers)[number];
export type Place = (typeof places)[number];

export function settle(conditions: Conditions, random: Random): Required<Conditions> {
  const light = random.next();
  const weather = random.next();
  const chosen = {
    light: light < 0.58 ? "day" : light < 0.8 ? "overcast" : light < 0.94 ? "dusk" : "night",
    weather: weather < 0.82 ? "clear" : weather < 0.89 ? "rain" : weather < 0.95 ? "fog" : "snow",
    place: random.pick(places),
    severity: random.between(0.25, 0.7),
    rotateDegrees: random.normal() * 2.2,
    noise: random.chance(0.5) ? random.between(1, 9) : random.between(0, 2),
    blur: random.chance(0.3) ? random.between(0.004, 0.01) : 0,
    exposure: Math.exp(random.normal() * 0.14),
  } satisfies Required<Conditions>;
  return { ...chosen, ...conditions };
}
