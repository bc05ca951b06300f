import { categoryDrift } from "../category-drift.ts";
import { difference, stepsOfSketch } from "../distribution-steps.ts";
import { type DriftFamily, type DriftReport, driftVerdict, type MeasuredDrift } from "../drift-verdict.ts";
import { kolmogorovSmirnovP } from "../two-sample-tests.ts";
import { closedValues } from "./closed-values.ts";
import type { FeatureProfile, Profile } from "./profile.ts";
import type { FeatureStatistics, NumericalStatistics, Statistics } from "./statistics-file.ts";

/*
 * Our own verdict on a window that a monitoring job looked at, beside the violations that AWS's rules find. It needs no more than
 * the baseline's statistics.json: up to some 2,000 rows a sketch holds every value, so the tests are exact.
 */

/** A larger sketch knows ranks within one or two in a thousand; as if of this many values, that is far from significant. */
const mostTrusted = 20_000;

export function profileDrift(profile: Profile, baseline: Statistics): DriftReport {
  const measured = baseline.features.flatMap((expected): MeasuredDrift[] => {
    const feature = profile.features.get(expected.name);
    const drift = feature && (numberDrift(feature, expected) ?? valueDrift(feature, expected));
    return drift === undefined ? [] : [{ feature: expected.name, family: familyOf(expected.name), ...drift }];
  });
  return driftVerdict(measured, { referenceCount: baseline.dataset.item_count, windowCount: profile.rowCount });
}

type Drift = Omit<MeasuredDrift, "feature" | "family">;

function numberDrift(
  feature: FeatureProfile,
  { numerical_statistics: expected }: FeatureStatistics,
): Drift | undefined {
  const sketch = expected?.distribution?.kll.sketch;
  if (expected === undefined || sketch === undefined || feature.numbers.count === 0) return undefined;
  const [before, after] = [stepsOfSketch(sketch), stepsOfSketch(feature.sketch.data())];
  const { distance, area } = difference(before, after);
  const [n, m] = [before.total, after.total].map((total) => Math.min(total, mostTrusted)) as [number, number];
  const deviation = expected.std_dev || deviationOfBoth(expected, feature);
  const { mean } = feature.numbers;
  return {
    p: kolmogorovSmirnovP(distance, n, m),
    effect: deviation === 0 ? 0 : area / deviation,
    direction: Math.sign(mean - expected.mean) as -1 | 0 | 1,
    before: expected.mean,
    after: mean,
  };
}

/** Where the baseline is constant, the spread of both together has to do. */
function deviationOfBoth({ common, mean, std_dev }: NumericalStatistics, { numbers }: FeatureProfile): number {
  const count = common.num_present + numbers.count;
  const centre = (common.num_present * mean + numbers.count * numbers.mean) / count;
  const squares =
    common.num_present * (std_dev ** 2 + (mean - centre) ** 2) +
    numbers.count * (numbers.deviation ** 2 + (numbers.mean - centre) ** 2);
  return Math.sqrt(squares / count);
}

function valueDrift(feature: FeatureProfile, expected: FeatureStatistics): Drift | undefined {
  const values = closedValues(expected);
  return values && categoryDrift(values, new Map(feature.categories.counts()));
}

function familyOf(name: string): DriftFamily {
  if (name.startsWith("picture_")) return "picture";
  return /^(predicted_class|confidence|probability_\d+)$/.test(name) ? "prediction" : "data";
}
