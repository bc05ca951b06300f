import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetricPoint } from "./metric-points.ts";
import type { Metric } from "./metrics.ts";
import { statisticSet, type ValueCount } from "./statistic-set.ts";
import type { Store } from "./store.ts";

export function metricPointsConformance(name: string, open: () => Store): void {
  const check = (sentence: string, body: (store: Store) => Promise<void>) =>
    test(`${name}: ${sentence}`, async () => {
      const store = open();
      try {
        await body(store);
      } finally {
        store.close();
      }
    });
  const latency: Metric = { namespace: "Shop", name: "Latency", dimensions: { Page: "cart", Zone: "a" } };
  const point = (startMs: number, values: ValueCount[], rest: Partial<MetricPoint> = {}): MetricPoint => ({
    metric: latency,
    unit: "Milliseconds",
    resolutionSeconds: 60,
    startMs,
    set: statisticSet(values),
    ...rest,
  });
  const everything = { resolutionSeconds: 60, fromMs: 0, toMs: 1e15 } as const;

  check("points of the same minute are merged, whatever order their dimensions came in", async ({ metrics }) => {
    const turned = { ...latency, dimensions: { Zone: "a", Page: "cart" } };
    await metrics.add([point(60_000, [[1, 1]]), point(60_000, [[4, 2]], { metric: turned })]);
    await metrics.add([point(60_000, [[2.5, 1]])]);
    const set = statisticSet([
      [1, 1],
      [2.5, 1],
      [4, 2],
    ]);
    assert.deepEqual(metrics.read(latency, everything), [{ startMs: 60_000, unit: "Milliseconds", set }]);
  });

  check("a set without values is kept as such", async ({ metrics }) => {
    const set = { count: 3, sum: 6, minimum: 1, maximum: 3, values: undefined };
    await metrics.add([point(60_000, [], { set })]);
    assert.deepEqual(metrics.read(latency, everything)[0]?.set, set);
  });

  check("points are read in order of time, from the first up to before the last moment", async ({ metrics }) => {
    await metrics.add([180_000, 60_000, 120_000, 240_000].map((startMs) => point(startMs, [[1, 1]])));
    const read = metrics.read(latency, { resolutionSeconds: 60, fromMs: 120_000, toMs: 240_000 });
    assert.deepEqual(
      read.map(({ startMs }) => startMs),
      [120_000, 180_000],
    );
  });

  check("units and resolutions are kept apart", async ({ metrics }) => {
    await metrics.add([
      point(60_000, [[1, 1]]),
      point(60_000, [[2, 1]], { unit: "Seconds" }),
      point(60_000, [[3, 1]], { resolutionSeconds: 1 }),
    ]);
    const sums = (resolutionSeconds: 1 | 60) =>
      metrics.read(latency, { ...everything, resolutionSeconds }).map(({ unit, set }) => [unit, set.sum]);
    assert.deepEqual(sums(60), [
      ["Milliseconds", 1],
      ["Seconds", 2],
    ]);
    assert.deepEqual(sums(1), [["Milliseconds", 3]]);
  });

  check("metrics are listed in pages with the time of their newest point", async ({ metrics }) => {
    const named = (namespace: string, metricName: string) => ({ namespace, name: metricName, dimensions: {} });
    const [a, b, c] = [named("A", "x"), named("A", "y"), named("B", "x")];
    await metrics.add([c, b, a].map((metric) => point(60_000, [[1, 1]], { metric })));
    await metrics.add([point(120_000, [[1, 1]], { metric: b })]);
    assert.deepEqual(metrics.list({ limit: 2 }), [
      { metric: a, newestMs: 60_000 },
      { metric: b, newestMs: 120_000 },
    ]);
    assert.deepEqual(metrics.list({ after: b, limit: 2 }), [{ metric: c, newestMs: 60_000 }]);
    assert.deepEqual(metrics.list({ name: "x", limit: 9 }).length, 2);
    assert.deepEqual(metrics.list({ namespace: "A", name: "x", limit: 9 }).length, 1);
    assert.deepEqual([metrics.size(), metrics.has(a), metrics.has(latency)], [3, true, false]);
  });

  check("old points are forgotten in portions, and a metric with its last one", async ({ metrics }) => {
    await metrics.add([60_000, 120_000, 180_000].map((startMs) => point(startMs, [[1, 1]])));
    const forget = () => metrics.forget({ resolutionSeconds: 60, beforeMs: 240_000, limit: 2 });
    assert.deepEqual([await forget(), metrics.has(latency)], [2, true]);
    assert.deepEqual([await forget(), metrics.has(latency), metrics.list({ limit: 9 })], [1, false, []]);
  });
}
