import assert from "node:assert/strict";
import { test } from "node:test";
import { batches } from "./batches.ts";

test("what comes while a batch runs is the next batch, in order and bounded", async () => {
  const runs: number[][] = [];
  const ends: (() => void)[] = [];
  const take = batches<number>(3, (items) => {
    runs.push(items);
    return new Promise((resolve) => ends.push(resolve));
  });
  take([1]);
  await turn();
  take([2, 3]);
  take([4, 5]);
  ends.shift()?.();
  await turn();
  ends.shift()?.();
  await turn();
  assert.deepEqual(runs, [[1], [2, 3, 4], [5]]);
});

test("what comes in one turn of the event loop is one batch", async () => {
  const runs: number[][] = [];
  const take = batches<number>(8, async (items) => void runs.push(items));
  take([1]);
  take([2]);
  await turn();
  assert.deepEqual(runs, [[1, 2]]);
});

async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
