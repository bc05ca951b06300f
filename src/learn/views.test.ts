import assert from "node:assert/strict";
import { test } from "node:test";
import { viewed, viewsOf } from "./views.ts";

const sides = { height: 3, width: 4 };
const picture = Float32Array.from({ length: 12 }, (_, i) => 10 * Math.floor(i / 4) + (i % 4));

test("a moved picture has its border reflected", () => {
  assert.deepEqual(
    [...viewed(picture, { left: 1, up: -1, isMirrored: false }, sides)],
    [11, 12, 13, 12, 1, 2, 3, 2, 11, 12, 13, 12],
  );
});

test("all views of a mirror image are the views of the picture, in another order", () => {
  const mirror = viewed(picture, { left: 0, up: 0, isMirrored: true }, sides);
  const all = (of: Float32Array) => viewsOf(10).map((view) => viewed(of, view, sides).join());
  assert.deepEqual(all(mirror).sort(), all(picture).sort());
  assert.equal(new Set(all(picture)).size, 10);
});

test("every picture of a batch is moved by itself", () => {
  const two = Float32Array.of(...picture, ...picture.map((value) => value + 100));
  const view = viewed(two, { left: -1, up: 1, isMirrored: true }, sides);
  assert.deepEqual(
    [...view.subarray(12)],
    [...viewed(picture, viewsOf(10)[9]!, sides)].map((value) => value + 100),
  );
});

test("the picture itself is not copied", () => {
  assert.equal(viewed(picture, viewsOf(1)[0]!, sides), picture);
});
