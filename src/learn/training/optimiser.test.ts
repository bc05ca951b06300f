import assert from "node:assert/strict";
import { test } from "node:test";
import type { Optimizer } from "../recipe.ts";
import { update } from "./optimiser.ts";

const how: Optimizer = {
  name: "nag",
  momentum: 0.9,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  gamma: 0.9,
};

/** One parameter of value 1, two groups with gradients 1 and 3, after some steps of rate 0.1. */
function after(steps: number, name: Optimizer["name"]): number {
  const vector = () => new Float32Array(1);
  const [parameters, first, second] = [vector().fill(1), vector(), vector()];
  const gradients = Float32Array.of(1, 3);
  for (let step = 1; step <= steps; step++) {
    update(
      { parameters, first, second, gradients, groups: 2, mask: Uint8Array.of(1), from: 0, to: 1, rate: 0.1, step },
      { ...how, name },
    );
  }
  return parameters[0]!;
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
