import type { Norm, Operators, Parameter } from "../network.ts";
import type { Attribute, ModelWriter } from "../onnx/model-writer.ts";
import type { Losses } from "../task/task.ts";
import { appendBinaryLoss } from "./binary-loss.ts";
import { convolutionGradients } from "./convolution.ts";
import { type Activation, blockedForm, type Form, plainForm, type Shape } from "./form.ts";
import type { Blocking } from "./weight-order.ts";

// Forward and backward in one ONNX graph: each operation appends its forward nodes and pushes a closure; `backward` runs the
// closures in reverse, and they append the nodes of the gradients. The derivations were checked against a float64
// reference (`reference/`) and that one against finite differences.
//
// G1. An activation stays in the form in which a convolution made it, and so does its gradient; where a layer wants the
//     other form, the change is an operation with a gradient like all others.
// G2. No convolution runs in blocks unless batch and both channel counts are multiples of the block (`isBlocked`).

export interface Tensor {
  readonly name: string;
  shape: Shape;
  form: Form;
  needsGradient: boolean;
  /** Name of the sum of the gradients that have arrived so far, in the form of the tensor. */
  gradient?: string;
  /** The same values in the other form, made once. */
  twin?: Tensor;
  /** For what only scales and shifts: the same with max(0, ...) behind it, in the same pass. */
  rectified?: () => string;
}

export const normEpsilon = 1e-5;

export class TrainingGraph implements Operators<Tensor>, Losses<Tensor, string, string> {
  readonly writer: ModelWriter;
  readonly blocking: Blocking;
  readonly plain: Form;
  readonly blocked: Form;
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
    this.plain = plainForm(writer);
    this.blocked = blockedForm(writer, blocking.block);
  }

  /** What goes into the network: no gradient goes back to it. */
  pictures(name: string, shape: Shape): Tensor {
    return { name, form: this.plain, shape, needsGradient: false };
  }

  convolution(x: Tensor, weight: Parameter, stride: number): Tensor {
    const forward = convolutionGradients(this, { x, weight, stride, flat: this.#flat.get(weight.name)! });
    this.#tape.push(() => {
      this.parameterGradients.set(weight.name, forward.weightGradient());
      if (forward.x.needsGradient) this.addGradient(forward.x, forward.inputGradient());
    });
    return forward.output;
  }

  norm(x: Tensor, scale: Parameter, shift: Parameter, norm: Norm): Tensor {
    const { form } = x;
    const gamma = this.#flat.get(scale.name)!;
    const beta = this.#flat.get(shift.name)!;
    const [batch, , height, width] = x.shape;
    const count = this.scalar(batch * height * width);
    const mean = form.mean(x);
    const difference = this.op("Sub", [form.meanOfProducts(x, x), this.op("Mul", [mean, mean])]);
    // Rounding may leave a channel that never changes a little below 0.
    const variance = this.op("Relu", [difference]);
    this.batchStatistics.set(norm.name, { mean, variance });
    const inverse = this.op("Reciprocal", [this.op("Sqrt", [this.op("Add", [variance, this.scalar(normEpsilon)])])]);
    const a = this.op("Mul", [gamma, inverse]);
    const how = { scale: a, shift: this.op("Sub", [beta, this.op("Mul", [a, mean])]) };
    const output = this.tensor(() => form.affine(x, how), x);
    output.rectified = () => form.affine(x, { ...how, after: "relu" });
    this.#tape.push(() => {
      const dy = { name: output.gradient!, shape: x.shape };
      const meanDy = form.mean(dy);
      const covariance = this.op("Sub", [form.meanOfProducts(dy, x), this.op("Mul", [mean, meanDy])]);
      const slope = this.op("Mul", [inverse, covariance]);
      this.parameterGradients.set(scale.name, this.op("Mul", [slope, count]));
      this.parameterGradients.set(shift.name, this.op("Mul", [meanDy, count]));
      // dx = a (dy - mean dy - slope (x - mean) inverse) = a dy + b x + c
      const b = this.op("Neg", [this.op("Mul", [a, this.op("Mul", [slope, inverse])])]);
      const c = this.op("Neg", [this.op("Add", [this.op("Mul", [a, meanDy]), this.op("Mul", [b, mean])])]);
      const ofX = form.affine(x, { scale: b, shift: c });
      this.addGradient(x, form.affine(dy, { scale: a, plus: ofX }));
    });
    return output;
  }

  relu(x: Tensor): Tensor {
    const output = this.tensor(x.rectified ?? (() => this.op("Relu", [x.name])), x);
    this.#tape.push(() => {
      const isPositive = this.op("HardSigmoid", [output.name], { alpha: { float: 1e30 }, beta: { float: 0 } });
      this.addGradient(x, this.op("Mul", [output.gradient!, isPositive]));
    });
    return output;
  }

  maxPool(given: Tensor): Tensor {
    const x = this.#evenSides(given);
    const { form } = x;
    const [batch, channels, height, width] = x.shape;
    const output = this.tensor(() => form.maxPool(x), { form, shape: [batch, channels, height / 2, width / 2] });
    this.#tape.push(() => {
      const scale = this.#repeated(-1, channels);
      const isMaximum = form.affine(x, { scale, plus: form.doubled(output), after: "isZero" });
      const spread = form.doubled({ name: output.gradient!, shape: output.shape });
      this.addGradient(x, this.op("Mul", [spread, isMaximum]));
    });
    return output;
  }

  add(a: Tensor, given: Tensor): Tensor {
    const b = this.inForm(given, a.form);
    const output = this.tensor(() => this.op("Add", [a.name, b.name]), a);
    this.#tape.push(() => {
      this.addGradient(a, output.gradient!);
      this.addGradient(b, output.gradient!);
    });
    return output;
  }

  globalMax(x: Tensor): Tensor {
    const { form } = x;
    const [batch, channels, height, width] = x.shape;
    const output = this.tensor(() => form.globalMax(x), { form, shape: [batch, channels, 1, 1] });
    this.#tape.push(() => {
      const count = batch * channels;
      const planes: Activation = {
        name: this.reshape(x.name, [1, count, height, width]),
        shape: [1, count, height, width],
      };
      const maximum = this.reshape(output.name, [count]);
      const isMaximum = form.affine(planes, { scale: this.#repeated(-1, count), shift: maximum, after: "isZero" });
      const dy = this.reshape(output.gradient!, [count]);
      const dx = form.affine({ ...planes, name: isMaximum }, { scale: dy });
      this.addGradient(x, this.reshape(dx, x.shape));
    });
    return output;
  }

  globalAverage(x: Tensor): Tensor {
    const { form } = x;
    const [batch, channels, height, width] = x.shape;
    const output = this.tensor(() => form.globalAverage(x), { form, shape: [batch, channels, 1, 1] });
    this.#tape.push(() => {
      const share = this.op("Mul", [output.gradient!, this.scalar(1 / (height * width))]);
      this.addGradient(x, form.spread({ name: share, shape: output.shape }, x.shape));
    });
    return output;
  }

  linear(x: Tensor, weight: Parameter, bias: Parameter): Tensor {
    const w = this.reshape(this.#flat.get(weight.name)!, weight.shape);
    const [outputs, inputs] = weight.shape as [number, number];
    const [batch] = x.shape;
    const rows = this.reshape(x.name, [batch, inputs]);
    const y = this.op("Gemm", [rows, w, this.#flat.get(bias.name)!], { transB: 1 });
    const output = this.tensor(() => y, { form: this.plain, shape: [batch, outputs, 1, 1] });
    this.#tape.push(() => {
      const dy = output.gradient!;
      this.parameterGradients.set(weight.name, this.op("Gemm", [dy, rows], { transA: 1 }));
      this.parameterGradients.set(bias.name, this.op("ReduceSum", [dy, this.integers([0])], { keepdims: 0 }));
      this.addGradient(x, this.reshape(this.op("MatMul", [dy, w]), x.shape));
    });
    return output;
  }

  /** Mean cross-entropy against rows of probabilities; the name of the scalar. The start of the way back. */
  crossEntropy(logits: Tensor, target: string): string {
    const [batch] = logits.shape;
    const products = this.op("Mul", [target, this.op("LogSoftmax", [logits.name], { axis: 1 })]);
    const sum = this.op("ReduceSum", [products, this.integers([0, 1])], { keepdims: 0 });
    this.#tape.push(() => {
      const difference = this.op("Sub", [this.op("Softmax", [logits.name], { axis: 1 }), target]);
      this.addGradient(logits, this.op("Mul", [difference, this.scalar(1 / batch)]));
    });
    return this.op("Mul", [sum, this.scalar(-1 / batch)]);
  }

  /** Mean of the losses of all classes, each on its own; target: what it counts that a class is there, and after that, that it is not. */
  binaryCrossEntropy(logits: Tensor, target: string): string {
    const [batch, classes] = logits.shape;
    const sums = appendBinaryLoss(this.writer, { logits: logits.name, target, classes });
    this.#tape.push(() => this.addGradient(logits, this.op("Mul", [sums.gradient, this.scalar(1 / batch)])));
    return this.op("Mul", [sums.loss, this.scalar(1 / batch)]);
  }

  backward(): void {
    for (const step of this.#tape.reverse()) step();
    this.#tape.length = 0;
  }

  /** A value that was computed here: gradients go through it. Its nodes are appended when something asks for its name. */
  tensor(compute: () => string, { form, shape }: { form: Form; shape: Shape }): Tensor {
    let name: string | undefined;
    return {
      get name() {
        name ??= compute();
        return name;
      },
      form,
      shape,
      needsGradient: true,
    };
  }

  /** G1. */
  inForm(x: Tensor, form: Form): Tensor {
    if (x.form === form) return x;
    if (x.twin !== undefined) return x.twin;
    const twin: Tensor = {
      ...this.tensor(() => "", { form, shape: x.shape }),
      name: this.reordered(x.name, x.shape, form),
      needsGradient: x.needsGradient,
      twin: x,
    };
    x.twin = twin;
    this.#tape.push(() => {
      if (twin.gradient !== undefined) this.addGradient(x, this.reordered(twin.gradient, x.shape, x.form));
    });
    return twin;
  }

  /** The same values in that form, which is the other one. */
  reordered(name: string, [, channels]: Shape, form: Form): string {
    if (form.isBlocked) return this.intoBlocks(name);
    return this.writer.node("ReorderOutput", [name], { domain: "com.microsoft.nchwc", attributes: { channels } });
  }

  /** What is second of four dimensions, in blocks that lie innermost. */
  intoBlocks(name: string): string {
    return this.writer.node("ReorderInput", [name], { domain: "com.microsoft.nchwc" });
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

  #repeated(value: number, count: number): string {
    return this.writer.floats(new Float32Array(count).fill(value));
  }

  #evenSides(given: Tensor): Tensor {
    const [batch, channels, height, width] = given.shape;
    const [oddRow, oddColumn] = [height % 2, width % 2];
    if (oddRow + oddColumn === 0) return given;
    const x = this.inForm(given, this.plain);
    const ends = this.integers([height - oddRow, width - oddColumn]);
    const cropped = this.op("Slice", [x.name, this.integers([0, 0]), ends, this.integers([2, 3])]);
    const shape: Shape = [batch, channels, height - oddRow, width - oddColumn];
    const output = this.tensor(() => cropped, { form: this.plain, shape });
    this.#tape.push(() => {
      const pads = this.integers([0, 0, 0, 0, 0, 0, oddRow, oddColumn]);
      this.addGradient(x, this.op("Pad", [output.gradient!, pads]));
    });
    return output;
  }
}
