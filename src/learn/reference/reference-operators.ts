import type { Norm, Operators, Parameter } from "../network.ts";
import type { Losses } from "../task/task.ts";

// The slow, obvious network in 64-bit floats: what every gradient is judged by. It shares no arithmetic with the graphs.

export interface Reference {
  values: Float64Array;
  gradient: Float64Array;
  shape: readonly number[];
}

export function reference(values: ArrayLike<number>, shape: readonly number[]): Reference {
  return { values: Float64Array.from(values), gradient: new Float64Array(values.length), shape };
}

const epsilon = 1e-5;

export class ReferenceOperators implements Operators<Reference>, Losses<Reference, ArrayLike<number>, number> {
  /** All parameters and their gradients, in plain order. */
  readonly parameters: Float64Array;
  readonly gradients: Float64Array;
  readonly statistics: Float64Array;
  readonly #running: ArrayLike<number> | undefined;
  readonly #tape: (() => void)[] = [];

  /** With `running` means and variances the norms use those, as a served model does; forward only. */
  constructor(parameters: ArrayLike<number>, statistics: number, running?: ArrayLike<number>) {
    this.#running = running;
    this.parameters = Float64Array.from(parameters);
    this.gradients = new Float64Array(parameters.length);
    this.statistics = new Float64Array(statistics);
  }

  convolution(x: Reference, weight: Parameter, stride: number): Reference {
    const [batch, inputs, height, width] = x.shape as [number, number, number, number];
    const [outputs, , kernel] = weight.shape as [number, number, number];
    const pad = (kernel - 1) / 2;
    const outHeight = Math.floor((height + 2 * pad - kernel) / stride) + 1;
    const outWidth = Math.floor((width + 2 * pad - kernel) / stride) + 1;
    const y = empty([batch, outputs, outHeight, outWidth]);
    const each = (visit: (at: { x: number; w: number; y: number }) => void) => {
      for (let n = 0; n < batch; n++)
        for (let k = 0; k < outputs; k++)
          for (let row = 0; row < outHeight; row++)
            for (let column = 0; column < outWidth; column++)
              for (let c = 0; c < inputs; c++)
                for (let i = 0; i < kernel; i++)
                  for (let j = 0; j < kernel; j++) {
                    const [r, s] = [row * stride + i - pad, column * stride + j - pad];
                    if (r < 0 || s < 0 || r >= height || s >= width) continue;
                    visit({
                      x: ((n * inputs + c) * height + r) * width + s,
                      w: weight.offset + ((k * inputs + c) * kernel + i) * kernel + j,
                      y: ((n * outputs + k) * outHeight + row) * outWidth + column,
                    });
                  }
    };
    each((at) => {
      y.values[at.y]! += x.values[at.x]! * this.parameters[at.w]!;
    });
    this.#tape.push(() =>
      each((at) => {
        x.gradient[at.x]! += y.gradient[at.y]! * this.parameters[at.w]!;
        this.gradients[at.w]! += y.gradient[at.y]! * x.values[at.x]!;
      }),
    );
    return y;
  }

  norm(x: Reference, scale: Parameter, shift: Parameter, norm: Norm): Reference {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const y = empty(x.shape);
    const area = height * width;
    const count = batch * area;
    for (let c = 0; c < channels; c++) {
      const at: number[] = [];
      for (let n = 0; n < batch; n++) for (let i = 0; i < area; i++) at.push((n * channels + c) * area + i);
      const batchMean = at.reduce((sum, i) => sum + x.values[i]!, 0) / count;
      const mean = this.#running?.[norm.offset + c] ?? batchMean;
      const batchVariance = at.reduce((sum, i) => sum + (x.values[i]! - mean) ** 2, 0) / count;
      const variance = this.#running?.[norm.offset + channels + c] ?? batchVariance;
      this.statistics[norm.offset + c] = mean;
      this.statistics[norm.offset + channels + c] = variance;
      const inverse = 1 / Math.sqrt(variance + epsilon);
      const gamma = this.parameters[scale.offset + c]!;
      const standard = at.map((i) => (x.values[i]! - mean) * inverse);
      at.forEach((i, index) => {
        y.values[i] = gamma * standard[index]! + this.parameters[shift.offset + c]!;
      });
      this.#tape.push(() => {
        const sum = at.reduce((total, i) => total + y.gradient[i]!, 0);
        const sumStandard = at.reduce((total, i, index) => total + y.gradient[i]! * standard[index]!, 0);
        this.gradients[shift.offset + c]! += sum;
        this.gradients[scale.offset + c]! += sumStandard;
        at.forEach((i, index) => {
          x.gradient[i]! += gamma * inverse * (y.gradient[i]! - sum / count - (standard[index]! * sumStandard) / count);
        });
      });
    }
    return y;
  }

  relu(x: Reference): Reference {
    const y = reference(
      x.values.map((value) => Math.max(0, value)),
      x.shape,
    );
    this.#tape.push(() => {
      y.gradient.forEach((gradient, i) => {
        if (x.values[i]! > 0) x.gradient[i]! += gradient;
      });
    });
    return y;
  }

  maxPool(x: Reference): Reference {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const [outHeight, outWidth] = [Math.floor(height / 2), Math.floor(width / 2)];
    const y = empty([batch, channels, outHeight, outWidth]);
    for (let plane = 0; plane < batch * channels; plane++)
      for (let row = 0; row < outHeight; row++)
        for (let column = 0; column < outWidth; column++) {
          const corner = (plane * height + 2 * row) * width + 2 * column;
          const four = [corner, corner + 1, corner + width, corner + width + 1];
          this.#maximum(x, y, { from: four, to: (plane * outHeight + row) * outWidth + column });
        }
    return y;
  }

  add(a: Reference, b: Reference): Reference {
    const y = reference(
      a.values.map((value, i) => value + b.values[i]!),
      a.shape,
    );
    this.#tape.push(() => {
      y.gradient.forEach((gradient, i) => {
        a.gradient[i]! += gradient;
        b.gradient[i]! += gradient;
      });
    });
    return y;
  }

  globalMax(x: Reference): Reference {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const area = height * width;
    const y = empty([batch, channels]);
    for (let plane = 0; plane < batch * channels; plane++) {
      this.#maximum(x, y, { from: Array.from({ length: area }, (_, i) => plane * area + i), to: plane });
    }
    return y;
  }

  globalAverage(x: Reference): Reference {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const area = height * width;
    const y = empty([batch, channels]);
    for (let i = 0; i < x.values.length; i++) y.values[Math.floor(i / area)]! += x.values[i]! / area;
    this.#tape.push(() => {
      for (let i = 0; i < x.values.length; i++) x.gradient[i]! += y.gradient[Math.floor(i / area)]! / area;
    });
    return y;
  }

  linear(x: Reference, weight: Parameter, bias: Parameter): Reference {
    const [batch, inputs] = x.shape as [number, number];
    const outputs = weight.shape[0]!;
    const y = empty([batch, outputs]);
    for (let n = 0; n < batch; n++)
      for (let k = 0; k < outputs; k++) {
        const at = n * outputs + k;
        y.values[at] = this.parameters[bias.offset + k]!;
        for (let c = 0; c < inputs; c++) {
          y.values[at]! += x.values[n * inputs + c]! * this.parameters[weight.offset + k * inputs + c]!;
        }
        this.#tape.push(() => {
          this.gradients[bias.offset + k]! += y.gradient[at]!;
          for (let c = 0; c < inputs; c++) {
            this.gradients[weight.offset + k * inputs + c]! += y.gradient[at]! * x.values[n * inputs + c]!;
            x.gradient[n * inputs + c]! += y.gradient[at]! * this.parameters[weight.offset + k * inputs + c]!;
          }
        });
      }
    return y;
  }

  /** Mean cross-entropy, and the whole way back. */
  crossEntropy(logits: Reference, target: ArrayLike<number>): number {
    const [batch, classes] = logits.shape as [number, number];
    let loss = 0;
    for (let n = 0; n < batch; n++) {
      const row = logits.values.subarray(n * classes, (n + 1) * classes);
      const most = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
      row.forEach((value, k) => {
        const logProbability = value - most - Math.log(sum);
        const wanted = target[n * classes + k]!;
        loss -= (wanted * logProbability) / batch;
        logits.gradient[n * classes + k] = (Math.exp(logProbability) - wanted) / batch;
      });
    }
    this.#backward();
    return loss;
  }

  /** Each class on its own, and the whole way back; target: what it counts that a class is there, and after that, that it is not. */
  binaryCrossEntropy(logits: Reference, target: ArrayLike<number>): number {
    const [batch, classes] = logits.shape as [number, number];
    let loss = 0;
    logits.values.forEach((logit, i) => {
      const at = 2 * classes * Math.floor(i / classes) + (i % classes);
      const probability = 1 / (1 + Math.exp(-logit));
      const [there, absent] = [target[at]!, target[at + classes]!];
      loss -= (there * Math.log(probability) + absent * Math.log(1 - probability)) / batch;
      logits.gradient[i] = (absent * probability - there * (1 - probability)) / batch;
    });
    this.#backward();
    return loss;
  }

  #backward(): void {
    for (const step of this.#tape.reverse()) step();
    this.#tape.length = 0;
  }

  /** Tied maxima all get the gradient, as in the graph. */
  #maximum(x: Reference, y: Reference, { from, to }: { from: number[]; to: number }): void {
    const most = Math.max(...from.map((i) => x.values[i]!));
    y.values[to] = most;
    this.#tape.push(() => {
      for (const i of from) if (x.values[i] === most) x.gradient[i]! += y.gradient[to]!;
    });
  }
}

function empty(shape: readonly number[]): Reference {
  return reference(new Float64Array(shape.reduce((a, b) => a * b, 1)), shape);
}
