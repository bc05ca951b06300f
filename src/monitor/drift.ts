import { meanDiscrepancy } from "./mean-discrepancy.ts";
import type { Observation } from "./observation.ts";
import { statisticNames } from "./picture-statistics.ts";
import { chiSquare, kolmogorovSmirnov, populationStability, wasserstein } from "./two-sample-tests.ts";

/*
 * One verdict per window. Three families of tests share the chance of a false alarm equally, each family's tests share its part:
 * how pictures were taken, what is on them, and what the model made of it. Each sees what the others cannot. p-values are
 * calibrated for the sizes of both samples, so the verdict does not depend on how many requests there were.
 */

export type DriftFamily = "picture" | "layout" | "prediction";

export interface DriftReport {
  isDrifting: boolean;
  referenceCount: number;
  windowCount: number;
  /** The chance of a false alarm per window, over all features together. */
  alpha: number;
  /** What drifts comes first, then the larger effect. */
  features: FeatureDrift[];
}

export interface FeatureDrift {
  /** A statistic of pictures, `layout`, `confidence`, `probability of class 1` or `class shares`. */
  feature: string;
  family: DriftFamily;
  p: number;
  /** p must be below this to count. */
  threshold: number;
  isDrifting: boolean;
  /** How far the distribution moved, in deviations of the reference. */
  effect: number;
  /** Sign of the change of the mean; 0 for layout and class shares. */
  direction: -1 | 0 | 1;
  /** Means in reference and window; of class shares those of the class that changed most. Absent for the layout. */
  before?: number;
  after?: number;
  /** The class whose share changed most. */
  label?: number;
  /** Population stability index, where there are numbers. */
  stability?: number;
}

export interface DriftOptions {
  /** Uniform in [0, 1), for the permutations of the layout test. */
  random: () => number;
  alpha?: number;
}

type Measured = Omit<FeatureDrift, "threshold" | "isDrifting">;

export function driftReport(
  reference: readonly Observation[],
  window: readonly Observation[],
  { random, alpha = 0.05 }: DriftOptions,
): DriftReport {
  const rows = [
    ...numericRows(reference, window),
    ...layoutRow(reference, window, random),
    ...classRow(reference, window),
  ];
  const sizes = new Map<DriftFamily, number>();
  for (const { family } of rows) sizes.set(family, (sizes.get(family) ?? 0) + 1);
  const features = rows.map((row) => {
    const threshold = alpha / sizes.size / (sizes.get(row.family) as number);
    return { ...row, threshold, isDrifting: row.p < threshold };
  });
  return {
    isDrifting: features.some((row) => row.isDrifting),
    referenceCount: reference.length,
    windowCount: window.length,
    alpha,
    features: features.sort((a, b) => Number(b.isDrifting) - Number(a.isDrifting) || b.effect - a.effect),
  };
}

function numericRows(reference: readonly Observation[], window: readonly Observation[]): Measured[] {
  const numbers: { feature: string; family: DriftFamily; of: (observation: Observation) => number | undefined }[] = [
    ...statisticNames.map((name) => ({
      feature: name,
      family: "picture" as const,
      of: (observation: Observation) => observation.statistics?.[name],
    })),
    { feature: "confidence", family: "prediction", of: ({ confidence }) => confidence },
    // Of two classes one tells both; of more, shares and confidence have to do.
    {
      feature: "probability of class 1",
      family: "prediction",
      of: ({ probabilities }) => (probabilities?.length === 2 ? probabilities[1] : undefined),
    },
  ];
  return numbers.flatMap(({ feature, family, of }) => {
    const [expected, actual] = [present(reference.map(of)), present(window.map(of))];
    return expected.length === 0 || actual.length === 0 ? [] : [{ feature, family, ...moved(expected, actual) }];
  });
}

function moved(reference: number[], window: number[]): Omit<Measured, "feature" | "family"> {
  const [before, after] = [mean(reference), mean(window)];
  // Where the reference is constant, the spread of all has to do.
  const deviation = deviationOf(reference) || deviationOf([...reference, ...window]);
  return {
    p: kolmogorovSmirnov(reference, window).p,
    effect: deviation === 0 ? 0 : wasserstein(reference, window) / deviation,
    direction: Math.sign(after - before) as -1 | 0 | 1,
    before,
    after,
    stability: populationStability(reference, window),
  };
}

function layoutRow(
  reference: readonly Observation[],
  window: readonly Observation[],
  random: () => number,
): Measured[] {
  const [expected, actual] = [present(reference.map((o) => o.layout)), present(window.map((o) => o.layout))];
  if (expected.length < 2 || actual.length < 2) return [];
  return [{ feature: "layout", family: "layout", direction: 0, ...meanDiscrepancy(expected, actual, { random }) }];
}

function classRow(reference: readonly Observation[], window: readonly Observation[]): Measured[] {
  const [before, after] = [
    present(reference.map((o) => o.predictedLabel)),
    present(window.map((o) => o.predictedLabel)),
  ];
  if (before.length === 0 || after.length === 0) return [];
  const size = Math.max(...before, ...after) + 1;
  const counts = (labels: number[]): number[] =>
    Array.from({ length: size }, (_, label) => labels.filter((other) => other === label).length);
  const [expected, actual] = [counts(before), counts(after)];
  const changes = actual.map((count, i) => ({
    label: i,
    before: (expected[i] as number) / before.length,
    after: count / after.length,
  }));
  const largest = changes.reduce((a, b) => (Math.abs(b.after - b.before) > Math.abs(a.after - a.before) ? b : a));
  // The deviation of belonging to that class or not, as both samples together have it.
  const share =
    ((expected[largest.label] as number) + (actual[largest.label] as number)) / (before.length + after.length);
  const deviation = Math.sqrt(share * (1 - share));
  const effect = deviation === 0 ? 0 : Math.abs(largest.after - largest.before) / deviation;
  return [
    {
      feature: "class shares",
      family: "prediction",
      p: chiSquare(expected, actual).p,
      effect,
      direction: 0,
      ...largest,
    },
  ];
}

function present<Value>(values: readonly (Value | undefined)[]): Value[] {
  return values.filter((value) => value !== undefined);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviationOf(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
}
