import assert from "node:assert/strict";
import { test } from "node:test";
import type { OpenPictures } from "../data/picture-set.ts";
import { randomFrom } from "../random.ts";
import { type Augmentation, still } from "../recipe.ts";
import { augmenter, plainPicture } from "./augmentation.ts";

const [height, width] = [7, 9];
const area = height * width;
const normalisation = { mean: [100, 110, 120], deviation: [50, 60, 70] };
const moving: Augmentation = { ...still, flip: true, shift: 0.5, rotationDegrees: 40, logScale: 0.7 };

const opened = (pixels: Uint8Array): OpenPictures => ({ height, width, at: () => pixels, close: () => undefined });
const augmented = (pixels: Uint8Array, how: Augmentation, seed = 1): Float32Array => {
  const target = new Float32Array(3 * area);
  augmenter(opened(pixels), normalisation, how).picture(0, randomFrom(seed), { target, offset: 0 });
  return target;
};
const close = (actual: ArrayLike<number>, expected: ArrayLike<number>) =>
  assert.deepEqual(
    Array.from(actual, (value) => Math.round(value * 1e4)),
    Array.from(expected, (value) => Math.round(value * 1e4)),
  );

test("a picture that nothing is done to is only normalised", () => {
  const pixels = Uint8Array.from({ length: 3 * area }, (_, i) => (i * 37) % 256);
  const expected = new Float32Array(3 * area);
  plainPicture(pixels, { target: expected, offset: 0, ...normalisation });
  close(augmented(pixels, still), expected);
});

test("each channel is sampled from itself, beyond the borders too", () => {
  const pixels = Uint8Array.from({ length: 3 * area }, (_, i) => [10, 130, 250][Math.floor(i / area)]!);
  const expected = Array.from({ length: 3 * area }, (_, i) => [-1.8, 1 / 3, 13 / 7][Math.floor(i / area)]!);
  for (let seed = 1; seed <= 20; seed++) close(augmented(pixels, moving, seed), expected);
});

test("what a shift shows from beyond the border is the reflected picture", () => {
  const ramp = Uint8Array.from({ length: 3 * area }, (_, i) => 10 * (i % width));
  const row = augmented(ramp, { ...still, shift: 3 / width }).subarray(0, width);
  const sources = Array.from(row, (value) => (value * 50 + 100) / 10);
  const shift = sources[4]! - 4;
  assert.ok(Math.abs(shift) > 1);
  const reflected = (at: number) => (at <= width - 1 ? Math.abs(at) : 2 * (width - 1) - at);
  close(
    sources,
    sources.map((_, x) => reflected(x + shift)),
  );
});

test("a turn comes after the mirror and every other change, a quarter to one side for each", () => {
  const side = 5;
  const square = Uint8Array.from({ length: 3 * side * side }, (_, i) => (i * 37) % 256);
  const pictures = { height: side, width: side, at: () => square, close: () => undefined };
  const shown = (seed: number, turn: number) => {
    const target = new Float32Array(3 * side * side);
    augmenter(pictures, normalisation, moving).picture(0, randomFrom(seed), { target, offset: 0, turn });
    return target;
  };
  const turned = (picture: Float32Array) =>
    picture.map((_, i) => {
      const [plane, y, x] = [i - (i % (side * side)), Math.floor((i % (side * side)) / side), i % side];
      return picture[plane + x * side + (side - 1 - y)]!;
    });
  for (let seed = 1; seed <= 10; seed++) {
    let expected = shown(seed, 0);
    for (const turn of [1, 2, 3]) {
      expected = turned(expected);
      close(shown(seed, turn), expected);
    }
  }
});
