import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stabilityOfBuckets } from "../two-sample-tests.ts";
import {
  type CategoryCounts,
  type ComparisonMethod,
  categoricalDistance,
  chiSquared,
  numericalDistance,
} from "./distances.ts";

/** The inputs and answers that Deequ's own suite publishes (KLLDistanceTest). */
interface PublishedCase {
  says: string;
  measure: "numerical" | "categorical" | "statistic" | "p-value" | "stability";
  sample: unknown;
  baseline: unknown;
  method?: ComparisonMethod;
  alpha?: number;
  /** `null`: there is no answer. */
  answer: number | null;
}

const file = join(import.meta.dirname, "..", "testing", "deequ-distances.json");
const cases = JSON.parse(readFileSync(file, "utf8")) as PublishedCase[];

function computed({ measure, sample, baseline, method = "Simple", alpha }: PublishedCase): number | undefined {
  const options = { method, ...(alpha !== undefined && { alpha }) };
  const counts = (value: unknown): CategoryCounts => new Map(Object.entries(value as Record<string, number>));
  const sketch = (data: unknown) => ({ parameters: { c: 0.64, k: 4 }, data: data as number[][] });
  switch (measure) {
    case "numerical":
      return numericalDistance(sketch(sample), sketch(baseline), options);
    case "categorical":
      return categoricalDistance(counts(sample), counts(baseline), options);
    case "statistic":
      return chiSquared(counts(sample), counts(baseline))?.statistic;
    case "p-value":
      return chiSquared(counts(sample), counts(baseline))?.p;
    case "stability":
      return stabilityOfBuckets(sample as number[], baseline as number[]);
  }
}

function isNear(actual: number | undefined, expected: number | null, tolerance: number): boolean {
  if (actual === undefined || expected === null) return actual === undefined && expected === null;
  return Math.abs(actual - expected) <= tolerance * Math.abs(expected);
}

for (const published of cases) {
  test(`as Deequ: ${published.says}`, () => {
    // Spark computes p-values by an approximation of its own.
    const tolerance = published.measure === "p-value" ? 1e-8 : 1e-14;
    const actual = computed(published);
    assert.ok(isNear(actual, published.answer, tolerance), `${actual} instead of ${published.answer}`);
  });
}

test("all published cases of Deequ are compared", () => {
  assert.equal(cases.length, 20);
});

test("the weights of a sketch's levels count", () => {
  const sketch = (data: number[][]) => ({ parameters: { c: 0.64, k: 4 }, data });
  // 1, 2, 2 of weight: half of the first is at most 1, a fifth of the second.
  const distance = numericalDistance(sketch([[1, 2]]), sketch([[1], [2, 3]]), { method: "Simple" });
  assert.ok(Math.abs(distance - 0.4) < 1e-15);
});

test("as Deequ: a value that a sketch repeats counts once, with the weight of its highest level", () => {
  const sketch = (data: number[][]) => ({ parameters: { c: 0.64, k: 4 }, data });
  const distance = numericalDistance(sketch([[0, 0, 0, 1]]), sketch([[0, 1, 1, 1]]), { method: "Simple" });
  assert.equal(distance, 0);
});

test("nothing is no distance from anything", () => {
  const empty = { parameters: { c: 0.64, k: 4 }, data: [[]] };
  const one = { parameters: { c: 0.64, k: 4 }, data: [[1]] };
  assert.equal(numericalDistance(empty, one, { method: "Simple" }), 0);
  assert.equal(categoricalDistance(new Map(), new Map([["a", 1]]), { method: "Simple" }), 0);
});

test("bucket lists of different lengths are refused", () => {
  assert.throws(() => stabilityOfBuckets([1, 2], [1, 2, 3]), /give the same buckets/);
});
