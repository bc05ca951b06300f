import assert from "node:assert/strict";
import { test } from "node:test";
import type { Image } from "../images/image.ts";
import { meanDiscrepancy } from "./mean-discrepancy.ts";
import { pictureLayout } from "./picture-layout.ts";
import { seeded } from "./testing/seeded.ts";

/** Points of five numbers around 0, each the sum of two even ones. */
function cloud(
  count: number,
  { seed, width = 1, at = 0 }: { seed: number; width?: number; at?: number },
): Float64Array[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () =>
    Float64Array.from({ length: 5 }, () => at + width * (random() + random() - 1)),
  );
}

test("points of one distribution are no surprise", () => {
  const { p, effect } = meanDiscrepancy(cloud(100, { seed: 1 }), cloud(60, { seed: 2 }), { random: seeded(3) });
  assert.ok(p > 0.05 && effect < 0.3, `${p} ${effect}`);
});

test("points elsewhere are as rare as can be told, and as far as they are", () => {
  const moved = cloud(60, { seed: 2, at: 0.4 });
  const { p, effect } = meanDiscrepancy(cloud(100, { seed: 1 }), moved, { random: seeded(3) });
  // The deviation of a sum of two even numbers is sqrt(1/6).
  assert.ok(p === 1 / 500 && Math.abs(effect - 0.4 * Math.sqrt(6)) < 0.15, `${p} ${effect}`);
});

test("points around the same middle that lie wider are found", () => {
  const wider = cloud(60, { seed: 2, width: 2 });
  assert.ok(meanDiscrepancy(cloud(100, { seed: 1 }), wider, { random: seeded(3) }).p < 0.01);
});

test("constant points differ from nothing", () => {
  const same = Array.from({ length: 20 }, () => new Float64Array(5));
  assert.deepEqual(meanDiscrepancy(same, same, { random: seeded(3) }), { p: 1, effect: 0 });
});

test("a single point is not compared", () => {
  assert.equal(meanDiscrepancy(cloud(1, { seed: 1 }), cloud(60, { seed: 2 }), { random: seeded(3) }).p, 1);
});

function picture(value: (x: number, y: number) => number): Image {
  const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => value(Math.floor(i / 3) % 64, Math.floor(i / 192)));
  return { width: 64, height: 64, data };
}

function distanceOf(a: Float64Array, b: Float64Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0));
}

test("the layout of a picture hardly depends on its light and its size, and much on how it is turned", () => {
  const scene = (x: number, y: number): number => 100 + 50 * Math.sin(y / 5) + (x > 40 ? 30 : 0);
  const layout = pictureLayout(picture(scene));
  const dim = pictureLayout(picture((x, y) => 0.7 * scene(x, y)));
  const turned = pictureLayout(picture((x, y) => scene(y, x)));
  assert.ok(distanceOf(layout, dim) < 0.15 * distanceOf(layout, turned));
});

test("a picture of nothing has a layout of nothing", () => {
  assert.ok(pictureLayout(picture(() => 90)).every((value) => Math.abs(value) < 1e-9));
});
