import type { Parameter } from "../network.ts";
import type { Tensor, TrainingGraph } from "./training-graph.ts";
import { isBlocked } from "./weight-order.ts";

// A convolution without bias, and its two gradients, in two forms: with standard operators, and with the runtime's own
// blocked convolution, which is faster by a third. In the blocked form all three are the same operator: the
// gradient of the input is a convolution of dy with turned weights, the gradient of the weights a convolution of x with
// dy as its kernel and the roles of batch and channels swapped.
//
// Blocked activations say that their shape is [N, C, H, W], but their memory is [N][C/B][H][W][B]: a Reshape and a Transpose
// on them see that memory. This is used on purpose here, and nowhere else.

interface ConvolutionInput {
  x: Tensor;
  weight: Parameter;
  stride: number;
  /** Name of the weights as they lie in the vector of parameters. */
  flat: string;
}

interface Convolution {
  output: Tensor;
  weightGradient(): string;
  inputGradient(): string;
}

interface Shape {
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
  const { block, batch } = graph.blocking;
  if (isBlocked(input.weight, graph.blocking)) return blockedConvolution(graph, input, shape);
  // The first layer has three input channels: too few for blocks on the way forward, but not for the swapped way back.
  const mayBlockGradient = block > 0 && batch % block === 0 && shape.outputs % block === 0 && input.weight.isFirst;
  return plainConvolution(graph, input, { shape, mayBlockGradient });
}

function shapeOf({ x, weight, stride }: ConvolutionInput): Shape {
  const [batch, inputs, height, width] = x.shape as [number, number, number, number];
  const [outputs, , kernel] = weight.shape as [number, number, number];
  const pad = (kernel - 1) / 2;
  const side = (length: number) => Math.floor((length + 2 * pad - kernel) / stride) + 1;
  return { batch, inputs, outputs, height, width, kernel, pad, stride, outHeight: side(height), outWidth: side(width) };
}

function plainConvolution(
  graph: TrainingGraph,
  { x, weight, flat }: ConvolutionInput,
  { shape, mayBlockGradient }: { shape: Shape; mayBlockGradient: boolean },
): Convolution {
  const { batch, inputs, outputs, kernel, pad, stride, outHeight, outWidth } = shape;
  const weights = graph.reshape(flat, weight.shape);
  const window = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
  const output = graph.tensor(graph.op("Conv", [x.name, weights], window), [batch, outputs, outHeight, outWidth]);
  return {
    output,
    weightGradient() {
      if (mayBlockGradient) return blockedWeightGradient(graph, { x, dy: blockedGradient(graph, output), shape });
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

function blockedConvolution(graph: TrainingGraph, { x, weight, flat }: ConvolutionInput, shape: Shape): Convolution {
  const { batch, inputs, outputs, kernel, pad, stride, outHeight, outWidth } = shape;
  const block = graph.blocking.block;
  const area = kernel * kernel;
  const forward = blockedConv(graph, [blocked(graph, x), graph.reshape(flat, weight.shape)], {
    kernel: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
  });
  const output = graph.tensor(fromBlocks(graph, forward, outputs), [batch, outputs, outHeight, outWidth]);
  return {
    output,
    weightGradient: () => blockedWeightGradient(graph, { x, dy: blockedGradient(graph, output), shape }),
    inputGradient() {
      if (stride > 1) {
        const tiles = graph.reshape(flat, [outputs / block, inputs / block, area, block, block]);
        const weights = graph.reshape(graph.transpose(tiles, [0, 4, 1, 3, 2]), weight.shape);
        return transposedConvolution(graph, { dy: output.gradient!, weights, shape });
      }
      // Turns each tile over with a reorder, then swaps the tiles and turns the kernel by 180 degrees.
      const tiles = graph.reshape(flat, [(outputs / block) * (inputs / block) * area, block, 1, block]);
      const turned = graph.reshape(toBlocks(graph, tiles), [outputs / block, inputs / block, area, block * block]);
      const swapped = graph.transpose(turned, [1, 0, 2, 3]);
      const reversed = graph.integers(Array.from({ length: area }, (_, i) => area - 1 - i));
      const weights = graph.reshape(graph.op("Gather", [swapped, reversed], { axis: 2 }), [
        inputs,
        outputs,
        kernel,
        kernel,
      ]);
      const dx = blockedConv(graph, [blockedGradient(graph, output), weights], {
        kernel: [kernel, kernel],
        strides: [1, 1],
        pads: [pad, pad, pad, pad],
      });
      return fromBlocks(graph, dx, inputs);
    },
  };
}

/** In the order in which the weights lie: blocks, or plain for the first layer. */
function blockedWeightGradient(
  graph: TrainingGraph,
  { x, dy, shape }: { x: Tensor; dy: string; shape: Shape },
): string {
  const { batch, inputs, outputs, height, width, kernel, pad, stride, outHeight, outWidth } = shape;
  const block = graph.blocking.block;
  const area = kernel * kernel;
  // With the pads at the sides inside the operator it runs at half the speed; above and below they cost nothing.
  const isStrided = stride > 1;
  const rows = isStrided ? pad : 0;
  const pads = [0, 0, rows, pad, 0, 0, rows, pad];
  let padded = pads.every((one) => one === 0) ? x.name : graph.op("Pad", [x.name, graph.integers(pads)]);
  if (isStrided) {
    const needed = [(outHeight - 1) * stride + kernel, (outWidth - 1) * stride + kernel];
    if (needed[0] !== height + 2 * pad || needed[1] !== width + 2 * pad) {
      padded = graph.op("Slice", [padded, graph.integers([0, 0]), graph.integers(needed), graph.integers([2, 3])]);
    }
  }
  const swapped = toBlocks(graph, graph.transpose(padded, [1, 0, 2, 3]));
  const view = graph.reshape(dy, [batch / block, block, outputs / block, outHeight * outWidth, block]);
  const weights = graph.reshape(graph.transpose(view, [2, 0, 3, 1, 4]), [outputs, batch, outHeight, outWidth]);
  const result = blockedConv(graph, [swapped, weights], {
    kernel: [outHeight, outWidth],
    strides: [1, 1],
    dilations: [stride, stride],
    pads: isStrided ? [0, 0, 0, 0] : [pad, 0, pad, 0],
  });
  if (inputs % block !== 0) {
    const tiles = graph.reshape(result, [inputs, outputs / block, area, block]);
    return graph.transpose(tiles, [1, 3, 0, 2]);
  }
  const tiles = graph.reshape(result, [inputs / block, block, outputs / block, area, block]);
  return graph.transpose(tiles, [2, 0, 3, 1, 4]);
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

function blocked(graph: TrainingGraph, x: Tensor): string {
  x.blocked ??= toBlocks(graph, x.name);
  return x.blocked;
}

const blockedGradients = new WeakMap<Tensor, { of: string; blocked: string }>();

/** The gradient of a tensor in blocks; made once, when the last contribution has arrived. */
function blockedGradient(graph: TrainingGraph, x: Tensor): string {
  const known = blockedGradients.get(x);
  if (known?.of === x.gradient) return known!.blocked;
  const made = toBlocks(graph, x.gradient!);
  blockedGradients.set(x, { of: x.gradient!, blocked: made });
  return made;
}

function toBlocks(graph: TrainingGraph, name: string): string {
  return graph.writer.node("ReorderInput", [name], { domain: "com.microsoft.nchwc" });
}

function fromBlocks(graph: TrainingGraph, name: string, channels: number): string {
  return graph.writer.node("ReorderOutput", [name], { attributes: { channels }, domain: "com.microsoft.nchwc" });
}
