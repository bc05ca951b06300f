import { type PictureStatistics, statisticNames } from "./picture-statistics.ts";
import { chiSquare, kolmogorovSmirnov, populationStability, wasserstein } from "./two-sample-tests.ts";

/** What is known of one captured exchange for the purpose of drift. */
export interface Observation {
  statistics?: PictureStatistics;
  confidence?: number;
  predictedLabel?: number;
}

export interface DriftReport {
  isDrifting: boolean;
  referenceCount: number;
  windowCount: number;
  /** The chance of a false alarm per window, over all features together. */
  alpha: number;
  /** The largest effect first. */
  features: FeatureDrift[];
}

export interface FeatureDrift {
  feature: string;
  p: number;
  isDrifting: boolean;
  /** Wasserstein distance in reference deviations; for class shares the largest difference of a share. */
  effect: number;
  /** Sign of the change of the mean; 0 for class shares. */
  direction: -1 | 0 | 1;
  distance: number;
  /** Population stability index; absent for class shares. */
  stability?: number;
}

/** One verdict per window: nine picture statistics, confidence and class shares, each at an equal part of alpha. */
export function driftReport(
  reference: readonly Observation[],
  window: readonly Observation[],
  { alpha = 0.05 }: { alpha?: number } = {},
): DriftReport {
  const numeric = [
    ...statisticNames.map((name) => ({
      feature: name as string,
      of: (observation: Observation) => observation.statistics?.[name],
    })),
    { feature: "confidence", of: (observation: Observation) => observation.confidence },
  ];
  const rows = numeric.flatMap(({ feature, of }) => {
    const [expected, actual] = [present(reference.map(of)), present(window.map(of))];
    return expected.length === 0 || actual.length === 0 ? [] : [numericDrift(feature, expected, actual)];
  });
  const shares = classDrift(reference, window);
  const all = shares ? [...rows, shares] : rows;
  const features = all
    .map((row) => ({ ...row, isDrifting: row.p < alpha / all.length }))
    .sort((a, b) => b.effect - a.effect);
  return {
    isDrifting: features.some((row) => row.isDrifting),
    referenceCount: reference.length,
    windowCount: window.length,
    alpha,
    features,
  };
}

function numericDrift(feature: string, reference: number[], window: number[]): Omit<FeatureDrift, "isDrifting"> {
  const { distance, p } = kolmogorovSmirnov(reference, window);
  const [before, after] = [mean(reference), mean(window)];
  const deviation = Math.sqrt(mean(reference.map((value) => (value - before) ** 2)));
  const moved = wasserstein(reference, window);
  // A constant reference has no deviation to measure by: any move at all is then infinitely large, so the bare distance is told.
  return {
    feature,
    p,
    distance,
    effect: deviation === 0 ? moved : moved / deviation,
    direction: Math.sign(after - before) as -1 | 0 | 1,
    stability: populationStability(reference, window),
  };
}

function classDrift(
  reference: readonly Observation[],
  window: readonly Observation[],
): Omit<FeatureDrift, "isDrifting"> | undefined {
  const [before, after] = [
    present(reference.map((o) => o.predictedLabel)),
    present(window.map((o) => o.predictedLabel)),
  ];
  if (before.length === 0 || after.length === 0) return undefined;
  const size = Math.max(...before, ...after) + 1;
  const counts = (labels: number[]) =>
    Array.from({ length: size }, (_, label) => labels.filter((other) => other === label).length);
  const [expected, actual] = [counts(before), counts(after)];
  const effect = Math.max(
    ...actual.map((count, i) => Math.abs(count / after.length - (expected[i] as number) / before.length)),
  );
  return { feature: "class shares", p: chiSquare(expected, actual).p, distance: effect, effect, direction: 0 };
}

function present(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
