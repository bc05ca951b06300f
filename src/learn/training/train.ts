import { createHash } from "node:crypto";
import { balancedShowings } from "../data/balance.ts";
import { type OpenPictures, withPictures } from "../data/picture-set.ts";
import type { Data } from "../data/read-data.ts";
import { evaluationModel, gradientModel } from "../graph/models.ts";
import { toBlockedOrder, toPlainOrder } from "../graph/weight-order.ts";
import type { Hyperparameters } from "../hyperparameters.ts";
import { initialWeights, whiteningFilters } from "../initial-weights.ts";
import { type Layout, layoutOf } from "../network.ts";
import { leastInfiniteHalf } from "../onnx/half-precision.ts";
import { randomFrom } from "../random.ts";
import { type Plan, planOf } from "../recipe.ts";
import type { KnownWeights } from "../transfer/known-weights.ts";
import { lessonOf, withoutTurns } from "../turns.ts";
import { type Normalisation, normalisationOf, plainPicture } from "./augmentation.ts";
import {
  type CheckpointPlan,
  restoreCheckpoint,
  restoreTrained,
  saveTrained,
  type TrainedNetwork,
} from "./checkpoint.ts";
import { DivergedError, startWorkers, type WorkerGroup } from "./worker-group.ts";
import { type BatchReport, type EpochReport, sharedState } from "./worker-job.ts";

export interface Trained extends TrainedNetwork {
  plan: Plan;
  layout: Layout;
  normalisation: Normalisation;
  trainIndices: Uint32Array;
  heldOutIndices: Uint32Array;
}

export interface TrainingOptions {
  asked: Hyperparameters;
  data: Data;
  cores: number;
  block: number;
  /** Absent: from scratch. */
  known?: KnownWeights;
  /** Which of the job's networks this is, from 0. All of them see the same pictures, and none the held-out ones. */
  member: number;
  onPlan(plan: Plan, pictures: { train: number; heldOut: number }): void;
  onBatch(report: BatchReport): void;
  onEpoch(report: EpochReport): void;
  log(line: string): void;
  checkpoints?: {
    folder: string;
    /** What the training depends on beside its plan: data and versions. */
    identity: string;
    everyEpochs?: number;
    /** Of the networks before this one. */
    epochsBefore: number;
    /** Called when an interrupted training goes on, with what it had reported; `isOver` when nothing of it was left to do. */
    onResume(curve: readonly EpochReport[], isOver: boolean): void;
  };
  /** The program of a worker; another one only in tests. */
  workerProgram?: URL;
}

export interface Training {
  stop(): void;
  done: Promise<Trained>;
}

/** Starts the training of one network; checkpoints are all that it leaves on the disk. */
export function startTraining(options: TrainingOptions): Training {
  const { asked, data, cores, block, member, log } = options;
  const { task } = data;
  const { train: trainIndices, heldOut: heldOutIndices } = data.split;
  const { labels, count } = data.train;
  const showings = asked.balanceClasses
    ? balancedShowings(trainIndices, { labels, count, classes: asked.numClasses, seed: asked.seed })
    : trainIndices;
  const plan = planOf(asked, {
    pictures: showings.length,
    cores,
    block,
    known: options.known?.network,
    member,
    multiLabel: task.multiLabel,
  });
  options.onPlan(plan, { train: trainIndices.length, heldOut: heldOutIndices.length });
  const lesson = lessonOf(plan.network, task, plan.turns);
  const layout = layoutOf(plan.network, plan.precision);
  const trainedLayout = layoutOf(lesson.network, plan.precision);
  const blocking = { batch: plan.group, block: plan.block };
  const sides = { height: plan.height, width: plan.width };
  const normalisation =
    options.known?.normalisation ?? withPictures(data.train, (pictures) => normalisationOf(pictures, trainIndices));
  const basis = { plan, layout, normalisation, trainIndices, heldOutIndices };

  const checkpoint = options.checkpoints && {
    folder: options.checkpoints.folder,
    fingerprint: createHash("sha256")
      .update(JSON.stringify([options.checkpoints.identity, plan, layout.total]))
      .digest("hex"),
    member,
    epochsBefore: options.checkpoints.epochsBefore,
    everyEpochs: options.checkpoints.everyEpochs,
  };
  const trained = checkpoint && restoreTrained(checkpoint, layout, log);
  if (trained !== undefined) {
    options.checkpoints?.onResume(trained.curve, true);
    return { stop: () => undefined, done: Promise.resolve({ ...basis, ...trained }) };
  }

  const evaluated = heldOutIndices.length + (data.validation?.count ?? 0);
  const shared = sharedState({ layout: trainedLayout, plan, evaluated });

  const { parameters, statistics } = initialWeights(trainedLayout, plan.seed);
  if (plan.hasWhitening) {
    const first = layout.parameters[0]!;
    const how = { normalisation, seed: plan.seed };
    const patches = withPictures(data.train, (pictures) => somePatches(pictures, trainIndices, how));
    parameters.set(whiteningFilters(patches, first.shape[0]!), first.offset);
  }
  options.known?.fill(parameters, statistics, member);
  shared.parameters.set(toBlockedOrder(parameters, trainedLayout, blocking));
  shared.average.set(shared.parameters);
  shared.statistics.set(statistics);
  shared.averageStatistics.set(statistics);

  const resumed = checkpoint && restoreCheckpoint(checkpoint, shared, log);
  if (resumed !== undefined) options.checkpoints?.onResume(resumed.curve, false);
  const curve: EpochReport[] = [...(resumed?.curve ?? [])];
  let isStopAsked = false;

  const group: WorkerGroup = startWorkers(
    {
      plan,
      layout: trainedLayout,
      gradientModel: gradientModel(lesson.network, trainedLayout, { task: lesson.task, blocking, ...sides }),
      evaluationModel: evaluationModel(plan.network, layout, sides),
      set: data.train,
      showings,
      heldOutIndices,
      validation: data.validation,
      normalisation,
      shared,
      checkpoint: checkpoint && { ...checkpoint, resumed },
    },
    {
      onBatch: options.onBatch,
      onEpoch(report) {
        curve.push(report);
        options.onEpoch(report);
      },
      log,
      program: options.workerProgram,
    },
  );
  const done = group.done.then(({ steps, bestEpoch, isStopped }) => {
    const hasBest = bestEpoch !== undefined;
    const vector = new Float32Array(hasBest ? shared.best : shared.average);
    const parameters = withoutTurns(toPlainOrder(vector, trainedLayout, blocking), trainedLayout, layout);
    refuseInfinite(parameters, layout);
    const statistics = new Float32Array(hasBest ? shared.bestStatistics : shared.averageStatistics);
    const result = { parameters, statistics, steps, bestEpoch, isStopped, curve };
    if (checkpoint !== undefined && !isStopAsked) keepTrained(checkpoint, result, log);
    return { ...basis, ...result };
  });
  const stop = () => {
    isStopAsked = true;
    group.stop();
  };
  return { stop, done };
}

/** In every other step the loss tells; after the last one nothing does. */
function refuseInfinite(parameters: Float32Array, layout: Layout): void {
  for (const { name, offset, size, isHalf } of layout.parameters) {
    const least = isHalf ? leastInfiniteHalf : Number.POSITIVE_INFINITY;
    const found = parameters.subarray(offset, offset + size).find((value) => !(Math.abs(value) < least));
    if (found === undefined) continue;
    const why = isHalf ? ", which is too large for half precision" : "";
    throw new DivergedError(`a weight of ${name} became ${found}${why}: use a lower learning_rate`);
  }
}

/** Without it an interruption from here on costs this training again, which is no reason to end the job. */
function keepTrained(checkpoint: CheckpointPlan, trained: TrainedNetwork, log: (line: string) => void): void {
  try {
    saveTrained(checkpoint, trained);
  } catch (error) {
    log(`Warning: the trained network was not kept for a restart, the job goes on: ${(error as Error).message}`);
  }
}

const patchCount = 20_000;

/** Random 3 x 3 patches of normalised pictures, 27 numbers each. */
function somePatches(
  pictures: OpenPictures,
  indices: Uint32Array,
  { normalisation, seed }: { normalisation: Normalisation; seed: number },
): Float32Array {
  const { height, width } = pictures;
  const picture = new Float32Array(3 * height * width);
  const perPicture = 20;
  const patches = new Float32Array(patchCount * 27);
  let at = 0;
  for (let n = 0; n < patchCount / perPicture; n++) {
    const random = randomFrom(seed, 5, n);
    plainPicture(pictures.at(indices[random.integer(indices.length)]!), {
      target: picture,
      offset: 0,
      ...normalisation,
    });
    for (let patch = 0; patch < perPicture; patch++) {
      const top = random.integer(height - 2);
      const left = random.integer(width - 2);
      for (let c = 0; c < 3; c++) {
        for (let y = 0; y < 3; y++) {
          for (let x = 0; x < 3; x++) patches[at++] = picture[(c * height + top + y) * width + left + x]!;
        }
      }
    }
  }
  return patches;
}
