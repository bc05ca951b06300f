import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeSets, mostDistinctValues, statisticSet } from "./statistic-set.ts";

test("a set knows count, sum, extremes and how often each value came", () => {
  const set = statisticSet([
    [5, 2],
    [1, 1],
    [5, 1],
  ]);
  assert.deepEqual(set, {
    count: 4,
    sum: 16,
    minimum: 1,
    maximum: 5,
    values: [
      [1, 1],
      [5, 3],
    ],
  });
});

test("two sets merge into the set of all their observations", () => {
  const merged = mergeSets([statisticSet([[1, 1]]), statisticSet([[3, 2]])]);
  assert.deepEqual(
    merged,
    statisticSet([
      [1, 1],
      [3, 2],
    ]),
  );
});

test("a merge with a set of unknown values has none either, and keeps the four numbers", () => {
  const unknown = { count: 10, sum: 50, minimum: 0, maximum: 9, values: undefined };
  assert.deepEqual(mergeSets([statisticSet([[20, 1]]), unknown]), {
    count: 11,
    sum: 70,
    minimum: 0,
    maximum: 20,
    values: undefined,
  });
});

test("many close values share entries, which moves none by more than a few percent", () => {
  const set = statisticSet(Array.from({ length: 10_000 }, (_, index) => [100 + index / 10, 1] as const));
  const values = set.values ?? [];
  assert.ok(values.length <= mostDistinctValues && values.length > mostDistinctValues / 4);
  assert.equal(
    values.reduce((sum, [, count]) => sum + count, 0),
    10_000,
  );
  const middle = values.find(
    (_, index) => values.slice(0, index + 1).reduce((sum, [, count]) => sum + count, 0) >= 5000,
  );
  assert.ok(Math.abs((middle?.[0] ?? 0) / 600 - 1) < 0.03);
});

test("the widest range of numbers still fits", () => {
  const set = statisticSet(
    Array.from({ length: 5000 }, (_, index) => [(index % 2 ? -1 : 1) * 10 ** (index / 16 - 156), 1]),
  );
  assert.ok((set.values?.length ?? 0) <= mostDistinctValues);
});
