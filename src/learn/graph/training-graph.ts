import type { Norm, Operators, Parameter } from "../network.ts";
import type { Attribute, ModelWriter } from "../onnx/model-writer.ts";
import { convolutionGradients } from "./convolution.ts";
import type { Blocking } from "./weight-order.ts";

// Forward and backward in one ONNX graph: each operation appends its forward nodes and pushes a closure; `backward` runs the
// closures in reverse, and they append the nodes of the gradients. The derivations were checked against a float64
// reference (`reference/`) and that one against finite differences.
//
// G1. A norm's mean and variance inputs are made fresh inside the graph for each layer: ONNX Runtime writes into them.
// G2. No convolution runs in blocks unless batch and both channel counts are multiples of the block (`isBlocked`).

export interface Tensor {
  name: string;
  shape: readonly number[];
  needsGradient: boolean;
  /** Name of the sum of the gradients that have arrived so far. */
  gradient?: string;
  /** The same values in blocks, made once. */
  blocked?: string;
}

export const normEpsilon = 1e-5;

export class TrainingGraph implements Operators<Tensor> {
  readonly writer: ModelWriter;
  readonly blocking: Blocking;
  /** Names of the gradients of the parameters, by parameter name. */
  readonly parameterGradients = new Map<string, string>();
  /** Names of each norm's mean and variance over this batch, by norm name. */
  readonly batchStatistics = new Map<string, { mean: string; variance: string }>();
  readonly #flat: ReadonlyMap<string, string>;
  readonly #tape: (() => void)[] = [];

  /** `flat` names the one-dimensional tensor of each parameter. */
  constructor(writer: ModelWriter, flat: ReadonlyMap<string, string>, blocking: Blocking) {
    this.writer = writer;
    this.#flat = flat;
    this.blocking = blocking;
  }

  convolution(x: Tensor, weight: Parameter, stride: number): Tensor {
    const forward = convolutionGradients(this, { x, weight, stride, flat: this.#flat.get(weight.name)! });
    this.#tape.push(() => {
      this.parameterGradients.set(weight.name, forward.weightGradient());
      if (x.needsGradient) this.addGradient(x, forward.inputGradient());
    });
    return forward.output;
  }

  norm(x: Tensor, scale: Parameter, shift: Parameter, norm: Norm): Tensor {
    const gamma = this.#flat.get(scale.name)!;
    const beta = this.#flat.get(shift.name)!;
    // G1. Gamma for the one and beta for the other, so that no optimiser finds them equal and merges them.
    const zeros = this.op("Mul", [gamma, this.scalar(0)]);
    const ones = this.op("Add", [this.op("Mul", [beta, this.scalar(0)]), this.scalar(1)]);
    const [y, mean, variance] = this.writer.nodes("BatchNormalization", [x.name, gamma, beta, zeros, ones], {
      attributes: { epsilon: { float: normEpsilon }, momentum: { float: 0 }, training_mode: 1 },
      outputs: 3,
    }) as [string, string, string];
    this.batchStatistics.set(norm.name, { mean, variance });
    const output = this.tensor(y, x.shape);
    this.#tape.push(() => {
      const dy = output.gradient!;
      const [batch, channels, height, width] = x.shape as [number, number, number, number];
      const count = batch * height * width;
      const sumOf = (name: string) => this.op("ReduceSum", [name, this.integers([0, 2, 3])], { keepdims: 0 });
      const sumDy = sumOf(dy);
      const sumDyX = sumOf(this.op("Mul", [dy, x.name]));
      const inverse = this.op("Reciprocal", [this.op("Sqrt", [this.op("Add", [variance, this.scalar(normEpsilon)])])]);
      const centred = this.op("Sub", [sumDyX, this.op("Mul", [mean, sumDy])]);
      const dGamma = this.op("Mul", [inverse, centred]);
      this.parameterGradients.set(scale.name, dGamma);
      this.parameterGradients.set(shift.name, sumDy);
      // dx = a dy + b x + c; "a dy + c" is what a norm in inference mode computes in one pass.
      const a = this.op("Mul", [gamma, inverse]);
      const minusA = this.op("Mul", [a, this.scalar(-1 / count)]);
      const b = this.op("Mul", [minusA, this.op("Mul", [dGamma, inverse])]);
      const c = this.op("Sub", [this.op("Mul", [minusA, sumDy]), this.op("Mul", [b, mean])]);
      const zeroMean = this.writer.floats(new Float32Array(channels));
      const unitVariance = this.writer.floats(new Float32Array(channels).fill(1));
      const scaled = this.op("BatchNormalization", [dy, a, c, zeroMean, unitVariance], { epsilon: { float: 0 } });
      const perChannel = this.reshape(b, [1, channels, 1, 1]);
      this.addGradient(x, this.op("Add", [scaled, this.op("Mul", [x.name, perChannel])]));
    });
    return output;
  }

  relu(x: Tensor): Tensor {
    const output = this.tensor(this.op("Relu", [x.name]), x.shape);
    this.#tape.push(() => {
      const isPositive = this.op("HardSigmoid", [output.name], { alpha: { float: 1e30 }, beta: { float: 0 } });
      this.addGradient(x, this.op("Mul", [output.gradient!, isPositive]));
    });
    return output;
  }

  maxPool(given: Tensor): Tensor {
    const x = this.#evenSides(given);
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const output = this.tensor(this.op("MaxPool", [x.name], { kernel_shape: [2, 2], strides: [2, 2] }), [
      batch,
      channels,
      height / 2,
      width / 2,
    ]);
    this.#tape.push(() => {
      const isMaximum = this.#isEqual(x.name, this.#doubled(output.name));
      this.addGradient(x, this.op("Mul", [this.#doubled(output.gradient!), isMaximum]));
    });
    return output;
  }

  add(a: Tensor, b: Tensor): Tensor {
    const output = this.tensor(this.op("Add", [a.name, b.name]), a.shape);
    this.#tape.push(() => {
      this.addGradient(a, output.gradient!);
      this.addGradient(b, output.gradient!);
    });
    return output;
  }

  globalMax(x: Tensor): Tensor {
    const [batch, channels] = x.shape as [number, number];
    const pooled = this.op("GlobalMaxPool", [x.name]);
    const output = this.tensor(this.reshape(pooled, [batch, channels]), [batch, channels]);
    this.#tape.push(() => {
      const dy = this.reshape(output.gradient!, [batch, channels, 1, 1]);
      this.addGradient(x, this.op("Mul", [dy, this.#isEqual(x.name, pooled)]));
    });
    return output;
  }

  globalAverage(x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const pooled = this.op("GlobalAveragePool", [x.name]);
    const output = this.tensor(this.reshape(pooled, [batch, channels]), [batch, channels]);
    this.#tape.push(() => {
      const dy = this.reshape(output.gradient!, [batch, channels, 1, 1]);
      const share = this.op("Mul", [dy, this.scalar(1 / (height * width))]);
      this.addGradient(x, this.op("Expand", [share, this.integers(x.shape)]));
    });
    return output;
  }

  linear(x: Tensor, weight: Parameter, bias: Parameter): Tensor {
    const w = this.reshape(this.#flat.get(weight.name)!, weight.shape);
    const [batch] = x.shape as [number, number];
    const y = this.op("Gemm", [x.name, w, this.#flat.get(bias.name)!], { transB: 1 });
    const output = this.tensor(y, [batch, weight.shape[0]!]);
    this.#tape.push(() => {
      const dy = output.gradient!;
      this.parameterGradients.set(weight.name, this.op("Gemm", [dy, x.name], { transA: 1 }));
      this.parameterGradients.set(bias.name, this.op("ReduceSum", [dy, this.integers([0])], { keepdims: 0 }));
      this.addGradient(x, this.op("MatMul", [dy, w]));
    });
    return output;
  }

  /** Mean cross-entropy against rows of probabilities; the name of the scalar. The start of the way back. */
  crossEntropy(logits: Tensor, target: string): string {
    const [batch] = logits.shape as [number, number];
    const products = this.op("Mul", [target, this.op("LogSoftmax", [logits.name], { axis: 1 })]);
    const sum = this.op("ReduceSum", [products, this.integers([0, 1])], { keepdims: 0 });
    this.#tape.push(() => {
      const difference = this.op("Sub", [this.op("Softmax", [logits.name], { axis: 1 }), target]);
      this.addGradient(logits, this.op("Mul", [difference, this.scalar(1 / batch)]));
    });
    return this.op("Mul", [sum, this.scalar(-1 / batch)]);
  }

  backward(): void {
    for (const step of this.#tape.reverse()) step();
    this.#tape.length = 0;
  }

  /** A value that was computed here: gradients go through it. */
  tensor(name: string, shape: readonly number[]): Tensor {
    return { name, shape, needsGradient: true };
  }

  addGradient(x: Tensor, gradient: string): void {
    if (!x.needsGradient) return;
    x.gradient = x.gradient === undefined ? gradient : this.op("Add", [x.gradient, gradient]);
  }

  op(operator: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}): string {
    return this.writer.node(operator, inputs, { attributes });
  }

  reshape(name: string, shape: readonly number[]): string {
    return this.op("Reshape", [name, this.integers(shape)]);
  }

  transpose(name: string, order: readonly number[]): string {
    return this.op("Transpose", [name], { perm: order });
  }

  scalar(value: number): string {
    return this.writer.scalar(value);
  }

  integers(values: readonly number[]): string {
    return this.writer.integers(values);
  }

  #evenSides(x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const [oddRow, oddColumn] = [height % 2, width % 2];
    if (oddRow + oddColumn === 0) return x;
    const ends = this.integers([height - oddRow, width - oddColumn]);
    const cropped = this.op("Slice", [x.name, this.integers([0, 0]), ends, this.integers([2, 3])]);
    const output = this.tensor(cropped, [batch, channels, height - oddRow, width - oddColumn]);
    this.#tape.push(() => {
      const pads = this.integers([0, 0, 0, 0, 0, 0, oddRow, oddColumn]);
      this.addGradient(x, this.op("Pad", [output.gradient!, pads]));
    });
    return output;
  }

  #doubled(name: string): string {
    return this.op("Resize", [name, "", this.writer.floats([1, 1, 2, 2])], {
      mode: "nearest",
      coordinate_transformation_mode: "asymmetric",
      nearest_mode: "floor",
    });
  }

  /** 1 where x reaches the maximum, 0 below it. */
  #isEqual(x: string, maximum: string): string {
    const difference = this.op("Sub", [x, maximum]);
    return this.op("HardSigmoid", [difference], { alpha: { float: 1e30 }, beta: { float: 1 } });
  }
}
