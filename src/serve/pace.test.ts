import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.ts";

test("nothing counts as fast before it was observed", () => {
  assert.equal(new Pace(() => 0).isFast(8), false);
});

test("a worker of a millisecond a picture is fast, one of ten is not", () => {
  assert.deepEqual([1, 10].map(isFastAt), [true, false]);
});

function isFastAt(perPictureMs: number): boolean {
  let now = 0;
  const pace = new Pace(() => now);
  const worker = {};
  pace.begin(worker);
  now += 8 * perPictureMs;
  pace.end(worker, 8);
  return pace.isFast(8);
}
