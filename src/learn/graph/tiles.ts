import type { Convolution, ConvolutionInput, Shape } from "./convolution.ts";
import type { TrainingGraph } from "./training-graph.ts";

// A 3 x 3 convolution in tiles of 4 x 4 outputs (Winograd's algorithm): 36 products of matrices in place of 144. A line of a tile with
// its border, and a line of the kernel, are polynomials; what they are at five numbers and at infinity stands for them, and the convolution
// of the lines is the product of these values. So there is a matrix of inputs (V), one of weights (U) and one of outputs (M) for each of
// 6 x 6 points, and M = V U. The changes between these and the activations are linear: they are products with small matrices, since
// places lie outermost here, [places][pictures][channels]. Gradients go the same way back.

const tile = 4;
const points = tile + 2;

/** The five numbers. Results are rounded little more than those of a plain convolution; with 0, +-1 and +-2 it would be half as much again. */
const numbers = [0, 0.75, -0.75, 1.5, -1.5];

/**
 * Whether the changes cost less than they save: those of activations where there are many channels for the size of the picture and tiles are
 * not half empty, those of weights where there are many tiles for the channels.
 */
export function isWorthTiles({ batch, inputs, outputs, height, width, kernel, stride }: Shape): boolean {
  const tiles = tilesAlong(height) * tilesAlong(width);
  if (kernel !== 3 || stride !== 1 || 2 * height * width < tiles * tile * tile) return false;
  return 2 * Math.max(height, width) <= inputs && 4 * tiles * batch >= Math.max(inputs, outputs);
}

/** Of weights in blocks, and of activations in blocks. */
export function tiledConvolution(
  graph: TrainingGraph,
  { x: given, flat }: ConvolutionInput,
  shape: Shape,
): Convolution {
  const product = (left: string, right: string, attributes = {}) =>
    graph.writer.node("FusedMatMul", [left, right], { attributes, domain: "com.microsoft" });
  const [ofInputs, ofWeights, ofOutputs] = [
    inputChange(graph, shape),
    weightChange(graph, shape),
    outputChange(graph, shape),
  ];
  const x = graph.inForm(given, graph.blocked);
  const v = ofInputs.there(x.name);
  const u = ofWeights.there(flat);
  const output = graph.tensor(() => ofOutputs.back(product(v, u)), {
    form: graph.blocked,
    shape: [shape.batch, shape.outputs, shape.height, shape.width],
  });
  let gradientOfM: string | undefined;
  const dm = () => (gradientOfM ??= ofOutputs.there(output.gradient!));
  return {
    x,
    output,
    weightGradient: () => ofWeights.back(product(v, dm(), { transA: 1 })),
    inputGradient: () => graph.reshape(ofInputs.back(product(dm(), u, { transB: 1 })), x.shape),
  };
}

/** From activations or weights, as they lie in memory, to one matrix per point; and the transposed map back. */
interface Change {
  there(name: string): string;
  back(name: string): string;
}

type Matrix = readonly (readonly number[])[];

function inputChange(graph: TrainingGraph, { batch, inputs, height, width }: Shape): Change {
  const { times, moved } = operations(graph);
  const { block } = graph.blocking;
  const [rows, columns] = [tilesAlong(height), tilesAlong(width)];
  const [ofRows, ofColumns] = [windows(height), windows(width)];
  const row = width * batch * inputs;
  const rowOfTiles = columns * batch * inputs;
  return {
    there(name) {
      const places = moved(name, [batch, inputs / block, height, width, block], [2, 3, 0, 1, 4]);
      const down = times(ofRows, places, [height, row]);
      const across = times(ofColumns, down, [points * rows, width, batch * inputs]);
      const tiles = moved(across, [points, rows, points, rowOfTiles], [0, 2, 1, 3]);
      return graph.reshape(tiles, [points * points, rows * columns * batch, inputs]);
    },
    back(name) {
      const tiles = moved(name, [points, points, rows, rowOfTiles], [0, 2, 1, 3]);
      const across = times(transposed(ofColumns), tiles, [points * rows, points * columns, batch * inputs]);
      const down = times(transposed(ofRows), across, [points * rows, row]);
      return moved(down, [height, width, batch, inputs / block, block], [2, 3, 0, 1, 4]);
    },
  };
}

function weightChange(graph: TrainingGraph, { inputs, outputs, kernel }: Shape): Change {
  const { times, moved } = operations(graph);
  const { block } = graph.blocking;
  const [inputBlocks, outputBlocks] = [inputs / block, outputs / block];
  const area = kernel * kernel;
  const { ofWeights } = transforms;
  const ofTaps = ofWeights.flatMap((a) => ofWeights.map((b) => a.flatMap((one) => b.map((other) => one * other))));
  return {
    there(name) {
      const taps = moved(name, [outputBlocks, inputBlocks, area, block, block], [2, 1, 3, 0, 4]);
      return graph.reshape(times(ofTaps, taps, [area, inputs * outputs]), [points * points, inputs, outputs]);
    },
    back(name) {
      const taps = times(transposed(ofTaps), name, [points * points, inputs * outputs]);
      return moved(taps, [area, inputBlocks, block, outputBlocks, block], [3, 1, 0, 2, 4]);
    },
  };
}

function outputChange(graph: TrainingGraph, { batch, outputs, height, width }: Shape): Change {
  const { times, moved } = operations(graph);
  const { block } = graph.blocking;
  const [rows, columns] = [tilesAlong(height), tilesAlong(width)];
  const size = rows * columns * batch * outputs;
  const { ofOutputs } = transforms;
  const whole = [batch, outputs / block, rows * tile, columns * tile, block];
  const [belowRows, behindColumns] = [rows * tile - height, columns * tile - width];
  const isWhole = belowRows + behindColumns === 0;
  const cut = (name: string) => {
    const ends = graph.integers([height, width]);
    return graph.op("Slice", [graph.reshape(name, whole), graph.integers([0, 0]), ends, graph.integers([2, 3])]);
  };
  const filled = (name: string) => {
    const blocks = graph.reshape(name, [batch, outputs / block, height, width, block]);
    return graph.op("Pad", [blocks, graph.integers([0, 0, 0, 0, 0, 0, 0, belowRows, behindColumns, 0])]);
  };
  return {
    there(name) {
      const shape = [batch, outputs / block, rows, tile, columns, tile, block];
      const places = moved(isWhole ? name : filled(name), shape, [3, 5, 2, 4, 0, 1, 6]);
      const across = times(transposed(ofOutputs), places, [tile, tile, size]);
      const down = times(transposed(ofOutputs), across, [tile, points * size]);
      return graph.reshape(down, [points * points, rows * columns * batch, outputs]);
    },
    back(name) {
      const down = times(ofOutputs, name, [points, points * size]);
      const across = times(ofOutputs, down, [tile, points, size]);
      const shape = [tile, tile, rows, columns, batch, outputs / block, block];
      const places = moved(across, shape, [4, 5, 2, 0, 3, 1, 6]);
      return graph.reshape(isWhole ? places : cut(places), [batch, outputs, height, width]);
    },
  };
}

function operations(graph: TrainingGraph) {
  return {
    /** Of a small matrix with each of the matrices that lie there. */
    times(matrix: Matrix, name: string, shape: readonly number[]): string {
      const values = graph.writer.floats(matrix.flat(), [matrix.length, matrix[0]!.length]);
      return graph.op("MatMul", [values, graph.reshape(name, shape)]);
    },
    moved(name: string, shape: readonly number[], order: readonly number[]): string {
      const view = graph.reshape(name, shape);
      // Where only dimensions of length 1 change places nothing moves in memory.
      const isInOrder = order
        .filter((axis) => shape[axis] !== 1)
        .every((axis, i, long) => i === 0 || axis > long[i - 1]!);
      return isInOrder ? view : graph.transpose(view, order);
    },
  };
}

function tilesAlong(side: number): number {
  return Math.ceil(side / tile);
}

/** From a line of inputs to the values at all points of all its tiles, each of which begins one place before its outputs. */
function windows(side: number): Matrix {
  return transforms.ofInputs.flatMap((factors) =>
    Array.from({ length: tilesAlong(side) }, (_, at) =>
      Array.from({ length: side }, (_, place) => factors[place - at * tile + 1] ?? 0),
    ),
  );
}

/** Of Cook and Toom. `ofOutputs` leads from values to outputs, the other two from inputs and taps to values. */
const transforms = (() => {
  const powers = (number: number, count: number) => Array.from({ length: count }, (_, exponent) => number ** exponent);
  /** The factors of the polynomial with these roots, the constant one first. */
  const withRoots = (roots: readonly number[]) =>
    roots.reduce(
      (factors, root) =>
        Array.from({ length: factors.length + 1 }, (_, i) => (factors[i - 1] ?? 0) - root * (factors[i] ?? 0)),
      [1],
    );
  const others = numbers.map((number) => numbers.filter((other) => other !== number));
  const distances = numbers.map((number, i) => others[i]!.reduce((product, other) => product * (number - other), 1));
  return {
    ofInputs: [...others.map((roots) => [...withRoots(roots), 0]), withRoots(numbers)],
    ofWeights: [...numbers.map((number, i) => powers(number, 3).map((power) => power / distances[i]!)), [0, 0, 1]],
    ofOutputs: transposed([...numbers.map((number) => powers(number, tile)), [0, 0, 0, 1]]),
  };
})();

function transposed(matrix: Matrix): Matrix {
  return matrix[0]!.map((_, column) => matrix.map((line) => line[column]!));
}
