import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryMetricPoints } from "./memory-metric-points.ts";
import type { MetricPoints } from "./metric-points.ts";
import { metricRecorder } from "./metric-recorder.ts";
import type { RecordedMetric } from "./metrics.ts";
import { testClock } from "./test-clock.ts";

const calls: RecordedMetric = { namespace: "Shop", name: "Calls", dimensions: { Page: "cart" }, unit: "Count" };

test("observations of one minute become one point, those of the next another", async () => {
  const { recorder, clock, stored } = setUp();
  recorder.record(calls, 1);
  recorder.record({ ...calls }, 3, { count: 2 });
  await clock.advance(60_000);
  recorder.record(calls, 5);
  await recorder.flush();
  assert.deepEqual(
    stored().map(({ set }) => [set.count, set.sum]),
    [
      [3, 7],
      [1, 5],
    ],
  );
});

test("what was recorded is written within seconds, without being asked", async () => {
  const { recorder, clock, stored } = setUp();
  recorder.record(calls, 1);
  assert.equal(stored().length, 0);
  await clock.advance(5000);
  assert.equal(stored().length, 1);
  assert.equal(clock.pending(), 0);
});

test("many distinct values of one minute are still one point with the right sum", async () => {
  const { recorder, stored } = setUp();
  for (let value = 1; value <= 5000; value++) recorder.record(calls, value);
  await recorder.flush();
  assert.deepEqual(
    stored().map(({ set }) => [set.count, set.sum, set.minimum, set.maximum]),
    [[5000, 12_502_500, 1, 5000]],
  );
});

test("what is no number is not recorded", async () => {
  const { recorder, stored } = setUp();
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) recorder.record(calls, value);
  recorder.record(calls, 1, { count: 0 });
  await recorder.flush();
  assert.deepEqual(stored(), []);
});

test("more metrics than the bound are dropped and said", async () => {
  const { recorder, points, reports } = setUp();
  for (const name of ["a", "b", "c", "d"]) recorder.record({ ...calls, name }, 1);
  await recorder.flush();
  assert.equal(points.size(), 3);
  assert.deepEqual(reports, ["observations of metrics beyond the 3 that are kept were dropped"]);
});

test("a disk that refuses fails nobody who records", async () => {
  const { recorder, clock, reports } = setUp({ add: () => Promise.reject(new Error("disk full")) });
  recorder.record(calls, 1);
  await clock.advance(5000);
  recorder.record(calls, 1);
  await recorder.close();
  assert.deepEqual(reports, Array(2).fill("metrics could not be written and are lost"));
});

function setUp(broken: Partial<MetricPoints> = {}) {
  const clock = testClock();
  const points = { ...memoryMetricPoints(), ...broken };
  const reports: string[] = [];
  const recorder = metricRecorder({ points, clock, mostMetrics: 3, report: (line) => void reports.push(line) });
  const stored = () => points.read(calls, { resolutionSeconds: 60, fromMs: 0, toMs: 1e15 });
  return { clock, points, recorder, reports, stored };
}
