import assert from "node:assert/strict";
import { test } from "node:test";
import type { Layout, Parameter } from "../network.ts";
import type { Optimizer } from "../recipe.ts";
import { updater } from "./optimiser.ts";

const how: Optimizer = {
  name: "nag",
  momentum: 0.9,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  gamma: 0.9,
};

/** One parameter of value 1, groups with these gradients, after some steps of rate 0.1. */
function after(
  steps: number,
  name: Optimizer["name"],
  { gradients = [1, 3], kind = "linear" as Parameter["kind"] } = {},
) {
  const vector = () => new Float32Array(1);
  const vectors = { parameters: vector().fill(1), first: vector(), second: vector() };
  const part = { layout: layoutOf(kind, [1]), groups: gradients.length, from: 0, to: 1 };
  const update = updater({ ...vectors, gradients: Float32Array.from(gradients) }, part, { ...how, name });
  for (let step = 1; step <= steps; step++) update(step, 0.1);
  return vectors.parameters[0]!;
}

/** Parameters of these sizes, one after the other. */
function layoutOf(kind: Parameter["kind"], sizes: readonly number[]): Layout {
  let total = 0;
  const parameters = sizes.map((size, i) => {
    total += size;
    return { name: String(i), kind, shape: [size], offset: total - size, size, isHalf: false, isFirst: false };
  });
  return { parameters, norms: [], total, statistics: 0 };
}

const close = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-5, `${actual}`);

test("sgd steps by momentum over the mean gradient with decay", () => {
  close(after(1, "sgd"), 1 - 0.1 * 2.1);
  const second = 0.9 * 2.1 + 2 + 0.1 * 0.79;
  close(after(2, "sgd"), 0.79 - 0.1 * second);
});

test("nag looks one step of momentum ahead", () => {
  close(after(1, "nag"), 1 - 0.1 * (2.1 + 0.9 * 2.1));
});

test("the first step of adam has the size of the rate", () => {
  close(after(1, "adam"), 0.9);
});

test("the first step of rmsprop is larger, since its memory begins at nothing", () => {
  close(after(1, "rmsprop"), 1 - 0.1 / Math.sqrt(0.1));
});

test("the mean is of all groups, however many there are", () => {
  close(after(1, "sgd", { gradients: [1, 2, 3, 4, 5, 6, 0, 8, 7] }), 1 - 0.1 * 4.1);
});

test("norms and biases do not decay", () => {
  close(after(1, "sgd", { kind: "bias" }), 1 - 0.1 * 2);
});

test("a part of the parameters is updated alone, whatever lies on its borders", () => {
  const total = 5000;
  const vector = () => new Float32Array(total);
  const vectors = { parameters: vector().fill(1), first: vector(), second: vector(), gradients: vector().fill(1) };
  const layout = layoutOf("scale", [40, total - 40]);
  updater(vectors, { layout, groups: 1, from: 7, to: 4321 }, { ...how, name: "sgd", momentum: 0 })(1, 0.5);
  const expected = vector().fill(1).fill(0.5, 7, 4321);
  assert.deepEqual(vectors.parameters, expected);
});
