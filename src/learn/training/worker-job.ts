import type { PictureSet } from "../data/picture-set.ts";
import type { Layout } from "../network.ts";
import type { Plan } from "../recipe.ts";
import type { Score } from "../task/task.ts";
import type { Normalisation } from "./augmentation.ts";
import { controlWords } from "./barrier.ts";
import type { CheckpointPlan } from "./checkpoint.ts";

type Floats = Float32Array<SharedArrayBuffer>;

/** All that the workers of one training share. Vectors of parameters are in blocked order where blocks are used. */
export interface SharedState {
  control: Int32Array<SharedArrayBuffer>;
  parameters: Floats;
  first: Floats;
  second: Floats;
  /** Running average of the parameters: what is evaluated and kept. */
  average: Floats;
  /** The best average so far, where one is chosen. */
  best: Floats;
  /** Running means and variances of the norms, their average, and those of the best epoch. */
  statistics: Floats;
  averageStatistics: Floats;
  bestStatistics: Floats;
  /** Per group of pictures. */
  gradients: Floats;
  batchStatistics: Floats;
  /** Per group: loss, share of labels right, share of pictures right among the best answers. */
  tallies: Float64Array<SharedArrayBuffer>;
  /** One number from 0 to 1: how far the training is. */
  progress: Float64Array<SharedArrayBuffer>;
  /** Of the pictures that are evaluated: held out first, then validation. */
  logits: Floats;
}

export interface WorkerJob {
  worker: number;
  plan: Plan;
  /** Of the lesson's network. */
  layout: Layout;
  gradientModel: Uint8Array;
  evaluationModel: Uint8Array;
  set: PictureSet;
  /** What one epoch shows (`balancedShowings`). */
  showings: Uint32Array;
  heldOutIndices: Uint32Array;
  validation?: PictureSet;
  normalisation: Normalisation;
  shared: SharedState;
  checkpoint?: CheckpointPlan;
}

/** What a worker tells the main thread; all but the last come from the first worker. */
export type WorkerMessage =
  | { kind: "batch"; report: BatchReport }
  | { kind: "epoch"; report: EpochReport }
  | { kind: "checkpoint"; paths: string[] }
  | { kind: "checkpointFailed"; message: string }
  | { kind: "diverged"; epoch: number; step: number; loss: number }
  | { kind: "finished"; steps: number; bestEpoch?: number; isStopped: boolean }
  | { kind: "failed"; message: string; stack?: string };

/** How an epoch comes along. */
export interface BatchReport {
  epoch: number;
  /** The last one that was computed, from 0. */
  batch: number;
  /** Over the batches of the epoch so far. */
  trainAccuracy: number;
  /** Since the last report. */
  imagesPerSecond: number;
}

export interface EpochReport {
  epoch: number;
  /** Of a job's report: which of its networks, from 1. */
  network?: number;
  steps: number;
  /** Over the pictures as they were shown, each by its own labels alone: neither smoothing nor turns are part of it. */
  trainLoss: number;
  trainAccuracy: number;
  trainTopKAccuracy?: number;
  seconds: number;
  imagesPerSecond: number;
  /** Of the averaged weights, where this epoch was evaluated. */
  heldOut?: Score;
  validation?: Score;
}

export function sharedState({
  layout,
  plan,
  evaluated,
}: {
  layout: Layout;
  plan: Plan;
  evaluated: number;
}): SharedState {
  const floats = (length: number): Floats =>
    new Float32Array(new SharedArrayBuffer(Math.max(1, length) * 4)).subarray(0, length);
  const usesSecond = plan.optimizer.name === "adam" || plan.optimizer.name === "rmsprop";
  const groups = plan.batch / plan.group;
  const choosesBest = plan.selectedBy !== undefined;
  return {
    control: new Int32Array(new SharedArrayBuffer(controlWords * 4)),
    parameters: floats(layout.total),
    first: floats(layout.total),
    second: floats(usesSecond ? layout.total : 0),
    average: floats(layout.total),
    best: floats(choosesBest ? layout.total : 0),
    statistics: floats(layout.statistics),
    averageStatistics: floats(layout.statistics),
    bestStatistics: floats(choosesBest ? layout.statistics : 0),
    gradients: floats(layout.total * groups),
    batchStatistics: floats(layout.statistics * groups),
    tallies: new Float64Array(new SharedArrayBuffer(24 * groups)),
    progress: new Float64Array(new SharedArrayBuffer(8)),
    logits: floats(evaluated * plan.network.classes),
  };
}
