import assert from "node:assert/strict";
import { test } from "node:test";
import { deliveryQueue } from "./delivery-queue.ts";
import { memoryResources } from "./memory-resources.ts";
import { testClock } from "./test-clock.ts";

test("a delivery that fails is made again after the delay, with the same id, and then its row is gone", async () => {
  const { clock, resources, queue, made, fail } = world();
  fail.times = 2;
  resources.transaction(() => queue.add(["a"]));
  await clock.advance(0);
  assert.equal(made.length, 1);
  await clock.advance(999);
  assert.equal(made.length, 1);
  await clock.advance(1);
  assert.equal(made.length, 2);
  await clock.advance(2000);
  assert.equal(made.length, 3);
  assert.equal(new Set(made.map(({ id }) => id)).size, 1);
  assert.deepEqual(resources.list("jobs"), []);
  assert.equal(queue.size(), 0);
});

test("a delivery that keeps failing is given up", async () => {
  const { clock, resources, queue, made, fail, givenUp } = world();
  fail.times = 99;
  resources.transaction(() => queue.add(["a"]));
  await clock.advance(60_000);
  assert.equal(made.length, 4);
  assert.deepEqual(givenUp, ["a"]);
  assert.deepEqual(resources.list("jobs"), []);
});

test("what waits when the process ends is delivered by the next one", async () => {
  const first = world();
  first.fail.times = 1;
  first.resources.transaction(() => first.queue.add(["a"]));
  await first.clock.advance(0);
  await first.queue.close();
  await first.clock.advance(60_000);
  assert.equal(first.made.length, 1);
  const second = world(first);
  await first.clock.advance(60_000);
  assert.deepEqual(
    second.made.map(({ job, attempt }) => [job, attempt]),
    [["a", 2]],
  );
});

test("what a rolled-back transaction added is not delivered", async () => {
  const { clock, resources, queue, made } = world();
  const work = () =>
    resources.transaction(() => {
      queue.add(["a"]);
      throw new Error("stop");
    });
  assert.throws(work, /stop/);
  await clock.advance(10_000);
  assert.deepEqual(made, []);
});

test("no more deliveries are made at once than allowed, and all are made", async () => {
  const { clock, resources, queue, made, most, fail } = world();
  fail.slowlyMs = 100;
  resources.transaction(() => queue.add(Array.from({ length: 9 }, (_, i) => String(i))));
  await clock.advance(500);
  assert.equal(made.length, 9);
  assert.equal(most.atOnce, 2);
});

function world(before?: { clock: ReturnType<typeof testClock>; resources: ReturnType<typeof memoryResources> }) {
  const clock = before?.clock ?? testClock();
  const resources = before?.resources ?? memoryResources(clock);
  const made: { job: string; id: string; attempt: number }[] = [];
  const givenUp: string[] = [];
  const fail = { times: 0, slowlyMs: 0 };
  const most = { now: 0, atOnce: 0 };
  const queue = deliveryQueue<string>({
    resources,
    clock,
    kind: "jobs",
    concurrency: 2,
    async deliver(job, { id, attempt }) {
      most.atOnce = Math.max(most.atOnce, ++most.now);
      await new Promise<void>((resolve) => clock.schedule(fail.slowlyMs, resolve));
      most.now--;
      made.push({ job, id, attempt });
      if (fail.times-- > 0) throw new Error("not now");
    },
    retryDelayMs: (_job, attempt) => (attempt < 4 ? attempt * 1000 : undefined),
    giveUp: async (job) => void givenUp.push(job),
    report: (error) => assert.fail(String(error)),
  });
  return { clock, resources, queue, made, givenUp, fail, most };
}
