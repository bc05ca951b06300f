import { createHash } from "node:crypto";
import { balancedShowings } from "../data/balance.ts";
import { holdOut } from "../data/hold-out.ts";
import { type OpenPictures, withPictures } from "../data/picture-set.ts";
import type { Data } from "../data/read-data.ts";
import { evaluationModel, gradientModel } from "../graph/models.ts";
import { toBlockedOrder, toPlainOrder } from "../graph/weight-order.ts";
import type { Hyperparameters } from "../hyperparameters.ts";
import { initialWeights, whiteningFilters } from "../initial-weights.ts";
import { type Layout, layoutOf } from "../network.ts";
import { randomFrom } from "../random.ts";
import { type Plan, planOf } from "../recipe.ts";
import type { KnownWeights } from "../transfer/known-weights.ts";
import { type Normalisation, normalisationOf, plainPicture } from "./augmentation.ts";
import { restoreCheckpoint } from "./checkpoint.ts";
import { startWorkers, type WorkerGroup } from "./worker-group.ts";
import { type EpochReport, sharedState } from "./worker-job.ts";

export interface Trained {
  plan: Plan;
  layout: Layout;
  /** In plain order: the averaged weights of the last epoch, or of the best one with early stopping. */
  parameters: Float32Array;
  statistics: Float32Array;
  normalisation: Normalisation;
  trainIndices: Uint32Array;
  heldOutIndices: Uint32Array;
  steps: number;
  bestEpoch?: number;
  isStopped: boolean;
}

export interface TrainingOptions {
  asked: Hyperparameters;
  data: Data;
  cores: number;
  block: number;
  /** Absent: from scratch. */
  known?: KnownWeights;
  onPlan(plan: Plan, pictures: { train: number; heldOut: number }): void;
  onEpoch(report: EpochReport): void;
  log(line: string): void;
  checkpoints?: {
    folder: string;
    /** What the training depends on beside its plan: data and versions. */
    identity: string;
    everyEpochs?: number;
    /** Called when an interrupted training goes on, with what it had reported. */
    onResume(curve: readonly EpochReport[]): void;
  };
  /** The program of a worker; another one only in tests. */
  workerProgram?: URL;
}

export interface Training {
  stop(): void;
  done: Promise<Trained>;
}

/** Starts the training; checkpoints are all that it leaves on the disk. */
export function startTraining(options: TrainingOptions): Training {
  const { asked, data, cores, block } = options;
  const { train: trainIndices, heldOut: heldOutIndices } = holdOut(data.train.labels, {
    share: asked.holdOut,
    seed: asked.seed,
  });
  const { labels, count } = data.train;
  const showings = asked.balanceClasses
    ? balancedShowings(trainIndices, { labels, count, classes: asked.numClasses, seed: asked.seed })
    : trainIndices;
  const plan = planOf(asked, { pictures: showings.length, cores, block, known: options.known?.network });
  options.onPlan(plan, { train: trainIndices.length, heldOut: heldOutIndices.length });
  const layout = layoutOf(plan.network);
  const blocking = { batch: plan.batch / plan.workers, block: plan.block };
  const sides = { height: plan.height, width: plan.width };
  const normalisation =
    options.known?.normalisation ?? withPictures(data.train, (pictures) => normalisationOf(pictures, trainIndices));
  const evaluated = heldOutIndices.length + (data.validation?.count ?? 0);
  const shared = sharedState({ layout, plan, evaluated });

  const { parameters, statistics } = initialWeights(layout, plan.seed);
  if (plan.hasWhitening) {
    const first = layout.parameters[0]!;
    const how = { normalisation, seed: plan.seed };
    const patches = withPictures(data.train, (pictures) => somePatches(pictures, trainIndices, how));
    parameters.set(whiteningFilters(patches, first.shape[0]!), first.offset);
  }
  options.known?.fill(parameters, statistics);
  shared.parameters.set(toBlockedOrder(parameters, layout, blocking));
  shared.average.set(shared.parameters);
  shared.statistics.set(statistics);
  shared.averageStatistics.set(statistics);

  const checkpoint = options.checkpoints && {
    folder: options.checkpoints.folder,
    fingerprint: createHash("sha256")
      .update(JSON.stringify([options.checkpoints.identity, plan, layout.total]))
      .digest("hex"),
    everyEpochs: options.checkpoints.everyEpochs,
  };
  const resumed = checkpoint && restoreCheckpoint(checkpoint, shared, options.log);
  if (resumed !== undefined) options.checkpoints?.onResume(resumed.curve);

  const group: WorkerGroup = startWorkers(
    {
      plan,
      layout,
      gradientModel: gradientModel(plan.network, layout, { blocking, ...sides }),
      evaluationModel: evaluationModel(plan.network, layout, sides),
      set: data.train,
      showings,
      heldOutIndices,
      validation: data.validation,
      normalisation,
      shared,
      checkpoint: checkpoint && { ...checkpoint, resumed },
    },
    { onEpoch: options.onEpoch, log: options.log, program: options.workerProgram },
  );
  const done = group.done.then(({ steps, bestEpoch, isStopped }) => {
    const hasBest = bestEpoch !== undefined;
    const vector = new Float32Array(hasBest ? shared.best : shared.average);
    return {
      plan,
      layout,
      parameters: toPlainOrder(vector, layout, blocking),
      statistics: new Float32Array(hasBest ? shared.bestStatistics : shared.averageStatistics),
      normalisation,
      trainIndices,
      heldOutIndices,
      steps,
      bestEpoch,
      isStopped,
    };
  });
  return { stop: group.stop, done };
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
