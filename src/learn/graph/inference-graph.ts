import type { Norm, Operators, Parameter } from "../network.ts";
import type { Attribute, ModelWriter } from "../onnx/model-writer.ts";
import { normEpsilon } from "./training-graph.ts";

/** The network as it is served: standard operators only, any batch size. Values are names. */
export class InferenceGraph implements Operators<string> {
  readonly #writer: ModelWriter;
  readonly #parameter: (parameter: Parameter) => string;
  readonly #statistics: (norm: Norm) => { mean: string; variance: string };

  constructor(
    writer: ModelWriter,
    parameter: (parameter: Parameter) => string,
    statistics: (norm: Norm) => { mean: string; variance: string },
  ) {
    this.#writer = writer;
    this.#parameter = parameter;
    this.#statistics = statistics;
  }

  convolution(x: string, weight: Parameter, stride: number): string {
    const kernel = weight.shape[2]!;
    const pad = (kernel - 1) / 2;
    return this.#op("Conv", [x, this.#parameter(weight)], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
  }

  norm(x: string, scale: Parameter, shift: Parameter, norm: Norm): string {
    const { mean, variance } = this.#statistics(norm);
    const inputs = [x, this.#parameter(scale), this.#parameter(shift), mean, variance];
    return this.#op("BatchNormalization", inputs, { epsilon: { float: normEpsilon } });
  }

  relu(x: string): string {
    return this.#op("Relu", [x]);
  }

  maxPool(x: string): string {
    return this.#op("MaxPool", [x], { kernel_shape: [2, 2], strides: [2, 2] });
  }

  add(a: string, b: string): string {
    return this.#op("Add", [a, b]);
  }

  globalMax(x: string): string {
    return this.#op("Flatten", [this.#op("GlobalMaxPool", [x])], { axis: 1 });
  }

  globalAverage(x: string): string {
    return this.#op("Flatten", [this.#op("GlobalAveragePool", [x])], { axis: 1 });
  }

  linear(x: string, weight: Parameter, bias: Parameter): string {
    return this.#op("Gemm", [x, this.#parameter(weight), this.#parameter(bias)], { transB: 1 });
  }

  #op(operator: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}): string {
    return this.#writer.node(operator, inputs, { attributes });
  }
}
