import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { quantile } from "./capture-summary.ts";
import { createMoments } from "./data-quality/moments.ts";
import { difference, stepsOf } from "./distribution-steps.ts";
import { chiSquare, kolmogorovSmirnov } from "./two-sample-tests.ts";

/** What scipy and numpy say of samples; made by testing/scipy-cases.py. */
interface ScipyCases {
  pairs: {
    says: string;
    a: number[];
    b: number[];
    ksDistance: number;
    ksP: number;
    wasserstein: number;
    /** These are of `b`. */
    mean: number;
    sum: number;
    deviation: number;
    /** At 0, .05, .25, .5, .75, .95 and 1. */
    quantiles: number[];
  }[];
  tables: { a: number[]; b: number[]; statistic: number; p: number }[];
}

const { pairs, tables } = JSON.parse(
  readFileSync(join(import.meta.dirname, "testing", "scipy-cases.json"), "utf8"),
) as ScipyCases;

/** The worst relative difference; differences of numbers near 0 are taken as they are. */
function worst(found: readonly number[], expected: readonly number[]): number {
  return Math.max(...expected.map((value, i) => Math.abs((found[i] as number) - value) / Math.max(1, Math.abs(value))));
}

for (const { says, a, b, ...expected } of pairs) {
  test(`as scipy: ${says}`, () => {
    const [first, second] = [stepsOf(a), stepsOf(b)];
    const { distance, p } = kolmogorovSmirnov(first, second);
    assert.ok(worst([distance, difference(first, second).area], [expected.ksDistance, expected.wasserstein]) <= 1e-12);
    assert.ok(Math.abs(p / expected.ksP - 1) <= (expected.ksP > 1e-9 ? 1e-6 : 1e-3), `${p} instead of ${expected.ksP}`);
    const moments = createMoments();
    for (const value of b) moments.add(value);
    const sorted = b.toSorted((x, y) => x - y);
    const quantiles = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1].map((share) => quantile(sorted, share));
    assert.ok(
      worst(
        [moments.mean, moments.sum, moments.deviation, ...quantiles],
        [expected.mean, expected.sum, expected.deviation, ...expected.quantiles],
      ) <= 1e-12,
    );
  });
}

tables.forEach(({ a, b, statistic, p }, i) => {
  test(`as scipy: table ${i + 1} of ${a.length} classes`, () => {
    const found = chiSquare(a, b);
    assert.ok(worst([found.statistic], [statistic]) <= 1e-12);
    assert.ok(Math.abs(found.p / p - 1) <= 1e-6, `${found.p} instead of ${p}`);
  });
});

test("the fixtures of scipy have been read", () => {
  assert.deepEqual([pairs.length, tables.length], [46, 24]);
});

test("nothing against something is neither a distance nor a surprise", () => {
  assert.deepEqual(kolmogorovSmirnov(stepsOf([]), stepsOf([1, 2])), { distance: 0, p: 1 });
  assert.deepEqual(difference(stepsOf([1]), stepsOf([])), { distance: 0, area: 0 });
  assert.deepEqual(chiSquare([], [3, 4]), { statistic: 0, p: 1 });
});

test("tiny p-values keep their digits", () => {
  const ramp = (count: number, from: number) => Array.from({ length: count }, (_, i) => from + i);
  // Apart from each other: two orders out of all choices of 20 of 40.
  const choices = ramp(20, 1).reduce((product, i) => (product * (20 + i)) / i, 1);
  const { p } = kolmogorovSmirnov(stepsOf(ramp(20, 0)), stepsOf(ramp(20, 100)));
  assert.ok(Math.abs((p * choices) / 2 - 1) < 1e-12, String(p));
});
