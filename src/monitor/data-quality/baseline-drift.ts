import type { DistributionConstraints } from "./constraints-file.ts";
import { type CategoryCounts, categoricalDistance, chiSquared, numericalDistance } from "./distances.ts";
import type { FeatureProfile } from "./profile.ts";
import type { FeatureStatistics } from "./statistics-file.ts";

/** How far a feature is from its baseline, by the method of the constraints. */
export interface BaselineDrift {
  kind: "numerical" | "categorical";
  /** What `value` is: the p-value shrinks with drift, the others grow. */
  measure: "distance" | "statistic" | "p-value";
  value: number;
  threshold: number;
  isDrifting: boolean;
}

/** Undefined where nothing can be compared: no baseline, no values, or another type than the baseline's. */
export function baselineDrift(
  feature: FeatureProfile,
  baseline: FeatureStatistics,
  constraints: DistributionConstraints,
): BaselineDrift | undefined {
  const sketch = baseline.numerical_statistics?.distribution?.kll.sketch;
  if (sketch !== undefined)
    return feature.numbers.count === 0 ? undefined : numericalDrift(feature, sketch, constraints);
  const buckets = baseline.string_statistics?.distribution?.categorical.buckets ?? [];
  if (buckets.length === 0 || feature.present === 0) return undefined;
  return categoricalDrift(feature, baseline, constraints);
}

function numericalDrift(
  feature: FeatureProfile,
  sketch: Parameters<typeof numericalDistance>[1],
  { comparison_method: method, comparison_threshold: threshold }: DistributionConstraints,
): BaselineDrift {
  const value = numericalDistance(feature.sketch.data(), sketch, { method });
  return { kind: "numerical", measure: "distance", value, threshold, isDrifting: value > threshold };
}

function categoricalDrift(
  feature: FeatureProfile,
  { string_statistics: baseline }: FeatureStatistics,
  constraints: DistributionConstraints,
): BaselineDrift | undefined {
  const { comparison_method: method, categorical_comparison_threshold: threshold } = constraints;
  const expected = new Map(baseline?.distribution?.categorical.buckets.map(({ value, count }) => [value, count]));
  const observed = new Map(feature.categories.counts());
  if (constraints.categorical_drift_method === "LInfinity") {
    const [a, b] = comparable({
      observed,
      observedCount: feature.present,
      expected,
      expectedCount: baseline?.common.num_present ?? 0,
    });
    const value = categoricalDistance(a, b, { method });
    return { kind: "categorical", measure: "distance", value, threshold, isDrifting: value > threshold };
  }
  const test = chiSquared(observed, expected);
  if (test === undefined) return undefined;
  // As Deequ: the p-value, or in its mode for few samples the bare statistic.
  return method === "Robust"
    ? { kind: "categorical", measure: "p-value", value: test.p, threshold, isDrifting: test.p < threshold }
    : {
        kind: "categorical",
        measure: "statistic",
        value: test.statistic,
        threshold,
        isDrifting: test.statistic > threshold,
      };
}

/** No text of a file begins like this. */
const otherValues = "\u0000other values";

interface Tallies {
  observed: Map<string, number>;
  observedCount: number;
  expected: Map<string, number>;
  expectedCount: number;
}

/** Shares are of all values: those that are not listed are one category. A baseline that lists only some decides which ones on both sides. */
function comparable({ observed, observedCount, expected, expectedCount }: Tallies): [CategoryCounts, CategoryCounts] {
  const isWhole = sumOf(expected) >= expectedCount;
  const seen = isWhole ? new Map(observed) : new Map([...observed].filter(([value]) => expected.has(value)));
  for (const [counts, count] of [[seen, observedCount] as const, [expected, expectedCount] as const]) {
    const rest = count - sumOf(counts);
    if (rest > 0) counts.set(otherValues, rest);
  }
  return [seen, expected];
}

function sumOf(counts: CategoryCounts): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
