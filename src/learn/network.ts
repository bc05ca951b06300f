// A network is a value: a tree of layers. Whoever can do the seven operations (the training graph, the exported graph,
// the float64 reference) can run it, so that all of them run the same network.

export type Layer =
  | { kind: "convolution"; name: string; inputs: number; outputs: number; kernel: number; stride: number }
  | { kind: "norm"; name: string; channels: number }
  | { kind: "relu" }
  | { kind: "maxPool" }
  | { kind: "residual"; body: readonly Layer[]; shortcut: readonly Layer[] }
  | { kind: "globalMax" }
  | { kind: "globalAverage" }
  | { kind: "linear"; name: string; inputs: number; outputs: number };

export interface Network {
  name: string;
  layers: readonly Layer[];
  classes: number;
}

/** The same network with another number of outputs. */
export function withOutputs(network: Network, classes: number): Network {
  const layers = network.layers.map((layer) => (layer.kind === "linear" ? { ...layer, outputs: classes } : layer));
  return { ...network, classes, layers };
}

export interface Parameter {
  name: string;
  kind: "convolution" | "linear" | "bias" | "scale" | "shift";
  shape: readonly number[];
  offset: number;
  size: number;
  /** Whether the network computes with it in half precision. */
  isHalf: boolean;
  /** The first convolution reads pictures, which need no gradient. */
  isFirst: boolean;
}

export interface Norm {
  name: string;
  channels: number;
  /** Where its means and variances lie in the vector of statistics: all of a layer's means, then its variances. */
  offset: number;
}

export interface Layout {
  parameters: readonly Parameter[];
  norms: readonly Norm[];
  /** Lengths of the vectors of parameters and statistics. */
  total: number;
  statistics: number;
}

export interface Operators<T> {
  convolution(x: T, weight: Parameter, stride: number): T;
  norm(x: T, scale: Parameter, shift: Parameter, norm: Norm): T;
  relu(x: T): T;
  /** 2 x 2 with stride 2; an odd last row or column is dropped. */
  maxPool(x: T): T;
  add(a: T, b: T): T;
  globalMax(x: T): T;
  globalAverage(x: T): T;
  linear(x: T, weight: Parameter, bias: Parameter): T;
}

/** Of the weights. Those of norms are always float32: they are few, and means and variances have no bounds. */
export type Precision = "float32" | "float16";

/** Where every parameter and statistic of the network lies in its flat vector. */
export function layoutOf(network: Network, precision: Precision = "float32"): Layout {
  const parameters: Parameter[] = [];
  const norms: Norm[] = [];
  let total = 0;
  let statistics = 0;
  const parameter = (name: string, kind: Parameter["kind"], shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const isHalf = precision === "float16" && kind !== "scale" && kind !== "shift";
    parameters.push({ name, kind, shape, offset: total, size, isHalf, isFirst: parameters.length === 0 });
    total += size;
  };
  const visit = (layer: Layer): void => {
    switch (layer.kind) {
      case "convolution":
        parameter(layer.name, "convolution", [layer.outputs, layer.inputs, layer.kernel, layer.kernel]);
        return;
      case "norm":
        norms.push({ name: layer.name, channels: layer.channels, offset: statistics });
        statistics += 2 * layer.channels;
        parameter(`${layer.name}.scale`, "scale", [layer.channels]);
        parameter(`${layer.name}.shift`, "shift", [layer.channels]);
        return;
      case "linear":
        parameter(layer.name, "linear", [layer.outputs, layer.inputs]);
        parameter(`${layer.name}.bias`, "bias", [layer.outputs]);
        return;
      case "residual":
        layer.body.forEach(visit);
        layer.shortcut.forEach(visit);
        return;
      case "relu":
      case "maxPool":
      case "globalMax":
      case "globalAverage":
        return;
      default:
        layer satisfies never;
    }
  };
  network.layers.forEach(visit);
  return { parameters, norms, total, statistics };
}

/** Runs the network on `x`; returns the logits. */
export function runNetwork<T>(network: Network, layout: Layout, operators: Operators<T>, x: T): T {
  const parameters = new Map(layout.parameters.map((one) => [one.name, one]));
  const norms = new Map(layout.norms.map((one) => [one.name, one]));
  const through = (layers: readonly Layer[], start: T): T => layers.reduce((value, layer) => step(layer, value), start);
  const step = (layer: Layer, value: T): T => {
    switch (layer.kind) {
      case "convolution":
        return operators.convolution(value, parameters.get(layer.name)!, layer.stride);
      case "norm": {
        const scale = parameters.get(`${layer.name}.scale`)!;
        const shift = parameters.get(`${layer.name}.shift`)!;
        return operators.norm(value, scale, shift, norms.get(layer.name)!);
      }
      case "linear":
        return operators.linear(value, parameters.get(layer.name)!, parameters.get(`${layer.name}.bias`)!);
      case "residual":
        return operators.add(through(layer.body, value), through(layer.shortcut, value));
      case "relu":
        return operators.relu(value);
      case "maxPool":
        return operators.maxPool(value);
      case "globalMax":
        return operators.globalMax(value);
      case "globalAverage":
        return operators.globalAverage(value);
      default:
        return layer satisfies never;
    }
  };
  return through(network.layers, x);
}
