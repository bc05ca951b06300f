import { areOfSeveralClasses } from "./capture-record.ts";
import { categoryDrift } from "./category-drift.ts";
import { difference, stepsOf } from "./distribution-steps.ts";
import { type DriftFamily, type DriftReport, driftVerdict, type MeasuredDrift } from "./drift-verdict.ts";
import { meanDiscrepancy } from "./mean-discrepancy.ts";
import type { Observation } from "./observation.ts";
import { statisticNames } from "./picture-statistics.ts";
import { deviationOf, meanOf } from "./spread.ts";
import { kolmogorovSmirnov, populationStability } from "./two-sample-tests.ts";

/*
 * One verdict per window. Three families of tests share the chance of a false alarm equally, each family's tests share its part:
 * how pictures were taken, what is on them, and what the model made of it. Each sees what the others cannot. p-values are
 * calibrated for the sizes of both samples, so the verdict does not depend on how many requests there were.
 */

export interface DriftOptions {
  /** Uniform in [0, 1), for the permutations of the layout test. */
  random: () => number;
  alpha?: number;
}

export function driftReport(
  reference: readonly Observation[],
  window: readonly Observation[],
  { random, alpha = 0.05 }: DriftOptions,
): DriftReport {
  const measured = [
    ...numericRows(reference, window),
    ...layoutRow(reference, window, random),
    ...classRow(reference, window),
  ];
  return driftVerdict(measured, { alpha, referenceCount: reference.length, windowCount: window.length });
}

function numericRows(reference: readonly Observation[], window: readonly Observation[]): MeasuredDrift[] {
  const numbers: { feature: string; family: DriftFamily; of: (observation: Observation) => number | undefined }[] = [
    ...statisticNames.map((name) => ({
      feature: name,
      family: "picture" as const,
      of: (observation: Observation) => observation.statistics?.[name],
    })),
    { feature: "confidence", family: "prediction", of: ({ confidence }) => confidence },
    ...comparedClasses([...reference, ...window]).map((k) => ({
      feature: `probability of class ${k}`,
      family: "prediction" as const,
      of: ({ probabilities }: Observation) => probabilities?.[k],
    })),
  ];
  return numbers.flatMap(({ feature, family, of }) => {
    const [expected, actual] = [present(reference.map(of)), present(window.map(of))];
    return expected.length === 0 || actual.length === 0 ? [] : [{ feature, family, ...moved(expected, actual) }];
  });
}

/** More tests of one family than these would see nothing any more. */
const mostCompared = 20;

/**
 * Classes whose probabilities are compared. Of two that exclude each other one tells both, and of more, shares and confidence have to do; of
 * classes that may be there together (their probabilities do not add up to 1) each is a question of its own.
 */
function comparedClasses(observations: readonly Observation[]): number[] {
  const answers = present(observations.map(({ probabilities }) => probabilities));
  const classes = answers[0]?.length ?? 0;
  if (!answers.some(areOfSeveralClasses)) return classes === 2 ? [1] : [];
  return Array.from({ length: Math.min(classes, mostCompared) }, (_, k) => k);
}

function moved(reference: number[], window: number[]): Omit<MeasuredDrift, "feature" | "family"> {
  const [before, after] = [meanOf(reference), meanOf(window)];
  // Where the reference is constant, the spread of all has to do.
  const deviation = deviationOf(reference) || deviationOf([...reference, ...window]);
  const [expected, actual] = [stepsOf(reference), stepsOf(window)];
  return {
    p: kolmogorovSmirnov(expected, actual).p,
    effect: deviation === 0 ? 0 : difference(expected, actual).area / deviation,
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
): MeasuredDrift[] {
  const [expected, actual] = [present(reference.map((o) => o.layout)), present(window.map((o) => o.layout))];
  if (expected.length < 2 || actual.length < 2) return [];
  return [{ feature: "layout", family: "layout", direction: 0, ...meanDiscrepancy(expected, actual, { random }) }];
}

function classRow(reference: readonly Observation[], window: readonly Observation[]): MeasuredDrift[] {
  const drift = categoryDrift(countsOf(reference), countsOf(window));
  return drift === undefined ? [] : [{ feature: "class shares", family: "prediction", ...drift }];
}

function countsOf(observations: readonly Observation[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { predictedLabel } of observations)
    if (predictedLabel !== undefined) counts.set(String(predictedLabel), (counts.get(String(predictedLabel)) ?? 0) + 1);
  return counts;
}

function present<Value>(values: readonly (Value | undefined)[]): Value[] {
  return values.filter((value) => value !== undefined);
}
