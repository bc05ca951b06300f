import assert from "node:assert/strict";
import { test } from "node:test";
import { statisticSet } from "../../ports/statistic-set.ts";
import { statisticOf } from "./statistic.ts";

const hundred = statisticSet(Array.from({ length: 100 }, (_, index) => [index + 1, 1] as const));
const of = (name: string, set = hundred) => statisticOf(name)?.(set);

test("the five plain statistics come from the four numbers", () => {
  const names = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"];
  assert.deepEqual(
    names.map((name) => of(name)),
    [100, 5050, 50.5, 1, 100],
  );
});

test("percentiles are values that were observed", () => {
  assert.deepEqual([of("p0"), of("p50"), of("p99.9"), of("p90"), of("p100")], [1, 50, 100, 90, 100]);
});

test("a percentile of a set without values is unknown", () => {
  const set = { count: 2, sum: 3, minimum: 1, maximum: 2, values: undefined };
  assert.deepEqual([of("p50", set), of("TM(10%:90%)", set), of("Average", set)], [undefined, undefined, 1.5]);
});

test("trimmed, winsorized and ranked statistics look between their bounds", () => {
  assert.deepEqual(
    [of("tm90"), of("TM(10%:90%)"), of("IQM"), of("TC(:10)"), of("TS(90:)")],
    [45.5, 50.5, 50.5, 10, 955],
  );
  assert.deepEqual([of("PR(:25)"), of("WM(0%:50%)")], [25, 37.75]);
});

test("what is no statistic is none", () => {
  const names = ["Median", "p101", "p", "TM(:)", "PR(10%:20%)", "average", "TM(1.2.3:4)", "toString"];
  assert.deepEqual(
    names.filter((name) => statisticOf(name) !== undefined),
    [],
  );
});
