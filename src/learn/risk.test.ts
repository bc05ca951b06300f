import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "./random.ts";
import {
  binomialTail,
  guaranteedThreshold,
  picturesNeeded,
  type RiskCoverage,
  riskCoverage,
  smallestGuaranteedRisk,
  upperBound,
} from "./risk.ts";

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-4 * Math.max(1, expected), `${actual} is not ${expected}`);

/** Two classes; the larger the difference of the logits, the likelier the answer is right. */
function answers(seed: number, count: number) {
  const random = randomFrom(seed);
  const logits = new Float64Array(2 * count);
  const truth = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const margin = random.normal() * 2;
    logits[2 * i] = margin;
    truth[i] = random.uniform() < 1 / (1 + Math.exp(-margin)) ? 0 : 1;
  }
  return { logits, truth };
}

const counted = (points: [number, number, number][]): RiskCoverage => ({
  pictures: 1000,
  points: points.map(([threshold, accepted, wrong]) => ({ threshold, accepted, wrong })),
  starts: [0],
  temperatures: 1,
});

test("the probability of few errors is the binomial distribution's", () => {
  close(binomialTail(0, { of: 148, risk: 0.02 }), 0.98 ** 148);
  close(binomialTail(2, { of: 10, risk: 0.3 }), 0.3827828);
  assert.equal(binomialTail(3, { of: 3, risk: 0.1 }), 1);
});

test("the upper bound of a share is Clopper and Pearson's", () => {
  close(upperBound(0, { of: 100, confidence: 0.95 }), 0.029513);
  close(upperBound(3, { of: 50, confidence: 0.95 }), 0.147839);
  assert.equal(upperBound(0, { of: 0, confidence: 0.95 }), 1);
});

test("the loosest threshold that is proven is chosen, and none beyond the first that is not", () => {
  const coverage = counted([
    [0.9, 200, 0],
    [0.8, 300, 1],
    [0.7, 400, 30],
    [0.6, 900, 3],
  ]);
  assert.equal(guaranteedThreshold(coverage, { risk: 0.02, confidence: 0.95 })?.threshold, 0.8);
});

test("too few pictures prove nothing, and it is said how many would do", () => {
  const coverage = counted([[0.9, 100, 0]]);
  assert.equal(guaranteedThreshold(coverage, { risk: 0.02, confidence: 0.95 }), undefined);
  assert.equal(picturesNeeded(coverage, { risk: 0.02, confidence: 0.95 }), 149);
  close(smallestGuaranteedRisk(coverage, 0.95)!.risk, 0.0296);
  assert.equal(smallestGuaranteedRisk(counted([[0.5, 0, 0]]), 0.95), undefined);
});

test("the promise is broken no more often than was permitted", () => {
  const training = answers(1, 2000);
  const world = riskCoverage(training, answers(2, 200_000), { classes: 2, temperature: 1, temperatures: 1 });
  const trials = Array.from({ length: 400 }, (_, trial) => {
    const coverage = riskCoverage(training, answers(100 + trial, 800), { classes: 2, temperature: 1, temperatures: 1 });
    const chosen = guaranteedThreshold(coverage, { risk: 0.15, confidence: 0.9 });
    const truly = world.points.find(({ threshold }) => threshold === chosen?.threshold);
    return { isChosen: chosen !== undefined, isBroken: truly !== undefined && truly.wrong > 0.15 * truly.accepted };
  });
  assert.ok(trials.filter(({ isChosen }) => isChosen).length > 200);
  assert.ok(trials.filter(({ isBroken }) => isBroken).length <= 40);
});

test("a temperature moves thresholds of two classes, never what they accept", () => {
  const [cold, hot] = [1, 3].map((temperature) =>
    riskCoverage(answers(1, 500), answers(2, 500), { classes: 2, temperature, temperatures: 17 }),
  );
  const counts = (coverage?: RiskCoverage) => coverage?.points.map(({ accepted, wrong }) => [accepted, wrong]);
  assert.deepEqual(counts(cold), counts(hot));
  assert.equal(hot?.temperatures, 1);
  assert.ok(hot!.points[0]!.threshold < cold!.points[0]!.threshold);
});
