import assert from "node:assert/strict";
import { test } from "node:test";
import { fitLabelTemperature, lossOfLabels, measureLabels } from "./multi-label-metrics.ts";
import { randomFrom } from "./random.ts";

const close = (actual: number, expected: number, within = 1e-9) =>
  assert.ok(Math.abs(actual - expected) < within, `${actual} is not ${expected}`);

const labels = ["a", "b", "c"];
/** Four pictures; the second one is right for two of three classes, the last one for one of them. */
const truth = [1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0];
const logitOf = (probability: number) => Math.log(probability / (1 - probability));
const logits = [0.9, 0.1, 0.8, 0.2, 0.4, 0.1, 0.3, 0.2, 0.4, 0.7, 0.3, 0.6].map(logitOf);

test("pictures are right when all their labels are, and labels one by one", () => {
  const { pictures, correct, exactMatch, accuracy, accuracyInterval95 } = measureLabels(logits, truth, {
    labels,
  });
  assert.deepEqual([pictures, correct, exactMatch], [4, 2, 0.5]);
  close(accuracy, 9 / 12);
  // Wilson's for three of four pictures, not for nine of twelve labels.
  close(accuracyInterval95[0], 0.3006, 1e-4);
});

test("each class has its own precision, recall and average precision", () => {
  const { perClass } = measureLabels(logits, truth, { labels });
  assert.deepEqual(
    perClass.map(({ label, pictures, precision, recall, f1 }) => [label, pictures, precision, recall, f1]),
    [
      ["a", 2, 1, 1, 1],
      ["b", 2, null, 0, 0],
      ["c", 1, 0.5, 1, 2 / 3],
    ],
  );
});

test("average precision is the area under precision by recall, whatever the threshold", () => {
  // As scikit-learn's documentation has it: 0.83.
  const one = measureLabels([0.1, 0.4, 0.35, 0.8].map(logitOf), [0, 0, 1, 1], { labels: ["a"] }).perClass[0]!;
  close(one.averagePrecision!, 5 / 6);
  // Of equal probabilities none comes first.
  close(measureLabels([0, 0, 0, 0], [0, 0, 1, 1], { labels: ["a"] }).perClass[0]!.averagePrecision!, 0.5);
  assert.equal(measureLabels([0], [0], { labels: ["a"] }).perClass[0]!.averagePrecision, null);
});

test("the loss of a picture is that of all its classes, by their weights", () => {
  const loss = (weights?: number[]) =>
    measureLabels([0.8, 0.5].map(logitOf), [1, 0], { labels: ["a", "b"], weights }).loss;
  close(loss(), -Math.log(0.8) - Math.log(0.5));
  close(loss([3, 1, 1, 2]), -3 * Math.log(0.8) - 2 * Math.log(0.5));
});

test("the loss of large logits is exact, and infinite where the training has gone wrong", () => {
  const lossOf = (logit: number, isThere: number) => lossOfLabels([logit], [isThere], { classes: 1 });
  assert.deepEqual([lossOf(1000, 0), lossOf(1000, 1), lossOf(Number.NEGATIVE_INFINITY, 1)], [1000, 0, Infinity]);
  assert.ok(Number.isNaN(lossOf(Number.NaN, 1)));
});

test("one temperature undoes the logits of all classes that are too large", () => {
  const random = randomFrom(2);
  const right = Array.from({ length: 6000 }, () => random.normal() * 2);
  const there = right.map((logit) => (random.uniform() < 1 / (1 + Math.exp(-logit)) ? 1 : 0));
  const tooLarge = right.map((logit) => 2 * logit);
  const temperature = fitLabelTemperature(tooLarge, there, { classes: 3 });
  assert.equal(temperature, 2);
  const error = (heat: number) =>
    measureLabels(tooLarge, there, { labels, temperature: heat }).expectedCalibrationError;
  assert.ok(error(temperature) < 0.03 && error(1) > 0.05, `${error(temperature)} and ${error(1)}`);
});
