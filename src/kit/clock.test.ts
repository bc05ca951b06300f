import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "./clock.ts";

test("a delay beyond 2^31 milliseconds does not fire at once", async () => {
  const clock = systemClock();
  let hasFired = false;
  const cancel = clock.schedule(2 ** 31 + 1000, () => {
    hasFired = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  cancel();
  assert.equal(hasFired, false);
});

test("a short delay fires and a cancelled one does not", async () => {
  const clock = systemClock();
  const fired: string[] = [];
  clock.schedule(1, () => fired.push("cancelled"))();
  const keepAlive = setInterval(() => {}, 1000); // The clock's own timers would let the process end.
  await new Promise<void>((resolve) => clock.schedule(5, resolve));
  clearInterval(keepAlive);
  assert.deepEqual(fired, []);
});
