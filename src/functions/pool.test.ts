import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentCapacity } from "./capacity.ts";
import type { Environment } from "./environment.ts";
import { environmentPool } from "./pool.ts";
import { wallClock } from "./rig.test.ts";

const invocation = (requestId: string) => ({ requestId, event: Buffer.from("{}"), invokedArn: "arn" });

test("an environment that cannot even be made fails its caller, and the next caller gets one", async () => {
  let isFull = true;
  const it = poolOf(() => {
    if (isFull) throw new Error("no space left on device");
    return environment();
  });
  await assert.rejects(it.invoke(invocation("1")), { message: "no space left on device" });
  isFull = false;
  assert.equal((await it.invoke(invocation("2"))).logTail, "2");
});

test("calls beyond the bound wait in order of arrival, and beyond the waiting room are refused", async () => {
  const order: string[] = [];
  const it = poolOf(() => environment(order), { bound: 1, maxWaiting: 3 });
  const calls = ["1", "2", "3"].map((id) => it.invoke(invocation(id)));
  assert.throws(() => it.invoke(invocation("4")), { code: "TooManyRequestsException", status: 429 });
  await Promise.all(calls);
  assert.deepEqual(order, ["1", "2", "3"]);
  assert.equal(it.environments().length, 1);
});

test("a caller that goes away gives up its place in the queue", async () => {
  const order: string[] = [];
  const it = poolOf(() => environment(order), { bound: 1 });
  const abort = new AbortController();
  const first = it.invoke(invocation("1"));
  const second = it.invoke(invocation("2"), abort.signal);
  const third = it.invoke(invocation("3"));
  abort.abort();
  await assert.rejects(second, { name: "AbortError" });
  await Promise.all([first, third]);
  assert.deepEqual(order, ["1", "3"]);
});

function poolOf(start: () => Environment, changes: { bound?: number; maxWaiting?: number } = {}) {
  const settings = { bound: 2, refusesBeyondBound: false, maxWaiting: 10, idleMs: 60_000, ...changes };
  return environmentPool({
    start,
    ...settings,
    clock: { ...wallClock, schedule: () => () => {} },
    capacity: environmentCapacity(4),
  });
}

/** An environment that needs a turn of the loop per call, and no process. */
function environment(order: string[] = []): Environment {
  return {
    started: Promise.resolve(true),
    ended: new Promise(() => {}),
    isAlive: true,
    pid: undefined,
    async run({ requestId }) {
      await new Promise((resolve) => setImmediate(resolve));
      order.push(requestId);
      return { payload: Buffer.from("null"), isError: false, durationMs: 0, logTail: requestId };
    },
    stop: async () => {},
  };
}
