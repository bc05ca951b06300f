import assert from "node:assert/strict";
import { test } from "node:test";
import { type Constraints, type MonitoringConfigOverrides, parseConstraints } from "./constraints-file.ts";
import { metricPoints } from "./metric-data.ts";
import { createProfile, type Profile } from "./profile.ts";
import type { Cell } from "./row.ts";
import { parseStatistics } from "./statistics-file.ts";
import { suggestConstraints } from "./suggest-constraints.ts";
import { findViolations } from "./violations.ts";

function profileOf(rows: readonly Record<string, Cell>[]): Profile {
  const profile = createProfile();
  for (const row of rows) profile.add(new Map(Object.entries(row)));
  return profile.finish();
}

/** As if both files had been written and read again. */
function baselineOf(rows: readonly Record<string, Cell>[]) {
  const { statistics } = profileOf(rows);
  return {
    constraints: parseConstraints(JSON.stringify(suggestConstraints(statistics))),
    baselineStatistics: parseStatistics(JSON.stringify(statistics)),
  };
}

const days = Array.from({ length: 1000 }, (_, i) => ({ age: i % 97, size: i / 7, flag: i % 2 ? "Y" : "N" }));

function changed(change: (row: (typeof days)[number], i: number) => Record<string, Cell>): Profile {
  return profileOf(days.map(change));
}

function checksOf(profile: Profile, baseline = baselineOf(days)) {
  return findViolations({ profile, ...baseline }).violations.map((found) => [
    found.feature_name,
    found.constraint_check_type,
    found.description,
  ]);
}

function configured(config: MonitoringConfigOverrides): { constraints: Constraints } {
  const { constraints } = baselineOf(days);
  return parseAgain({ ...constraints, monitoring_config: { ...constraints.monitoring_config, ...config } as never });
}

function parseAgain(constraints: Constraints): { constraints: Constraints } {
  return { constraints: parseConstraints(JSON.stringify(constraints)) };
}

test("data like the baseline violates nothing", () => {
  assert.deepEqual(checksOf(profileOf(days)), []);
});

test("what a baseline suggests are its types, completeness, signs and categories", () => {
  assert.deepEqual(baselineOf(days).constraints.features, [
    { name: "age", inferred_type: "Integral", completeness: 1, num_constraints: { is_non_negative: true } },
    { name: "size", inferred_type: "Fractional", completeness: 1, num_constraints: { is_non_negative: true } },
    { name: "flag", inferred_type: "String", completeness: 1, string_constraints: { domains: ["N", "Y"] } },
  ]);
});

test("values of another type are told with their share", () => {
  assert.deepEqual(checksOf(changed((row, i) => ({ ...row, age: i < 2 ? "old" : row.age }))), [
    [
      "age",
      "data_type_check",
      "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. Observed: Only 99.8% of data is Integral.",
    ],
  ]);
});

test("missing values are told with the share of present ones, and AWS's space at the end", () => {
  assert.deepEqual(checksOf(changed((row, i) => ({ ...row, size: i % 4 ? row.size : undefined }))), [
    ["size", "completeness_check", "Value: 0.75 does not meet the constraint requirement! "],
  ]);
});

test("unknown categories are told with the share of known ones", () => {
  const profile = changed((row, i) => ({ ...row, flag: i < 9 ? "maybe" : row.flag }));
  assert.deepEqual(checksOf(profile), [
    ["flag", "categorical_values_check", "Value: 0.991 does not meet the constraint requirement! "],
  ]);
});

test("a column that is gone and one that is new are told by name", () => {
  const profile = changed(({ age, size }) => ({ age, size, height: 1 }));
  const numbers = "Number of columns in current dataset: 3, Number of columns in baseline constraints: 3";
  assert.deepEqual(checksOf(profile), [
    ["Missing columns", "missing_column_check", `There are missing columns in current dataset. ${numbers} (flag)`],
    ["Extra columns", "extra_column_check", `There are extra columns in current dataset. ${numbers} (height)`],
  ]);
});

test("drift of numbers is the distance less what chance explains", () => {
  const found = checksOf(changed((row) => ({ ...row, size: row.size + 60 })));
  assert.deepEqual(
    found.map(([name, type]) => [name, type]),
    [["size", "baseline_drift_check"]],
  );
  const [, distance] =
    /^Numerical distance: ([\d.]+) exceeds numerical threshold: 0.1$/.exec(found[0]?.[2] ?? "") ?? [];
  // 60 of 142.7 wide: 420 of 1,000 values lie above; less 1.8 sqrt(2000 / 1000000).
  assert.ok(Math.abs(Number(distance) - (0.42 - 1.8 * Math.sqrt(0.002))) < 0.002, String(distance));
});

test("drift of categories is the largest difference of a share", () => {
  const config = { distribution_constraints: { comparison_method: "Simple" as const } };
  const found = checksOf(
    changed((row, i) => ({ ...row, flag: i % 10 ? "Y" : "N" })),
    { ...baselineOf(days), ...configured(config) },
  );
  assert.deepEqual(found, [
    ["flag", "baseline_drift_check", "Categorical distance: 0.4 exceeds categorical threshold: 0.1"],
  ]);
});

test("with ChiSquared a small p-value is drift", () => {
  const config = { distribution_constraints: { categorical_drift_method: "ChiSquared" as const } };
  const baseline = { ...baselineOf(days), ...configured(config) };
  assert.deepEqual(checksOf(profileOf(days), baseline), []);
  const [found] = checksOf(
    changed((row, i) => ({ ...row, flag: i % 10 ? "Y" : "N" })),
    baseline,
  );
  assert.match(String(found?.[2]), /^Categorical p-value: \S+ is below categorical threshold: 0.1$/);
});

test("categories beyond those a baseline lists are one category on both sides", () => {
  const rows = Array.from({ length: 3000 }, (_, i) => ({ id: `request ${i}` }));
  assert.deepEqual(checksOf(profileOf(rows), baselineOf(rows)), []);
});

test("thresholds leave room", () => {
  const config = { datatype_check_threshold: 0.9, domain_content_threshold: 0.9 };
  const profile = changed((row, i) => ({ ...row, age: i < 50 ? "old" : row.age, flag: i < 50 ? "maybe" : row.flag }));
  assert.deepEqual(checksOf(profile, { ...baselineOf(days), ...configured(config) }), []);
});

test("a feature can be left out in the documentation's spelling and in the SDK's", () => {
  const { constraints, baselineStatistics } = baselineOf(days);
  const [age, size, flag] = constraints.features as [object, object, object];
  const off = { evaluate_constraints: "Disabled" };
  const text = JSON.stringify({
    ...constraints,
    features: [
      { ...age, monitoringConfigOverrides: off },
      size,
      { ...flag, string_constraints: { domains: ["N"], monitoring_config_overrides: off } },
    ],
  });
  const profile = changed((row) => ({ ...row, age: "old", flag: "maybe" }));
  assert.deepEqual(checksOf(profile, { constraints: parseConstraints(text), baselineStatistics }), []);
});

test("disabled constraints are not evaluated, and a disabled comparison finds no drift", () => {
  const far = changed((row) => ({ ...row, size: -row.size, flag: undefined }));
  assert.deepEqual(checksOf(far, { ...baselineOf(days), ...configured({ evaluate_constraints: "Disabled" }) }), []);
  const found = checksOf(far, {
    ...baselineOf(days),
    ...configured({ distribution_constraints: { perform_comparison: "Disabled" } }),
  });
  assert.deepEqual(
    found.map(([, type]) => type),
    ["completeness_check"],
  );
});

test("a baseline with whole numbers among fractions and numbers among texts does not violate itself", () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({ amount: i % 2 ? "10" : "9.95", code: i % 2 ? "12" : "A1" }));
  assert.deepEqual(checksOf(profileOf(rows), baselineOf(rows)), []);
});

test("a run tells CloudWatch counts, values and drift of every feature", () => {
  const profile = changed((row, i) => ({ ...row, size: i % 4 ? row.size + 60 : undefined }));
  const points = metricPoints({ profile, ...baselineOf(days) });
  assert.deepEqual(
    points.map(({ name }) => name),
    [
      "feature_non_null_age",
      "feature_data_age",
      "feature_baseline_drift_age",
      "feature_non_null_size",
      "feature_data_size",
      "feature_baseline_drift_size",
      "feature_non_null_flag",
      "feature_baseline_drift_flag",
    ],
  );
  const { minimum, maximum, sampleCount } = points[4] as { minimum: number; maximum: number; sampleCount: number };
  assert.deepEqual([minimum, maximum, sampleCount], [60 + 1 / 7, 60 + 999 / 7, 750]);
});

test("features whose metrics are disabled are not told to CloudWatch", () => {
  const { constraints } = baselineOf(days);
  const features = constraints.features.map((feature) => ({
    ...feature,
    ...(feature.name !== "age" && { monitoringConfigOverrides: { emit_metrics: "Disabled" as const } }),
  }));
  const points = metricPoints({ profile: profileOf(days), constraints: { ...constraints, features } });
  assert.deepEqual(
    points.map(({ name }) => name),
    ["feature_non_null_age", "feature_data_age"],
  );
});
