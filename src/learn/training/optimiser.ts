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
  /** One vector per group, one after the other. */
  gradients: Float32Array;
  groups: number;
  mask: Uint8Array;
  /** The part that is updated. */
  from: number;
  to: number;
  rate: number;
  /** Counted from 1. */
  step: number;
}

/** One step on a part of the parameters, with the mean of the groups' gradients, always summed in the same order. */
export function update(input: UpdateInput, how: Optimizer): void {
  const gradient = meanGradient(input, how.weightDecay);
  switch (how.name) {
    case "sgd":
      withMomentum(input, gradient, { momentum: how.momentum, nesterov: 0 });
      break;
    case "nag":
      withMomentum(input, gradient, { momentum: how.momentum, nesterov: 1 });
      break;
    case "adam":
      adam(input, gradient, how);
      break;
    case "rmsprop":
      rmsprop(input, gradient, how);
      break;
    default:
      how.name satisfies never;
  }
}

/** With the decay of the weights added. One plain loop per group and optimiser: what V8 makes fast. */
function meanGradient({ parameters, gradients, groups, mask, from, to }: UpdateInput, decay: number): Float64Array {
  const total = parameters.length;
  const length = to - from;
  const mean = new Float64Array(length);
  for (let group = 0; group < groups; group++) {
    const at = group * total + from;
    for (let i = 0; i < length; i++) mean[i] = mean[i]! + gradients[at + i]!;
  }
  const share = 1 / groups;
  for (let i = 0; i < length; i++) mean[i] = mean[i]! * share + decay * mask[from + i]! * parameters[from + i]!;
  return mean;
}

function withMomentum(
  { parameters, first, from, rate }: UpdateInput,
  gradient: Float64Array,
  { momentum, nesterov }: { momentum: number; nesterov: 0 | 1 },
): void {
  // sgd steps by m, nag by g + momentum * m.
  const ofGradient = rate * nesterov;
  const ofMomentum = nesterov === 1 ? rate * momentum : rate;
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i]!;
    const m = momentum * first[from + i]! + g;
    first[from + i] = m;
    parameters[from + i] = parameters[from + i]! - ofGradient * g - ofMomentum * m;
  }
}

function adam(input: UpdateInput, gradient: Float64Array, { beta1, beta2, eps }: Optimizer): void {
  const { parameters, first, second, from, rate, step } = input;
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i]!;
    const m = beta1 * first[from + i]! + (1 - beta1) * g;
    const v = beta2 * second[from + i]! + (1 - beta2) * g * g;
    first[from + i] = m;
    second[from + i] = v;
    parameters[from + i] = parameters[from + i]! - (rate * (m / correction1)) / (Math.sqrt(v / correction2) + eps);
  }
}

function rmsprop(input: UpdateInput, gradient: Float64Array, { gamma, eps }: Optimizer): void {
  const { parameters, second, from, rate } = input;
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i]!;
    const v = gamma * second[from + i]! + (1 - gamma) * g * g;
    second[from + i] = v;
    parameters[from + i] = parameters[from + i]! - (rate * g) / (Math.sqrt(v) + eps);
  }
}
