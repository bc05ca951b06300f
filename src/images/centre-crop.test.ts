import assert from "node:assert/strict";
import { test } from "node:test";
import { centreCrop } from "./centre-crop.ts";

/** Its red says which column, its green which row a pixel was in. */
function numbered(width: number, height: number) {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set([x, y, 7], 3 * (y * width + x));
  return { width, height, data };
}

test("the middle of a picture is as large as the shorter side says", () => {
  const cropped = centreCrop(numbered(40, 20), { height: 0.5, width: 0.8 });
  assert.deepEqual([cropped.width, cropped.height], [16, 10]);
  assert.deepEqual([...cropped.data.subarray(0, 3)], [12, 5, 7]);
  assert.deepEqual([...cropped.data.subarray(-3)], [27, 14, 7]);
});

test("a square picture whose whole is asked for stays the same", () => {
  const image = numbered(9, 9);
  assert.equal(centreCrop(image, { height: 1, width: 1 }), image);
});
