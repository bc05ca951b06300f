import type { Layout } from "../network.ts";
import type { Optimizer } from "../recipe.ts";

/** Which elements of the vector of parameters decay: weights, not norms and biases. */
export function decayMask(layout: Layout): Uint8Array {
  const mask = new Uint8Array(layout.total);
  for (const { kind, offset, size } of layout.parameters) {
    if (kind === "convolution" || kind === "linear") mask.fill(1, offset, offset + size);
  }
  return mask;
}

export interface UpdateInput {
  parameters: Float32Array;
  /** Two vectors of memory: momentum, or first and second moments. */
  first: Float32Array;
  second: Float32Array;
  /** One vector per worker, one after the other. */
  gradients: Float32Array;
  workers: number;
  mask: Uint8Array;
  /** The part that is updated. */
  from: number;
  to: number;
  rate: number;
  /** Counted from 1. */
  step: number;
}

/** One step on a part of the parameters, with the mean of the workers' gradients, always summed in the same order. */
export function update(input: UpdateInput, how: Optimizer): void {
  const { parameters: p, first, second, gradients, workers, mask, from, to, rate, step } = input;
  const total = p.length;
  const { weightDecay, momentum, beta1, beta2, eps, gamma } = how;
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  for (let i = from; i < to; i++) {
    let g = 0;
    for (let worker = 0; worker < workers; worker++) g += gradients[worker * total + i]!;
    g = g / workers + weightDecay * mask[i]! * p[i]!;
    switch (how.name) {
      case "sgd":
      case "nag": {
        const m = momentum * first[i]! + g;
        first[i] = m;
        p[i] = p[i]! - rate * (how.name === "nag" ? g + momentum * m : m);
        break;
      }
      case "adam": {
        const m = beta1 * first[i]! + (1 - beta1) * g;
        const v = beta2 * second[i]! + (1 - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        p[i] = p[i]! - (rate * (m / correction1)) / (Math.sqrt(v / correction2) + eps);
        break;
      }
      case "rmsprop": {
        const v = gamma * second[i]! + (1 - gamma) * g * g;
        second[i] = v;
        p[i] = p[i]! - (rate * g) / (Math.sqrt(v) + eps);
        break;
      }
      default:
        how.name satisfies never;
    }
  }
}
