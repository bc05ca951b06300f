import type { Layout } from "../network.ts";
import type { Optimizer } from "../recipe.ts";

// One step on a part of the parameters, with the mean of the groups' gradients, always summed in the order of the groups. Loops are
// plain and close over their vectors: V8 makes them three times as fast as the same loops over vectors that are passed in.

/** The vectors of a training: of all parameters, whoever updates them. */
export interface Vectors {
  parameters: Float32Array;
  /** Two vectors of memory: momentum, or first and second moments. */
  first: Float32Array;
  second: Float32Array;
  /** One vector per group, one after the other. */
  gradients: Float32Array;
}

interface Part {
  layout: Layout;
  groups: number;
  from: number;
  to: number;
}

/** Updates one part; steps are counted from 1. */
export function updater(vectors: Vectors, part: Part, how: Optimizer): (step: number, rate: number) => void {
  const stretches = stretchesOf(part);
  const sums = new Float64Array(longest);
  const sum = summing(vectors, part, sums);
  const move = ruleOf({ ...vectors, sums, share: 1 / part.groups }, how);
  return (step, rate) => {
    for (const stretch of stretches) {
      sum(stretch);
      move(stretch, { step, rate });
    }
  };
}

/** A stretch of the parameters that decays as a whole, or not at all: weights do, norms and biases do not. */
interface Stretch {
  from: number;
  to: number;
  decays: boolean;
}

/** Their sums stay in the fastest cache until the step. */
const longest = 2048;

function stretchesOf({ layout, from, to }: Part): Stretch[] {
  return layout.parameters.flatMap(({ kind, offset, size }) => {
    const decays = kind === "convolution" || kind === "linear";
    const end = Math.min(to, offset + size);
    const stretches: Stretch[] = [];
    for (let at = Math.max(from, offset); at < end; at += longest) {
      stretches.push({ from: at, to: Math.min(at + longest, end), decays });
    }
    return stretches;
  });
}

/** Four groups per pass: what takes time is to read and write the sums. */
function summing({ gradients }: Vectors, { layout, groups }: Part, sums: Float64Array): (stretch: Stretch) => void {
  const { total } = layout;
  return ({ from, to }) => {
    const length = to - from;
    sums.fill(0, 0, length);
    let group = 0;
    for (; group + 4 <= groups; group += 4) {
      const a = group * total + from;
      const b = a + total;
      const c = b + total;
      const d = c + total;
      for (let i = 0; i < length; i++) {
        sums[i] = sums[i]! + gradients[a + i]! + gradients[b + i]! + gradients[c + i]! + gradients[d + i]!;
      }
    }
    for (; group < groups; group++) {
      const at = group * total + from;
      for (let i = 0; i < length; i++) sums[i] = sums[i]! + gradients[at + i]!;
    }
  };
}

interface Memory extends Vectors {
  sums: Float64Array;
  /** Of the sums: what makes them the mean. */
  share: number;
}

type Rule = (stretch: Stretch, moment: { step: number; rate: number }) => void;

function ruleOf(memory: Memory, how: Optimizer): Rule {
  switch (how.name) {
    case "sgd":
      return withMomentum(memory, how, { nesterov: 0 });
    case "nag":
      return withMomentum(memory, how, { nesterov: 1 });
    case "adam":
      return adam(memory, how);
    case "rmsprop":
      return rmsprop(memory, how);
  }
}

function withMomentum(
  { parameters, first, sums, share }: Memory,
  { momentum, weightDecay }: Optimizer,
  { nesterov }: { nesterov: 0 | 1 },
): Rule {
  return ({ from, to, decays }, { rate }) => {
    const decay = decays ? weightDecay : 0;
    // sgd steps by m, nag by g + momentum * m.
    const ofGradient = rate * nesterov;
    const ofMomentum = nesterov === 1 ? rate * momentum : rate;
    for (let i = from; i < to; i++) {
      const g = share * sums[i - from]! + decay * parameters[i]!;
      const m = momentum * first[i]! + g;
      first[i] = m;
      parameters[i] = parameters[i]! - ofGradient * g - ofMomentum * m;
    }
  };
}

function adam({ parameters, first, second, sums, share }: Memory, { beta1, beta2, eps, weightDecay }: Optimizer): Rule {
  return ({ from, to, decays }, { rate, step }) => {
    const decay = decays ? weightDecay : 0;
    const correction1 = 1 - beta1 ** step;
    const correction2 = 1 - beta2 ** step;
    for (let i = from; i < to; i++) {
      const g = share * sums[i - from]! + decay * parameters[i]!;
      const m = beta1 * first[i]! + (1 - beta1) * g;
      const v = beta2 * second[i]! + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      parameters[i] = parameters[i]! - (rate * (m / correction1)) / (Math.sqrt(v / correction2) + eps);
    }
  };
}

function rmsprop({ parameters, second, sums, share }: Memory, { gamma, eps, weightDecay }: Optimizer): Rule {
  return ({ from, to, decays }, { rate }) => {
    const decay = decays ? weightDecay : 0;
    for (let i = from; i < to; i++) {
      const g = share * sums[i - from]! + decay * parameters[i]!;
      const v = gamma * second[i]! + (1 - gamma) * g * g;
      second[i] = v;
      parameters[i] = parameters[i]! - (rate * g) / (Math.sqrt(v) + eps);
    }
  };
}
