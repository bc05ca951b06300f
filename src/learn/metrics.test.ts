import assert from "node:assert/strict";
import { test } from "node:test";
import { fitTemperature, measure, probabilitiesOf, wilsonInterval } from "./metrics.ts";
import { randomFrom } from "./random.ts";

const close = (actual: number, expected: number, within = 1e-3) =>
  assert.ok(Math.abs(actual - expected) < within, `${actual} is not ${expected}`);

test("the interval of an accuracy is Wilson's", () => {
  const [low, high] = wilsonInterval(188, 200);
  close(low, 0.8981);
  close(high, 0.9653);
  assert.deepEqual(wilsonInterval(0, 0), [0, 1]);
});

test("precision, recall and the confusion matrix count what was answered", () => {
  const probabilities = [0.9, 0.1, 0.6, 0.4, 0.2, 0.8, 0.7, 0.3];
  const { accuracy, confusionMatrix, perClass, thresholds } = measure(probabilities, [0, 0, 1, 1], ["a", "b"]);
  assert.equal(accuracy, 0.75);
  assert.deepEqual(confusionMatrix, [
    [2, 0],
    [1, 1],
  ]);
  close(perClass[0]!.precision!, 2 / 3);
  assert.equal(perClass[1]!.precision, 1);
  assert.equal(perClass[1]!.recall, 0.5);
  const at80 = thresholds.find(({ threshold }) => threshold === 0.8);
  assert.deepEqual([at80?.coverage, at80?.accuracy, at80?.risk], [0.5, 1, 0]);
});

test("a class that was never predicted has no precision", () => {
  assert.equal(measure([0.9, 0.1], [0], ["a", "b"]).perClass[1]!.precision, null);
});

test("the calibration error of answers that are right as often as they say is small", () => {
  const random = randomFrom(1);
  const truth: number[] = [];
  const probabilities: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    const p = random.between(0.5, 1);
    probabilities.push(p, 1 - p);
    truth.push(random.uniform() < p ? 0 : 1);
  }
  assert.ok(measure(probabilities, truth, ["a", "b"]).expectedCalibrationError < 0.02);
});

test("the temperature undoes logits that are too large", () => {
  const random = randomFrom(2);
  const logits: number[] = [];
  const truth: number[] = [];
  for (let i = 0; i < 5000; i++) {
    const logit = random.normal() * 2;
    logits.push(3 * logit, 0);
    truth.push(random.uniform() < 1 / (1 + Math.exp(-logit)) ? 0 : 1);
  }
  close(fitTemperature(logits, truth, 2), 2 ** 1.5, 1e-9); // the step that is nearest to 3
});

test("probabilities of large logits stay finite", () => {
  assert.deepEqual([...probabilitiesOf([1000, 0], 2)], [1, 0]);
});
