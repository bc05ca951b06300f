import type { SketchData } from "./data-quality/kll-sketch.ts";

/** A distribution of numbers as the steps of its distribution function. */
export interface Steps {
  /** Each different value once, ascending. */
  values: readonly number[];
  /** How much lies at or below each value. */
  ranks: readonly number[];
  total: number;
}

export function stepsOf(sample: readonly number[]): Steps {
  const weights = new Map<number, number>();
  for (const value of sample) weights.set(value, (weights.get(value) ?? 0) + 1);
  return stepsOfWeights(weights);
}

/** Everything that a sketch stands for: exact while it has one level. */
export function stepsOfSketch({ data }: SketchData): Steps {
  const weights = new Map<number, number>();
  data.forEach((level, height) => {
    for (const value of level) weights.set(value, (weights.get(value) ?? 0) + 2 ** height);
  });
  return stepsOfWeights(weights);
}

export function stepsOfWeights(weights: ReadonlyMap<number, number>): Steps {
  const values = [...weights.keys()].sort((a, b) => a - b);
  let total = 0;
  const ranks = values.map((value) => {
    total += weights.get(value) as number;
    return total;
  });
  return { values, ranks, total };
}

export interface StepsDifference {
  /** The largest difference of the two functions. */
  distance: number;
  /** The area between them: Wasserstein's distance, in the unit of the values. */
  area: number;
}

/** Both are 0 when one side is empty. */
export function difference(a: Steps, b: Steps): StepsDifference {
  if (a.total === 0 || b.total === 0) return { distance: 0, area: 0 };
  let [i, j, distance, area] = [0, 0, 0, 0];
  while (i < a.values.length || j < b.values.length) {
    const value = Math.min(a.values[i] ?? Infinity, b.values[j] ?? Infinity);
    // Equal values step together: the distance is taken between values, not inside them.
    if (a.values[i] === value) i++;
    if (b.values[j] === value) j++;
    const apart = Math.abs((a.ranks[i - 1] ?? 0) / a.total - (b.ranks[j - 1] ?? 0) / b.total);
    const next = Math.min(a.values[i] ?? Infinity, b.values[j] ?? Infinity);
    distance = Math.max(distance, apart);
    // Behind the last value of both there is nothing left between them.
    if (next !== Infinity) area += apart * (next - value);
  }
  return { distance, area };
}
