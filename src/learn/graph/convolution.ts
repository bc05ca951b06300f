import type { Parameter } from "../network.ts";
import { isWorthTiles, tiledConvolution } from "./tiles.ts";
import type { Tensor, TrainingGraph } from "./training-graph.ts";
import { isBlocked } from "./weight-order.ts";

// A convolution without bias, and its two gradients, in two forms: with standard operators, and with the runtime's own
// blocked convolution, which is faster by a third. In the blocked form all three are the same operator: the
// gradient of the input is a convolution of dy with turned weights, the gradient of the weights a convolution of x with
// dy as its kernel and the roles of batch and channels swapped.

export interface ConvolutionInput {
  x: Tensor;
  weight: Parameter;
  stride: number;
  /** Name of the weights as they lie in the vector of parameters. */
  flat: string;
}

export interface Convolution {
  /** The input in the form in which it was read: where its gradient belongs. */
  x: Tensor;
  output: Tensor;
  weightGradient(): string;
  inputGradient(): string;
}

export interface Shape {
  batch: number;
  inputs: number;
  outputs: number;
  height: number;
  width: number;
  kernel: number;
  pad: number;
  stride: number;
  outHeight: number;
  outWidth: number;
}

/** Appends the forward nodes; the two closures append the backward ones. */
export function convolutionGradients(graph: TrainingGraph, input: ConvolutionInput): Convolution {
  const shape = shapeOf(input);
  if (!isBlocked(input.weight, graph.blocking)) return plainConvolution(graph, input, shape);
  return isWorthTiles(shape) && !input.weight.isFirst
    ? tiledConvolution(graph, input, shape)
    : blockedConvolution(graph, input, shape);
}

function shapeOf({ x, weight, stride }: ConvolutionInput): Shape {
  const [batch, inputs, height, width] = x.shape;
  const [outputs, , kernel] = weight.shape as [number, number, number];
  const pad = (kernel - 1) / 2;
  const side = (length: number) => Math.floor((length + 2 * pad - kernel) / stride) + 1;
  return { batch, inputs, outputs, height, width, kernel, pad, stride, outHeight: side(height), outWidth: side(width) };
}

function plainConvolution(
  graph: TrainingGraph,
  { x: given, weight, flat }: ConvolutionInput,
  shape: Shape,
): Convolution {
  const { batch, inputs, outputs, kernel, pad, stride, outHeight, outWidth } = shape;
  const x = graph.inForm(given, graph.plain);
  const weights = graph.reshape(flat, weight.shape);
  const window = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
  const y = graph.op("Conv", [x.name, weights], window);
  const output = graph.tensor(() => y, { form: graph.plain, shape: [batch, outputs, outHeight, outWidth] });
  return {
    x,
    output,
    weightGradient() {
      const area = outHeight * outWidth;
      const padded = pad === 0 ? x.name : graph.op("Pad", [x.name, graph.integers([0, 0, pad, pad, 0, 0, pad, pad])]);
      const slices: string[] = [];
      for (let row = 0; row < kernel; row++) {
        for (let column = 0; column < kernel; column++) {
          const ends = [row + (outHeight - 1) * stride + 1, column + (outWidth - 1) * stride + 1];
          const slice = graph.op("Slice", [
            padded,
            graph.integers([row, column]),
            graph.integers(ends),
            graph.integers([2, 3]),
            graph.integers([stride, stride]),
          ]);
          slices.push(graph.reshape(slice, [batch, inputs, 1, area]));
        }
      }
      const columns = graph.reshape(graph.op("Concat", slices, { axis: 2 }), [batch, inputs * kernel * kernel, area]);
      const dy = graph.reshape(output.gradient!, [batch, outputs, area]);
      const products = graph.writer.node("FusedMatMul", [dy, columns], {
        attributes: { transB: 1 },
        domain: "com.microsoft",
      });
      return graph.op("ReduceSum", [products, graph.integers([0])], { keepdims: 0 });
    },
    inputGradient: () => transposedConvolution(graph, { dy: output.gradient!, weights, shape }),
  };
}

function blockedConvolution(
  graph: TrainingGraph,
  { x: given, weight, flat }: ConvolutionInput,
  shape: Shape,
): Convolution {
  const { batch, inputs, outputs, kernel, pad, stride, outHeight, outWidth } = shape;
  const block = graph.blocking.block;
  const area = kernel * kernel;
  // Pictures have too few channels for blocks: they are read as they are, and only the outputs are in blocks.
  const x = weight.isFirst ? given : graph.inForm(given, graph.blocked);
  const weights = weight.isFirst
    ? graph.transpose(graph.reshape(flat, [outputs / block, block, inputs * area]), [0, 2, 1])
    : flat;
  const y = blockedConv(graph, [x.name, graph.reshape(weights, weight.shape)], {
    kernel: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
  });
  const output = graph.tensor(() => y, { form: graph.blocked, shape: [batch, outputs, outHeight, outWidth] });
  return {
    x,
    output,
    weightGradient: () => blockedWeightGradient(graph, { x, dy: output.gradient!, shape }),
    inputGradient() {
      if (stride > 1) {
        const tiles = graph.reshape(flat, [outputs / block, inputs / block, area, block, block]);
        const plainWeights = graph.reshape(graph.transpose(tiles, [0, 4, 1, 3, 2]), weight.shape);
        const dy = graph.reordered(output.gradient!, output.shape, graph.plain);
        const dx = transposedConvolution(graph, { dy, weights: plainWeights, shape });
        return graph.reordered(dx, x.shape, graph.blocked);
      }
      // Turns each tile over with a reorder, then swaps the tiles and turns the kernel by 180 degrees.
      const count = (outputs / block) * (inputs / block) * area;
      const tiles = graph.intoBlocks(graph.reshape(flat, [count, block, 1, block]));
      const turned = graph.reshape(tiles, [outputs / block, inputs / block, area, block * block]);
      const swapped = graph.transpose(turned, [1, 0, 2, 3]);
      const reversed = graph.integers(Array.from({ length: area }, (_, i) => area - 1 - i));
      const kernels = graph.reshape(graph.op("Gather", [swapped, reversed], { axis: 2 }), [
        inputs,
        outputs,
        kernel,
        kernel,
      ]);
      return blockedConv(graph, [output.gradient!, kernels], {
        kernel: [kernel, kernel],
        strides: [1, 1],
        pads: [pad, pad, pad, pad],
      });
    },
  };
}

/**
 * The convolution of x with dy as its kernel, where the pictures are the channels. The channels of one block of x lie beside each other
 * in its rows, so that one row of the kernel, which steps over them, answers for all of them. In the order in which the weights
 * lie: blocks, or plain for the first layer.
 */
function blockedWeightGradient(
  graph: TrainingGraph,
  { x, dy, shape }: { x: Tensor; dy: string; shape: Shape },
): string {
  const { batch, inputs, outputs, kernel, pad, stride, outHeight, outWidth } = shape;
  const block = graph.blocking.block;
  const area = kernel * kernel;
  const together = x.form.isBlocked ? block : 1;
  const view = graph.reshape(dy, [batch / block, block, outputs / block, outHeight * outWidth, block]);
  const weights = graph.reshape(graph.transpose(view, [2, 0, 3, 1, 4]), [outputs, batch, outHeight, outWidth]);
  const result = blockedConv(graph, [inBlocksOfPictures(graph, x, { shape, together }), weights], {
    kernel: [outHeight, outWidth],
    strides: [1, 1],
    dilations: [stride, stride * together],
    pads: stride > 1 ? [0, 0, 0, 0] : [pad, 0, pad, 0],
  });
  if (together === 1) {
    const tiles = graph.reshape(result, [inputs, outputs / block, area, block]);
    return graph.transpose(tiles, [1, 3, 0, 2]);
  }
  const tiles = graph.reshape(result, [inputs / block, outputs / block, area * block * block]);
  return graph.transpose(tiles, [1, 0, 2]);
}

/** [C/together][N/B][H][W * together][B of N], with the pads: pictures in the place of channels. */
function inBlocksOfPictures(
  graph: TrainingGraph,
  x: Tensor,
  { shape, together }: { shape: Shape; together: number },
): string {
  const { batch, inputs, height, width, kernel, pad, stride, outHeight, outWidth } = shape;
  const block = graph.blocking.block;
  const [many, few] = [batch / block, inputs / together];
  // All that belongs to one picture moves as one.
  const pictures = graph.reshape(x.name, [many, block, inputs * height * width, 1]);
  const swapped = graph.reshape(graph.intoBlocks(pictures), [many * few, height, width, together * block]);
  // With the pads at the sides inside the convolution it runs at half the speed; above and below they cost nothing.
  const rows = stride > 1 ? pad : 0;
  const padded = pad === 0 ? swapped : graph.op("Pad", [swapped, graph.integers([0, rows, pad, 0, 0, rows, pad, 0])]);
  const full = [height + 2 * rows, width + 2 * pad] as const;
  const needed = stride > 1 ? ([(outHeight - 1) * stride + kernel, (outWidth - 1) * stride + kernel] as const) : full;
  const isWhole = needed[0] === full[0] && needed[1] === full[1];
  const cropped = isWhole
    ? padded
    : graph.op("Slice", [padded, graph.integers([0, 0]), graph.integers(needed), graph.integers([1, 2])]);
  const tiles = graph.reshape(cropped, [many, few, needed[0] * needed[1] * together * block]);
  const moved = many === 1 || few === 1 ? tiles : graph.transpose(tiles, [1, 0, 2]);
  return graph.reshape(moved, [few, batch, needed[0], needed[1] * together]);
}

function transposedConvolution(
  graph: TrainingGraph,
  { dy, weights, shape }: { dy: string; weights: string; shape: Shape },
): string {
  const { height, width, kernel, pad, stride, outHeight, outWidth } = shape;
  return graph.op("ConvTranspose", [dy, weights], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    output_padding: [
      height - ((outHeight - 1) * stride + kernel - 2 * pad),
      width - ((outWidth - 1) * stride + kernel - 2 * pad),
    ],
  });
}

function blockedConv(
  graph: TrainingGraph,
  inputs: [string, string],
  window: { kernel: number[]; strides: number[]; pads: number[]; dilations?: number[] },
): string {
  return graph.writer.node("Conv", inputs, {
    attributes: {
      kernel_shape: window.kernel,
      strides: window.strides,
      pads: window.pads,
      dilations: window.dilations ?? [1, 1],
      group: 1,
    },
    domain: "com.microsoft.nchwc",
  });
}
