import { ModelWriter } from "../onnx/model-writer.ts";
import type { Task } from "../task/task.ts";
import { floatsOf, floatTensor, openSession } from "../training/runtime.ts";
import { minimise } from "./minimise.ts";

// Logistic regression with L2 on standardised features: multinomial, or one per class where a picture may show several. Loss and gradient
// run on ONNX Runtime's matrix product; rows have weights, so that a fold is left out by weighing it nothing and rare classes can count more.

export interface Features {
  /** Rows of `width` numbers. */
  values: Float32Array;
  width: number;
  /** As many of each row as the task has. */
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
  { task, threads }: { task: Task; threads: number },
): Promise<Regression> {
  const { width, labels } = features;
  const { classes, columns, outcomes } = task;
  const count = labels.length / columns;
  const { mean, deviation } = momentsOf(features);
  const standardised = new Float32Array(count * width);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < width; i++) {
      standardised[n * width + i] = (features.values[n * width + i]! - mean[i]!) / deviation[i]!;
    }
  }
  const session = await openSession(lossModel({ count, width, task }), threads);
  const x = floatTensor(standardised, [count, width]);
  const solution = new Float64Array(classes * (width + 1));
  return {
    async fit(rowWeights, penalty) {
      const total = rowWeights.reduce((sum, weight) => sum + weight, 0);
      const target = new Float32Array(count * outcomes);
      for (let n = 0; n < count; n++) {
        const row = target.subarray(n * outcomes, (n + 1) * outcomes);
        task.fillTarget(
          row,
          Array.from({ length: columns }, (_, k) => labels[n * columns + k]!),
          0,
        );
        row.set(row.map((value) => value * (rowWeights[n]! / total)));
      }
      const size = classes * width;
      const objective = async (point: Float64Array) => {
        const single = Float32Array.from(point);
        const outputs = await session.run({
          x,
          target: floatTensor(target, [count, outcomes]),
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

function momentsOf({ values, width }: Features): { mean: Float64Array; deviation: Float64Array } {
  const count = values.length / width;
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

/** Inputs x, W, b and target (as the task has it, times the weight of the row); outputs loss, dW, db. */
function lossModel({ count, width, task }: { count: number; width: number; task: Task }): Uint8Array {
  const { classes } = task;
  const writer = new ModelWriter();
  const x = writer.input("x", [count, width]);
  const target = writer.input("target", [count, task.outcomes]);
  const weights = writer.input("W", [classes, width]);
  const biases = writer.input("b", [classes]);
  const logits = writer.node("Gemm", [x, weights, biases], { attributes: { transB: 1 } });
  const { loss, gradient } = task.appendLoss(writer, logits, target);
  writer.node("Identity", [loss], { names: ["loss"] });
  writer.node("Gemm", [gradient, x], { attributes: { transA: 1 }, names: ["dW"] });
  writer.node("ReduceSum", [gradient, writer.integers([0])], { attributes: { keepdims: 0 }, names: ["db"] });
  writer.output("loss", []);
  writer.output("dW", [classes, width]);
  writer.output("db", [classes]);
  return writer.finish();
}
