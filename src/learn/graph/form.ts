import type { ModelWriter } from "../onnx/model-writer.ts";

// The memory of activations lies in one of two forms: plain, or in blocks of channels as the fast convolution wants it. What layers
// do between convolutions needs few operations on it, and each form has its own way for these.

/** [N, C, H, W], however the memory lies. */
export type Shape = readonly [number, number, number, number];

export interface Activation {
  name: string;
  shape: Shape;
}

export interface Affine {
  /** One factor per channel: the name of a vector [C]. */
  scale: string;
  /** One summand per channel. */
  shift?: string;
  /** Another activation that is added; it may be overwritten where nobody reads it later. */
  plus?: string;
  /** What follows: max(0, value), or 1 where the value is 0 and 0 where it is positive. */
  after?: "relu" | "isZero";
}

export interface Form {
  isBlocked: boolean;
  /** Per channel, over pictures and places. */
  mean(x: Activation): string;
  meanOfProducts(x: Activation, y: Activation): string;
  /** after(scale x + shift + plus), per channel: a norm, its gradient, the masks of maxima. */
  affine(x: Activation, how: Affine): string;
  /** 2 x 2 with stride 2, of even sides. */
  maxPool(x: Activation): string;
  /** Every place twice in both directions: the other way. */
  doubled(x: Activation): string;
  /** [N, C, 1, 1], which lies the same in both forms. */
  globalMax(x: Activation): string;
  globalAverage(x: Activation): string;
  /** One value per plane, given to all places of the plane. */
  spread(x: Activation, shape: Shape): string;
}

/** Beyond any number that trains: makes a step of a slope. */
const steep = 1e30;

/** Standard operators. */
export function plainForm(writer: ModelWriter): Form {
  const op = (operator: string, inputs: string[], attributes = {}) => writer.node(operator, inputs, { attributes });
  const mean = (name: string) => op("ReduceMean", [name], { axes: [0, 2, 3], keepdims: 0 });
  return {
    isBlocked: false,
    mean: (x) => mean(x.name),
    meanOfProducts: (x, y) => mean(op("Mul", [x.name, y.name])),
    affine({ name, shape: [, channels] }, { scale, shift, plus, after }) {
      // What a norm in inference mode computes in one pass.
      const zeros = writer.floats(new Float32Array(channels));
      const ones = writer.floats(new Float32Array(channels).fill(1));
      const inputs = [name, scale, shift ?? zeros, zeros, ones];
      const scaled = op("BatchNormalization", inputs, { epsilon: { float: 0 } });
      const sum = plus === undefined ? scaled : op("Add", [scaled, plus]);
      if (after === "relu") return op("Relu", [sum]);
      return after === undefined ? sum : op("HardSigmoid", [sum], { alpha: { float: -steep }, beta: { float: 1 } });
    },
    maxPool: ({ name }) => op("MaxPool", [name], { kernel_shape: [2, 2], strides: [2, 2] }),
    doubled: ({ name }) =>
      op("Resize", [name, "", writer.floats([1, 1, 2, 2])], {
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
        nearest_mode: "floor",
      }),
    globalMax: ({ name }) => op("GlobalMaxPool", [name]),
    globalAverage: ({ name }) => op("GlobalAveragePool", [name]),
    spread: ({ name, shape: [batch, channels] }, shape) => {
      const planes = op("Reshape", [name, writer.integers([batch, channels, 1, 1])]);
      return op("Expand", [planes, writer.integers(shape)]);
    },
  };
}

/**
 * The memory is [N][C/B][H][W][B], though the shape that ONNX Runtime knows stays [N, C, H, W]: a Reshape and a Transpose see the
 * memory. A convolution with one channel per group is what scales channels here, and, with a whole activation for its kernel,
 * what sums products: both in one pass that writes nothing else.
 */
export function blockedForm(writer: ModelWriter, block: number): Form {
  const op = (operator: string, inputs: string[], attributes = {}) =>
    writer.node(operator, inputs, { attributes, domain: "com.microsoft.nchwc" });
  const reshape = (name: string, shape: readonly number[]) => writer.node("Reshape", [name, writer.integers(shape)]);
  const perChannel = (inputs: string[], kernel: readonly number[], channels: number, attributes = {}) =>
    op("Conv", inputs, {
      kernel_shape: kernel,
      strides: [1, 1],
      pads: [0, 0, 0, 0],
      dilations: [1, 1],
      group: channels,
      ...attributes,
    });
  return {
    isBlocked: true,
    mean({ name, shape: [batch, channels] }) {
      const ofPictures = reshape(op("GlobalAveragePool", [name]), [batch, channels]);
      return writer.node("ReduceMean", [ofPictures], { attributes: { axes: [0], keepdims: 0 } });
    },
    meanOfProducts({ name, shape: [batch, channels, height, width] }, y) {
      const planes = batch * channels;
      const kernel = reshape(y.name, [planes, 1, height, width]);
      const sums = perChannel([reshape(name, [1, planes, height, width]), kernel], [height, width], planes);
      const ofPictures = reshape(sums, [batch, channels]);
      const mean = writer.node("ReduceMean", [ofPictures], { attributes: { axes: [0], keepdims: 0 } });
      return writer.node("Mul", [mean, writer.scalar(1 / (height * width))]);
    },
    affine({ name, shape: [, channels] }, { scale, shift, plus, after }) {
      const activation =
        after === "isZero"
          ? { activation: "HardSigmoid", activation_params: { floats: [-steep, 1] } }
          : { activation: "Relu" };
      const inputs = [name, reshape(scale, [channels, 1, 1, 1])];
      if (shift !== undefined || plus !== undefined) inputs.push(shift ?? "");
      if (plus !== undefined) inputs.push(plus);
      return perChannel(inputs, [1, 1], channels, after === undefined ? {} : activation);
    },
    maxPool: ({ name }) => op("MaxPool", [name], { kernel_shape: [2, 2], strides: [2, 2] }),
    doubled: ({ name }) =>
      op("Upsample", [name], {
        scales: [1, 1, 2, 2],
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
      }),
    globalMax: ({ name }) => op("GlobalMaxPool", [name]),
    globalAverage: ({ name }) => op("GlobalAveragePool", [name]),
    spread({ name, shape: [batch, channels] }, shape) {
      const [, , height, width] = shape;
      const columns = reshape(name, [(batch * channels) / block, 1, block]);
      const places = [(batch * channels) / block, height * width, block];
      return reshape(writer.node("Expand", [columns, writer.integers(places)]), shape);
    },
  };
}
