import assert from "node:assert/strict";
import { test } from "node:test";
import { bestBatch } from "./best-batch.ts";

test("a network that gains from company runs the largest batch", async () => {
  assert.equal(await chosen((size) => 4 + 8 * size), 8);
});

test("where a larger batch gains next to nothing, the smaller one answers earlier", async () => {
  assert.equal(await chosen((size) => 0.05 + size), 2);
  assert.equal(await chosen((size) => size), 1);
});

test("a network that is slower in large batches does not run them", async () => {
  assert.equal(await chosen((size) => (size > 2 ? 9 : 8) * size), 1);
});

test("one slow run does not decide", async () => {
  let runs = 0;
  assert.equal(await chosen((size) => (runs++ === 0 ? 100 : size)), 1);
});

test("of a network of seconds one run says enough", async () => {
  const sizes: number[] = [];
  const tookMs = (size: number): number => {
    sizes.push(size);
    return 1_000 * size;
  };
  assert.equal(await chosen(tookMs), 1);
  assert.deepEqual(sizes, [1]);
});

async function chosen(tookMs: (size: number) => number): Promise<number> {
  let now = 0;
  const run = async (size: number): Promise<void> => {
    now += tookMs(size);
  };
  return bestBatch(8, { run, now: () => now });
}
