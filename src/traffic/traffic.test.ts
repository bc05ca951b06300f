import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeImage } from "../images/decode-image.ts";
import { ImageError } from "../images/image.ts";
import { replayPlan } from "./replay-plan.ts";
import { runTraffic, type Timing } from "./run-traffic.ts";
import { trafficPicture } from "./traffic-picture.ts";
import { corruptions, type TrafficItem, trafficPlan } from "./traffic-plan.ts";

const poisson = { kind: "poisson", ratePerSecond: 20, durationSeconds: 100 } as const;
const even = { bicycle: 1, motorcycle: 1 };
const share = (items: readonly TrafficItem[], holds: (item: TrafficItem) => boolean) =>
  items.filter(holds).length / items.length;

test("the same seed plans the same traffic, another seed another", () => {
  const plan = (seed: number) => trafficPlan({ seed, schedule: poisson, mix: even, corruptedShare: 0.1 });
  assert.deepEqual(plan(1), plan(1));
  assert.notDeepEqual(plan(1), plan(2));
});

test("Poisson arrivals keep the rate and have exponential gaps", () => {
  const times = trafficPlan({ seed: 3, schedule: poisson, mix: even }).map((item) => item.atMs);
  const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  // Five standard errors of 2,000 exponential gaps.
  assert.ok(Math.abs(mean - 50) < 5.6 && Math.abs(deviation - 50) < 8, `mean ${mean}, deviation ${deviation}`);
  assert.ok(gaps.every((gap) => gap >= 0));
});

test("a constant rate and bursts come at exact times", () => {
  const times = (schedule: Parameters<typeof trafficPlan>[0]["schedule"]) =>
    trafficPlan({ seed: 1, schedule, mix: even }).map((item) => item.atMs);
  assert.deepEqual(times({ kind: "constant", ratePerSecond: 4, durationSeconds: 1 }), [0, 250, 500, 750]);
  assert.deepEqual(times({ kind: "burst", count: 3, bursts: 2, pauseSeconds: 5 }), [0, 0, 0, 5000, 5000, 5000]);
});

test("class mix, damage and drift have the shares that were asked for", () => {
  const plan = trafficPlan({
    seed: 5,
    schedule: { kind: "burst", count: 4000 },
    mix: { bicycle: 3, motorcycle: 1 },
    corruptedShare: 0.2,
    drift: { after: 0.75, conditions: { light: "night" }, mix: { bus: 1 } },
  });
  const before = plan.filter((item) => !item.isDrifted);
  assert.equal(before.length, 3000);
  assert.ok(Math.abs(share(before, (item) => item.className === "bicycle") - 0.75) < 0.04);
  assert.ok(Math.abs(share(plan, (item) => item.corruption !== undefined) - 0.2) < 0.032);
  assert.ok(plan.slice(3000).every((item) => item.className === "bus" && item.conditions?.light === "night"));
});

test("an impossible plan is refused with the reason", () => {
  assert.throws(() => trafficPlan({ seed: 1, schedule: poisson, mix: {} }), /no vehicle/);
  assert.throws(
    () => trafficPlan({ seed: 1, schedule: { kind: "constant", ratePerSecond: 0, durationSeconds: 1 }, mix: even }),
    /ratePerSecond is 0/,
  );
  assert.throws(() => trafficPlan({ seed: 1, schedule: { kind: "burst", count: 1e9 }, mix: even }), /at most/);
});

test("an undamaged item is a picture and every kind of damage is none", () => {
  const item = trafficPlan({ seed: 9, schedule: { kind: "burst", count: 1 }, mix: even })[0] as TrafficItem;
  assert.equal(decodeImage(trafficPicture(item, { size: 32 })).width, 32);
  for (const corruption of corruptions)
    assert.throws(() => decodeImage(trafficPicture({ ...item, corruption }, { size: 32 })), ImageError);
});

/** Time that only moves when somebody waits. */
function steppedTiming(): Timing {
  let now = 0;
  return {
    now: () => now,
    wait: async (ms) => {
      now += ms;
    },
  };
}

test("every item is sent at its time and its outcome is counted", async () => {
  const plan = trafficPlan({
    seed: 1,
    schedule: { kind: "constant", ratePerSecond: 10, durationSeconds: 1 },
    mix: even,
  });
  const timing = steppedTiming();
  const sentAt: number[] = [];
  const report = await runTraffic(
    plan,
    async (item) => {
      sentAt.push(timing.now());
      if (item.index === 3) throw new Error("refused");
      return item.index % 2 === 0 ? "SUCCEEDED" : "FAILED";
    },
    { timing },
  );
  assert.deepEqual(
    sentAt,
    plan.map((item) => item.atMs),
  );
  assert.deepEqual(report.outcomes, { SUCCEEDED: 5, FAILED: 4, ERROR: 1 });
  assert.deepEqual([report.notSent, report.results[3]?.error], [0, "Error: refused"]);
});

test("latency counts from the intended start, not from when a place was free", async () => {
  const plan = trafficPlan({ seed: 1, schedule: { kind: "burst", count: 4 }, mix: even });
  const timing = steppedTiming();
  const send = async (_: TrafficItem, signal: AbortSignal) => {
    await timing.wait(100, signal);
    return "SUCCEEDED";
  };
  const report = await runTraffic(plan, send, { timing, concurrency: 1 });
  assert.deepEqual(
    report.results.map((result) => result.latencyMs),
    [100, 200, 300, 400],
  );
  assert.deepEqual(report.latency, { p50: 200, p90: 400, p99: 400, max: 400 });
});

test("what is under way when a run is stopped was interrupted, which is no error", async () => {
  const stop = new AbortController();
  const send = async (_: unknown, signal: AbortSignal) => {
    stop.abort();
    signal.throwIfAborted();
    return "SUCCEEDED";
  };
  const report = await runTraffic([{ index: 0, atMs: 0 }], send, { signal: stop.signal });
  assert.deepEqual(report.outcomes, { interrupted: 1 });
});

test("captured requests come again at their own times, those of one second spread over it, and faster if wanted", () => {
  const times = [5_000, 5_000, 7_000, 7_000, 7_000, 7_000].map((ms) => ms + 1_700_000_000_000);
  const at = (speed: number) => replayPlan(times, { kind: "captured", speed }).map(({ atMs }) => atMs);
  assert.deepEqual(at(1), [0, 500, 2_000, 2_250, 2_500, 2_750]);
  assert.deepEqual(at(10), [0, 50, 200, 225, 250, 275]);
});

test("captured requests come again at an even rate, whenever they came first", () => {
  const plan = replayPlan([0, 9_000_000, 9_000_001], { kind: "constant", ratePerSecond: 4 });
  assert.deepEqual(
    plan.map(({ atMs }) => atMs),
    [0, 250, 500],
  );
  assert.throws(() => replayPlan([0], { kind: "constant", ratePerSecond: 0 }), /rate is 0, not a number above 0/);
});

test("never more than the allowed number is under way, and a stop sends no more", async () => {
  const plan = trafficPlan({ seed: 1, schedule: { kind: "burst", count: 50 }, mix: even });
  const stop = new AbortController();
  let most = 0;
  const report = await runTraffic(
    plan,
    async (item) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (item.index === 9) stop.abort();
      return "SUCCEEDED";
    },
    { signal: stop.signal, concurrency: 4, onProgress: ({ underWay }) => (most = Math.max(most, underWay)) },
  );
  assert.ok(most <= 4);
  assert.ok(report.results.length >= 10 && report.results.length <= 14, `${report.results.length} were sent`);
  assert.equal(report.notSent, 50 - report.results.length);
});
