import type { Random } from "../random.ts";

/*
 * The hyperparameters that a tuning job varies. A configuration is a point of the unit cube, one coordinate per parameter: searches work
 * there, where a learning rate between 0.0001 and 0.1 is as wide as one between 0 and 1.
 */

export type Scaling = "Auto" | "Linear" | "Logarithmic" | "ReverseLogarithmic";

export type ParameterRange =
  | { kind: "integer" | "continuous"; name: string; least: number; most: number; scaling: Scaling }
  | { kind: "categorical"; name: string; values: readonly string[] };

export type SearchSpace = readonly ParameterRange[];

/** Values by name, as a training job is given them. */
export type Configuration = Readonly<Record<string, string>>;

/** From that ratio on, a range of unknown scale is searched by orders of magnitude. Our choice: AWS does not say what its `Auto` does. */
const wideRange = 100;
/** Coordinates stay below 1. */
const belowOne = 1 - 2 ** -53;

export function randomPoint(space: SearchSpace, random: Random): number[] {
  return space.map(() => random.uniform());
}

/** The configuration at a point of the unit cube; coordinates are in [0, 1). */
export function configurationAt(space: SearchSpace, point: readonly number[]): Configuration {
  return Object.fromEntries(space.map((range, i) => [range.name, valueAt(range, point[i] as number)]));
}

/**
 * The point that stands for a configuration. `undefined` when the configuration lacks a parameter or has it outside of its range, as one
 * from another tuning job may.
 */
export function pointOf(space: SearchSpace, configuration: Configuration): number[] | undefined {
  const point: number[] = [];
  for (const range of space) {
    const value = configuration[range.name];
    const coordinate = value === undefined ? undefined : coordinateOf(range, value);
    if (coordinate === undefined) return undefined;
    point.push(coordinate);
  }
  return point;
}

/** What a model of the objective sees of a point: a coordinate for a number, one of as many as there are values for a category. */
export function featuresAt(space: SearchSpace, point: readonly number[]): number[] {
  return space.flatMap((range, i) => {
    const coordinate = point[i] as number;
    if (range.kind !== "categorical") return [coordinate];
    const chosen = Math.floor(coordinate * range.values.length);
    return range.values.map((_, place) => (place === chosen ? Math.SQRT1_2 : 0)); // two values are at distance 1
  });
}

function valueAt(range: ParameterRange, coordinate: number): string {
  if (range.kind === "categorical") return range.values[Math.floor(coordinate * range.values.length)] as string;
  const { from, low, high } = scaledRange(range);
  const value = from(low + coordinate * (high - low));
  // Twelve digits: what rounding adds behind them would only make the values hard to read.
  const rounded = range.kind === "integer" ? Math.round(value) : Number(value.toPrecision(12));
  return String(Math.min(range.most, Math.max(range.least, rounded)));
}

function coordinateOf(range: ParameterRange, value: string): number | undefined {
  if (range.kind === "categorical") {
    const place = range.values.indexOf(value);
    return place < 0 ? undefined : (place + 0.5) / range.values.length;
  }
  const number = Number(value);
  if (!(number >= range.least && number <= range.most)) return undefined;
  const { to, low, high } = scaledRange(range);
  return high === low ? 0.5 : Math.min((to(number) - low) / (high - low), belowOne);
}

/** An integer stands for everything that is rounded to it, so that the outermost ones are as likely as the others. */
function scaledRange(range: Extract<ParameterRange, { least: number }>) {
  const { to, from } = scaleOf(range);
  const margin = range.kind === "integer" ? 0.5 : 0;
  return { to, from, low: to(range.least - margin), high: to(range.most + margin) };
}

function scaleOf({ least, most, scaling }: { least: number; most: number; scaling: Scaling }): {
  to: (value: number) => number;
  from: (scaled: number) => number;
} {
  switch (scaling) {
    case "Logarithmic":
      return { to: Math.log, from: Math.exp };
    case "ReverseLogarithmic":
      return { to: (value) => -Math.log1p(-value), from: (scaled) => -Math.expm1(-scaled) };
    case "Linear":
      return { to: (value) => value, from: (scaled) => scaled };
    case "Auto":
      return scaleOf({ least, most, scaling: least > 0 && most / least >= wideRange ? "Logarithmic" : "Linear" });
    default:
      return scaling satisfies never;
  }
}

/** How many configurations a grid of categorical parameters has; `undefined` when a parameter is a number. */
export function gridSize(space: SearchSpace): number | undefined {
  let size = 1;
  for (const range of space) {
    if (range.kind !== "categorical") return undefined;
    size *= range.values.length;
  }
  return size;
}

/** The configuration at a place of the grid; the last parameter changes fastest. */
export function gridConfiguration(space: SearchSpace, index: number): Configuration {
  const chosen: [string, string][] = [];
  let rest = index;
  for (const range of space.toReversed()) {
    if (range.kind !== "categorical") throw new Error(`a grid needs categorical parameters: ${range.name} is a number`);
    chosen.push([range.name, range.values[rest % range.values.length] as string]);
    rest = Math.floor(rest / range.values.length);
  }
  return Object.fromEntries(chosen.reverse());
}
