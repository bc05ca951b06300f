import { ModelWriter } from "../onnx/model-writer.ts";
import { floatsOf, floatTensor, openSession } from "../training/runtime.ts";
import { minimise } from "./minimise.ts";

// Multinomial logistic regression with L2 on standardised features. Loss and gradient run on ONNX Runtime's matrix product; rows
// have weights, so that a fold is left out by weighing it nothing and rare classes can count more.

export interface Features {
  /** Rows of `width` numbers. */
  values: Float32Array;
  width: number;
  labels: ArrayLike<number>;
}

export interface Classifier {
  /** [classes, width] and [classes], for features as they came. */
  weights: Float32Array;
  biases: Float32Array;
}

export interface Regression {
  /** The best classifier for the rows by their weights; `penalty` times half the sum of squares is added to the mean loss. */
  fit(rowWeights: Float64Array, penalty: number): Promise<Classifier>;
}

const tolerance = 1e-3;
const mostSteps = 200;

export async function regression(
  features: Features,
  { classes, threads }: { classes: number; threads: number },
): Promise<Regression> {
  const { width, labels } = features;
  const count = labels.length;
  const { mean, deviation } = momentsOf(features);
  const standardised = new Float32Array(count * width);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < width; i++) {
      standardised[n * width + i] = (features.values[n * width + i]! - mean[i]!) / deviation[i]!;
    }
  }
  const session = await openSession(lossModel({ count, width, classes }), threads);
  const x = floatTensor(standardised, [count, width]);
  const solution = new Float64Array(classes * (width + 1));
  return {
    async fit(rowWeights, penalty) {
      const total = rowWeights.reduce((sum, weight) => sum + weight, 0);
      const target = new Float32Array(count * classes);
      for (let n = 0; n < count; n++) target[n * classes + labels[n]!] = rowWeights[n]! / total;
      const size = classes * width;
      const objective = async (point: Float64Array) => {
        const single = Float32Array.from(point);
        const outputs = await session.run({
          x,
          target: floatTensor(target, [count, classes]),
          W: floatTensor(single.subarray(0, size), [classes, width]),
          b: floatTensor(single.subarray(size), [classes]),
        });
        const gradient = new Float64Array(point.length);
        gradient.set(floatsOf(outputs, "dW"));
        gradient.set(floatsOf(outputs, "db"), size);
        let squares = 0;
        for (let i = 0; i < size; i++) {
          squares += point[i]! ** 2;
          gradient[i]! += penalty * point[i]!;
        }
        return { value: floatsOf(outputs, "loss")[0]! + (penalty / 2) * squares, gradient };
      };
      // From the last solution: penalties and folds that follow each other have similar ones.
      solution.set(await minimise(objective, solution, { tolerance, most: mostSteps }));
      return unstandardised(solution, { classes, mean, deviation });
    },
  };
}

/** Rows of logits of a classifier. */
export function logitsOf({ weights, biases }: Classifier, { values, width }: Omit<Features, "labels">): Float64Array {
  const classes = biases.length;
  const count = values.length / width;
  const logits = new Float64Array(count * classes);
  for (let n = 0; n < count; n++) {
    for (let k = 0; k < classes; k++) {
      let sum = biases[k]!;
      for (let i = 0; i < width; i++) sum += weights[k * width + i]! * values[n * width + i]!;
      logits[n * classes + k] = sum;
    }
  }
  return logits;
}

function momentsOf({ values, width, labels }: Features): { mean: Float64Array; deviation: Float64Array } {
  const count = labels.length;
  const mean = new Float64Array(width);
  const squares = new Float64Array(width);
  for (let n = 0; n < count; n++) for (let i = 0; i < width; i++) mean[i]! += values[n * width + i]! / count;
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < width; i++) squares[i]! += (values[n * width + i]! - mean[i]!) ** 2 / count;
  }
  // A feature that never changes says nothing, and must not become a division by zero.
  return { mean, deviation: squares.map((square) => (square < 1e-12 ? 1 : Math.sqrt(square))) };
}

function unstandardised(
  solution: Float64Array,
  { classes, mean, deviation }: { classes: number; mean: Float64Array; deviation: Float64Array },
): Classifier {
  const width = mean.length;
  const weights = new Float32Array(classes * width);
  const biases = new Float32Array(classes);
  for (let k = 0; k < classes; k++) {
    let bias = solution[classes * width + k]!;
    for (let i = 0; i < width; i++) {
      const weight = solution[k * width + i]! / deviation[i]!;
      weights[k * width + i] = weight;
      bias -= weight * mean[i]!;
    }
    biases[k] = bias;
  }
  return { weights, biases };
}

/** Inputs x, W, b and target (rows that sum up to their weight); outputs loss, dW, db. */
function lossModel({ count, width, classes }: { count: number; width: number; classes: number }): Uint8Array {
  const writer = new ModelWriter();
  const x = writer.input("x", [count, width]);
  const target = writer.input("target", [count, classes]);
  const weights = writer.input("W", [classes, width]);
  const biases = writer.input("b", [classes]);
  const logits = writer.node("Gemm", [x, weights, biases], { attributes: { transB: 1 } });
  const products = writer.node("Mul", [target, writer.node("LogSoftmax", [logits], { attributes: { axis: 1 } })]);
  const sum = writer.node("ReduceSum", [products, writer.integers([0, 1])], { attributes: { keepdims: 0 } });
  writer.node("Neg", [sum], { names: ["loss"] });
  const rowWeights = writer.node("ReduceSum", [target, writer.integers([1])], { attributes: { keepdims: 1 } });
  const expected = writer.node("Mul", [writer.node("Softmax", [logits], { attributes: { axis: 1 } }), rowWeights]);
  const residual = writer.node("Sub", [expected, target]);
  writer.node("Gemm", [residual, x], { attributes: { transA: 1 }, names: ["dW"] });
  writer.node("ReduceSum", [residual, writer.integers([0])], { attributes: { keepdims: 0 }, names: ["db"] });
  writer.output("loss", []);
  writer.output("dW", [classes, width]);
  writer.output("db", [classes]);
  return writer.finish();
}
