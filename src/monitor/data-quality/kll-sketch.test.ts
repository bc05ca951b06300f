import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketsOf, createKllSketch, type SketchData } from "./kll-sketch.ts";

function sketchOf(values: Iterable<number>, options = {}): SketchData {
  const sketch = createKllSketch(options);
  for (const value of values) sketch.add(value);
  return sketch.data();
}

function weightOf({ data }: SketchData): number {
  return data.reduce((sum, level, height) => sum + level.length * 2 ** height, 0);
}

/** Every whole number below `count` once, in an order that looks random. */
function shuffled(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7919) % count);
}

test("few values are kept as they came", () => {
  assert.deepEqual(sketchOf([3, 1, 2]), { parameters: { c: 0.64, k: 2048 }, data: [[3, 1, 2]] });
});

test("the value that overfills the first level makes the second one, of every second value in order", () => {
  // Size 4: the first level holds 2 (ceil(4 / 2) + 1) = 6.
  const { data } = sketchOf([9, 1, 8, 2, 7, 3, 6], { size: 4 });
  assert.deepEqual(data, [[6], [1, 3, 8]]);
});

test("which half moves up changes with the second, the fourth, the sixth compaction of a level", () => {
  // Rising numbers: the last one to move up is even when the lower half moves, else odd.
  const sketch = createKllSketch({ size: 4 });
  const sides: number[] = [];
  let before = 0;
  for (let i = 0; i < 40; i++) {
    sketch.add(i);
    const [, second = []] = sketch.data().data;
    if (second.length > before) sides.push((second.at(-1) as number) % 2);
    before = second.length;
  }
  assert.deepEqual(sides.slice(0, 4), [0, 1, 1, 0]);
});

test("the levels stand for every value that was added", () => {
  const counts = [1, 2049, 2051, 10_000, 123_457];
  assert.deepEqual(
    counts.map((count) => weightOf(sketchOf(shuffled(count)))),
    counts,
  );
});

test("memory hardly grows with a million values", () => {
  const sketch = createKllSketch();
  for (let i = 0; i < 1_000_000; i++) sketch.add((i * 7919) % 1_000_003);
  const held = sketch.data().data.reduce((sum, level) => sum + level.length, 0);
  assert.ok(held < 6000, `${held} values held`);
});

test("ranks of a million values are right within two in a thousand", () => {
  const count = 1_000_000;
  const data = sketchOf(shuffled(count));
  const buckets = bucketsOf(data, { min: 0, max: count - 1 });
  const worst = Math.max(...buckets.map((bucket) => Math.abs(bucket.count - count / 10)));
  assert.ok(worst < count / 500, `off by ${worst}`);
});

test("ten buckets lie between the ends, the last one with its upper bound", () => {
  const buckets = bucketsOf(sketchOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), { min: 0, max: 10 });
  assert.deepEqual(
    buckets.map(({ count }) => count),
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 2],
  );
  assert.deepEqual([buckets[0]?.lower_bound, buckets[9]?.upper_bound], [0, 10]);
});

test("equal values all lie in the last bucket", () => {
  const buckets = bucketsOf(sketchOf([5, 5, 5]), { min: 5, max: 5 });
  assert.deepEqual([buckets.length, buckets[8]?.count, buckets[9]?.count], [10, 0, 3]);
});
