import type { Evaluation, EvaluationInput, MultiLabelEvaluation } from "../evaluation.ts";
import type { ModelWriter } from "../onnx/model-writer.ts";

// What a network is asked about a picture: which one of the classes it shows, or of every class whether it is there. All that differs
// between the two is behind this interface; whoever reads, splits, trains or measures works with rows of numbers.

export interface Task {
  readonly classes: number;
  /** Plain data of which `taskOf` makes the task again, in another thread; absent: every picture has one label. */
  readonly multiLabel?: MultiLabel;

  /** The data say so many numbers of each picture, each of them a whole one from 0 to `most`. */
  readonly columns: number;
  readonly most: number;
  /** What the numbers are, to those who gave others. */
  readonly rule: string;
  /** How many of the pictures show each class. */
  sizesOf(labels: ArrayLike<number>): number[];
  /** One number per picture: what both parts of a split have the same shares of. */
  strataOf(labels: ArrayLike<number>): ArrayLike<number>;
  /** What a picture shows, for people. */
  nameOf(row: ArrayLike<number>, names: readonly string[]): string;

  /**
   * How many outcomes the network gives a probability: a target is a row of what each of them counts, and the loss of a picture is minus the
   * sum of what its outcomes count times the logarithms of their probabilities.
   */
  readonly outcomes: number;
  /** Writes what the outcomes count for one picture; `smoothing` is the share that its labels leave to all that exclude each other alike. */
  fillTarget(target: Float32Array, row: ArrayLike<number>, smoothing: number): void;
  /** The same task, where rare classes count as much as common ones. */
  weighted(labels: ArrayLike<number>): Task;
  /** The mean loss of rows of logits. */
  lossOf<T, Target, Loss>(operators: Losses<T, Target, Loss>, logits: T, target: Target): Loss;
  /** Appends the sum of the losses of rows of logits, and its gradient. */
  appendLoss(writer: ModelWriter, logits: string, target: string): { loss: string; gradient: string };

  probabilitiesOf(logits: ArrayLike<number>, temperature?: number): Float64Array;
  /** Appends the same, as the output `probabilities`. */
  appendProbabilities(writer: ModelWriter, logits: string): void;
  score(logits: ArrayLike<number>, truth: ArrayLike<number>, topK?: number): Score;
  evaluationOf(input: EvaluationInput): Evaluation | MultiLabelEvaluation;
}

export interface MultiLabel {
  /** What each outcome counts; absent: all the same. */
  weights?: readonly number[];
}

/** Whoever can do both (the training graph, the float64 reference) can be trained for any task. */
export interface Losses<T, Target, Loss> {
  /** The outcomes are the classes, of which one is true. */
  crossEntropy(logits: T, target: Target): Loss;
  /** The outcomes are, for every class, that it is there, and after those, for every class, that it is not. */
  binaryCrossEntropy(logits: T, target: Target): Loss;
}

/** What rows of logits are worth. */
export interface Score {
  /** Share of the labels that are right. */
  accuracy: number;
  loss: number;
  /** Share of the pictures whose class is among the `topK` best answers; absent where nobody asked. */
  topKAccuracy?: number;
}
