import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "../testing/seeded.ts";
import type { ConfusionMatrix } from "./classification.ts";
import { curvesOf } from "./curves.ts";
import type { Judgement, ProblemType } from "./judgement.ts";
import {
  findQualityViolations,
  parseQualityConstraints,
  qualityMetricPoints,
  suggestQualityConstraints,
} from "./quality-constraints.ts";
import { type Metric, qualityReport } from "./quality-report.ts";

function judgementsOf(matrix: ConfusionMatrix): Judgement[] {
  return Object.entries(matrix).flatMap(([actual, row]) =>
    Object.entries(row).flatMap(([predicted, count]) => Array.from({ length: count }, () => ({ actual, predicted }))),
  );
}

function valuesOf(judgements: Judgement[], problemType: ProblemType): Record<string, number> {
  const report = qualityReport(judgements, { problemType, random: seeded() });
  return Object.fromEntries(qualityMetricPoints(report).map(({ name, value }) => [name, value]));
}

function assertNear(actual: Record<string, number>, expected: Record<string, number>): void {
  for (const [name, value] of Object.entries(expected)) {
    const found = actual[name] as number;
    assert.ok(
      Math.abs(found - value) <= 2 * Number.EPSILON * Math.abs(value),
      `${name} is ${found} instead of ${value}`,
    );
  }
}

test("multiclass metrics are those of AWS's worked example", () => {
  const metrics = valuesOf(judgementsOf({ 0: { 0: 1180, 1: 510 }, 1: { 0: 268, 1: 138 } }), "MulticlassClassification");
  assertNear(metrics, {
    accuracy: 0.6288167938931297,
    weighted_recall: 0.6288167938931297,
    weighted_precision: 0.6983172269629505,
    weighted_f0_5: 0.6803947317178771,
    weighted_f1: 0.6571162346664904,
    weighted_f2: 0.6384024354394601,
    accuracy_best_constant_classifier: 406 / 2096,
    weighted_recall_best_constant_classifier: 406 / 2096,
    weighted_precision_best_constant_classifier: (406 / 2096) ** 2,
  });
  assert.equal(metrics["weighted_f1_best_constant_classifier"]?.toFixed(5), "0.06286");
  assert.equal(metrics["weighted_f2_best_constant_classifier"]?.toFixed(5), "0.10570");
});

test("binary metrics are those of AWS's worked example", () => {
  const metrics = valuesOf(judgementsOf({ 0: { 0: 1, 1: 2 }, 1: { 0: 0, 1: 1 } }), "BinaryClassification");
  assertNear(metrics, {
    recall: 1,
    precision: 0.3333333333333333,
    accuracy: 0.5,
    recall_best_constant_classifier: 1,
    precision_best_constant_classifier: 0.25,
    accuracy_best_constant_classifier: 0.25,
    true_positive_rate: 1,
    true_negative_rate: 0.33333333333333337,
    false_positive_rate: 0.6666666666666666,
    false_negative_rate: 0,
    f0_5: 0.3846153846153846,
    f1: 0.5,
    f2: 0.7142857142857143,
  });
});

test("the confusion matrix has every class on both sides", () => {
  const judgements = [
    { actual: "car", predicted: "bus" },
    { actual: "tram", predicted: "tram" },
  ];
  const report = qualityReport(judgements, { problemType: "MulticlassClassification", random: seeded() });
  assert.deepEqual(report.multiclass_classification_metrics?.["confusion_matrix"], {
    bus: { bus: 0, car: 0, tram: 0 },
    car: { bus: 1, car: 0, tram: 0 },
    tram: { bus: 0, car: 0, tram: 1 },
  });
});

test("regression metrics follow their definitions", () => {
  const pairs = [
    [3, 2.5],
    [-0.5, 0],
    [2, 2],
    [7, 8],
  ];
  const judgements = pairs.map(([actual, predicted]) => ({ actual: String(actual), predicted: String(predicted) }));
  // As scikit-learn's documentation has them.
  assertNear(valuesOf(judgements, "Regression"), {
    mae: 0.5,
    mse: 0.375,
    rmse: Math.sqrt(0.375),
    r2: 0.9486081370449679,
  });
});

test("the area under the curve is how often a positive ranks above a negative", () => {
  const random = seeded(7);
  const scored = Array.from({ length: 300 }, () => {
    const isPositive = random() < 0.4;
    return { isPositive, probability: Math.round(20 * (random() * 0.7 + (isPositive ? 0.3 : 0))) / 20 };
  });
  const [positives, negatives] = [scored.filter((one) => one.isPositive), scored.filter((one) => !one.isPositive)];
  const wins = positives.flatMap((p) => negatives.map((n) => (Math.sign(p.probability - n.probability) + 1) / 2));
  const expected = wins.reduce((sum, win) => sum + win, 0) / wins.length;
  assert.ok(Math.abs((curvesOf(scored)?.auc ?? 0) - expected) < 1e-12);
});

test("curves begin at nothing, end at everything, and stay short", () => {
  const scored = Array.from({ length: 5000 }, (_, i) => ({ probability: i / 5000, isPositive: i % 3 === 0 }));
  const curves = curvesOf(scored);
  const ends = (values: number[] = []) => [values[0], values.at(-1), values.length];
  assert.deepEqual(ends(curves?.falsePositiveRates), [0, 1, 1000]);
  assert.deepEqual(ends(curves?.truePositiveRates), [0, 1, 1000]);
  assert.deepEqual([curves?.recalls[0], curves?.recalls.at(-1)], [0, 1]);
});

test("a window of one class has no curve, and all its other metrics", () => {
  const judgements = [{ actual: "1", predicted: "1", probability: 0.9 }];
  const metrics = valuesOf(judgements, "BinaryClassification");
  assert.deepEqual([metrics["accuracy"], metrics["auc"]], [1, undefined]);
});

function deviationOfAccuracy(count: number, seed: number): number | "NaN" | undefined {
  const random = seeded(3);
  const judgements = Array.from({ length: count }, () => ({ actual: "1", predicted: random() < 0.8 ? "1" : "0" }));
  const report = qualityReport(judgements, { problemType: "BinaryClassification", random: seeded(seed) });
  const metrics = report.binary_classification_metrics as Record<string, Metric>;
  return metrics["accuracy"]?.standard_deviation;
}

test("from 200 records on metrics have a deviation, the same one for the same seed", () => {
  assert.equal(deviationOfAccuracy(199, 1), "NaN");
  const deviation = deviationOfAccuracy(200, 1) as number;
  assert.ok(deviation > 0 && deviation < 0.05, String(deviation));
  assert.equal(deviationOfAccuracy(200, 1), deviation);
  assert.notEqual(deviationOfAccuracy(200, 2), deviation);
});

test("a window without labelled records and a binary problem of three classes are refused with the reason", () => {
  const random = seeded();
  assert.throws(
    () => qualityReport([], { problemType: "Regression", random }),
    /no record with a prediction and a ground/,
  );
  const three = ["a", "b", "c"].map((name) => ({ actual: name, predicted: name }));
  assert.throws(() => qualityReport(three, { problemType: "BinaryClassification", random }), /choose MulticlassClass/);
});

const good = judgementsOf({ 0: { 0: 80, 1: 20 }, 1: { 0: 10, 1: 90 } });
const worse = judgementsOf({ 0: { 0: 70, 1: 30 }, 1: { 0: 10, 1: 90 } });
const binary = (judgements: Judgement[]) =>
  qualityReport(judgements, { problemType: "BinaryClassification", random: seeded() });

test("a baseline suggests what the model must keep up, and does not violate it", () => {
  const constraints = parseQualityConstraints(JSON.stringify(suggestQualityConstraints(binary(good))));
  const group = constraints.binary_classification_constraints;
  assert.deepEqual(group?.["accuracy"], { threshold: 0.85, comparison_operator: "LessThanThreshold" });
  assert.deepEqual(group?.["false_positive_rate"], { threshold: 0.2, comparison_operator: "GreaterThanThreshold" });
  assert.equal(group?.["f1_best_constant_classifier"], undefined);
  assert.deepEqual(findQualityViolations(binary(good), constraints), { violations: [] });
});

test("a worse model violates on both sides of a threshold", () => {
  const { violations } = findQualityViolations(binary(worse), suggestQualityConstraints(binary(good)));
  assert.deepEqual(
    violations.map(({ metric_name, constraint_check_type }) => [metric_name, constraint_check_type]).slice(0, 4),
    [
      ["precision", "LessThanThreshold"],
      ["accuracy", "LessThanThreshold"],
      ["true_negative_rate", "LessThanThreshold"],
      ["false_positive_rate", "GreaterThanThreshold"],
    ],
  );
  assert.match(
    violations[1]?.description ?? "",
    /^Metric accuracy with 0\.8 \+\/- 0\.\d+ was LessThanThreshold '0\.85'$/,
  );
});

test("constraints as AWS's analyzer writes them are read, and those of a data quality job are not", () => {
  const text =
    '{"version":0.0,"regression_constraints":{"mae":{"threshold":0.5,"comparison_operator":"GreaterThanThreshold","additional_properties":null}}}';
  assert.deepEqual(parseQualityConstraints(text).regression_constraints, {
    mae: { threshold: 0.5, comparison_operator: "GreaterThanThreshold" },
  });
  assert.throws(() => parseQualityConstraints('{"features":[]}'), /no constraints of a model quality job/);
  assert.throws(
    () => parseQualityConstraints('{"regression_constraints":{"mae":{"threshold":"x"}}}'),
    /regression_constraints.mae.threshold is "x", expected a number/,
  );
});
