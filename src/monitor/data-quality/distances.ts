/*
 * Distances between a baseline and a window as Deequ computes them, and with it the analyzer of AWS: only for reports that
 * must say what those would say. Our own verdicts use the exact tests of two-sample-tests.ts.
 */
import { difference, type Steps, stepsOfWeights } from "../distribution-steps.ts";
import { upperGamma } from "../gamma.ts";
import type { SketchData } from "./kll-sketch.ts";

/** Simple is the bare distance; Robust takes off what chance alone may explain with so few values, down to 0. */
export type ComparisonMethod = "Simple" | "Robust";

/** Counts per category. */
export type CategoryCounts = ReadonlyMap<string, number>;

export interface DistanceOptions {
  method: ComparisonMethod;
  /** Chance that Robust leaves something of two equal distributions; absent is the factor 1.8, about .003. */
  alpha?: number;
}

/** The largest difference between two distribution functions, taken at the points of both sketches. */
export function numericalDistance(a: SketchData, b: SketchData, options: DistanceOptions): number {
  const [first, second] = [collapsedSteps(a), collapsedSteps(b)];
  if (first.total === 0 || second.total === 0) return 0;
  return adjusted(difference(first, second).distance, { n: first.total, m: second.total, ...options });
}

/** The largest difference of a category's share. */
export function categoricalDistance(a: CategoryCounts, b: CategoryCounts, options: DistanceOptions): number {
  const [n, m] = [total(a), total(b)];
  if (n === 0 || m === 0) return 0;
  const shares = (name: string): [number, number] => [(a.get(name) ?? 0) / n, (b.get(name) ?? 0) / m];
  const differences = [...new Set([...a.keys(), ...b.keys()])].map((name) => {
    const [first, second] = shares(name);
    return Math.abs(first - second);
  });
  return adjusted(
    differences.reduce((largest, difference) => Math.max(largest, difference), 0),
    { n, m, ...options },
  );
}

export interface ChiSquared {
  statistic: number;
  p: number;
}

/**
 * Pearson's test of observed counts against the shares of a baseline. Categories that the baseline lacks are left out, small
 * ones are merged; undefined when fewer than two are left.
 */
export function chiSquared(observed: CategoryCounts, baseline: CategoryCounts): ChiSquared | undefined {
  const known = [...baseline].map(([name, count]) => ({ observed: observed.get(name) ?? 0, count }));
  const [seen, base] = [known.reduce((sum, cell) => sum + cell.observed, 0), total(baseline)];
  const cells = known.map((cell) => ({ observed: cell.observed, expected: (cell.count / base) * seen }));
  mergeSmallCells(cells);
  if (cells.length < 2 || seen === 0) return undefined;
  const statistic = cells.reduce((sum, cell) => sum + (cell.observed - cell.expected) ** 2 / cell.expected, 0);
  return { statistic, p: upperGamma((cells.length - 1) / 2, statistic / 2) };
}

// As Deequ: a value that the sketch holds more than once counts once, with the weight of its highest level. With repeated
// values the distance is therefore not the one of the data; where that matters, see two-sample-tests.ts.
function collapsedSteps({ data }: SketchData): Steps {
  return stepsOfWeights(new Map(data.flatMap((level, height) => level.map((value) => [value, 2 ** height] as const))));
}

function adjusted(distance: number, { n, m, method, alpha }: DistanceOptions & { n: number; m: number }): number {
  if (method === "Simple") return distance;
  const factor = alpha === undefined ? 1.8 : Math.sqrt(-Math.log(alpha / 2) / 2);
  return Math.max(0, distance - factor * Math.sqrt((n + m) / (n * m)));
}

interface Cell {
  observed: number;
  expected: number;
}

// Two cells must hold ten each (Cochran); of more, at most a fifth may hold fewer than five (Yates, Moore and McCabe).
function mergeSmallCells(cells: Cell[]): void {
  for (;;) {
    if (cells.length < 2) return;
    const [least, mostSmall] = cells.length === 2 ? [10, 0] : [5, Math.floor(0.2 * cells.length)];
    if (cells.filter(({ expected }) => expected < least).length <= mostSmall) return;
    const [smallest] = cells.splice(indexOfSmallest(cells), 1) as [Cell];
    const next = cells[indexOfSmallest(cells)] as Cell;
    next.observed += smallest.observed;
    next.expected += smallest.expected;
  }
}

function indexOfSmallest(cells: readonly Cell[]): number {
  return cells.reduce((best, cell, i) => (cell.expected < (cells[best] as Cell).expected ? i : best), 0);
}

function total(counts: CategoryCounts): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
