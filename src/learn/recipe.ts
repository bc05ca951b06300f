import { dataFault } from "./data/data-fault.ts";
import type { AugmentationName, Hyperparameters, OptimizerName, Preset } from "./hyperparameters.ts";
import type { Network, Precision } from "./network.ts";
import { residualNetwork, resnet9 } from "./networks.ts";
import { randomFrom } from "./random.ts";
import type { MultiLabel } from "./task/task.ts";
import type { Turns } from "./turns.ts";
import type { ViewCount } from "./views.ts";

// What is done when little is said. Chosen by measurement on small pictures; every part of it gives way to a
// hyperparameter that was given.

export interface Plan {
  network: Network;
  /** Absent: every picture has one label. */
  multiLabel?: MultiLabel;
  /** Networks that the job trains, one after the other, and whose answers the model averages. */
  members: number;
  /** Of each picture, whose answers the model averages too (`viewsOf`). */
  views: ViewCount;
  height: number;
  width: number;
  /** Pictures per step, over all workers. */
  batch: number;
  precision: Precision;
  /** Pictures that a norm sees together: one run of a worker. A step is the mean of its groups, whoever computes them. */
  group: number;
  workers: number;
  /** Channels per block of the fast convolution; 0 for standard operators. */
  block: number;
  epochs: number;
  stepsPerEpoch: number;
  schedule: Schedule;
  optimizer: Optimizer;
  labelSmoothing: number;
  /** Share of the past in the running average of the weights. */
  averageDecay: number;
  augmentation: Augmentation;
  /** In how many ways each picture is shown; the network learns to tell them apart (`lessonOf`). */
  turns: Turns;
  /** Whether the first layer begins with whitening filters. */
  hasWhitening: boolean;
  /** Epochs between two evaluations; the last epoch is always evaluated. */
  evaluateEvery: number;
  /** The schedule of this network is run through by then, after however many epochs. */
  maxSeconds?: number;
  /** The pictures by which the epoch is chosen that is stored; absent: the last one is. */
  selectedBy?: "heldOut" | "validation";
  earlyStopping?: { minEpochs: number; patience: number; tolerance: number };
  /** Absent: only the best answer is looked at. */
  topK?: number;
  /** Of this network: what is random in its training. */
  seed: number;
}

type Schedule =
  | { kind: "cosine"; peak: number; warmUp: number }
  | { kind: "steps"; rate: number; factor: number; epochs: readonly number[] };

export interface Optimizer {
  name: OptimizerName;
  momentum: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  eps: number;
  gamma: number;
}

/** Lengths are shares of the picture's side. */
export interface Augmentation {
  flip: boolean;
  shift: number;
  rotationDegrees: number;
  /** Scales by e to the power of +- this. */
  logScale: number;
  contrast: number;
  channelContrast: number;
  brightness: number;
  cutout: number;
}

/** A picture stays as it is. */
export const still: Augmentation = {
  flip: false,
  shift: 0,
  rotationDegrees: 0,
  logScale: 0,
  contrast: 0,
  channelContrast: 0,
  brightness: 0,
  cutout: 0,
};
const crop = { ...still, flip: true, shift: 0.125 };
const cropColor = { ...crop, contrast: 0.2, channelContrast: 0.06, brightness: 0.2 };
const cropColorTransform = { ...cropColor, rotationDegrees: 10, logScale: 0.15 };
const augmentations: Record<AugmentationName, Augmentation> = {
  none: still,
  crop,
  crop_color: cropColor,
  crop_color_transform: cropColorTransform,
};
const recipeAugmentation = { ...cropColorTransform, cutout: 0.25 };

interface PresetRecipe {
  members: number;
  views: ViewCount;
  /** Pictures that each network is trained on, and the fewest and most epochs: large sets need fewer passes. */
  pictures: number;
  least: number;
  most: number;
  /** Peak of the learning rate for a batch of 64, without adaptive optimiser. */
  rate: number;
  /** Without adaptive optimiser, for trainings of so many pictures; longer ones get less, so that they end with as much. */
  weightDecay: number;
  augmentation: Augmentation;
  /** Of a training that passes over its pictures at least `leastEpochsOfTurns` times. */
  turns: Turns;
}

const alone = { members: 1, views: 1 } as const;
const thorough = {
  pictures: 135_000,
  least: 10,
  most: 150,
  rate: 0.05,
  weightDecay: 5e-3,
  augmentation: recipeAugmentation,
  turns: 4,
} as const;

/** A short training learns more from pictures that are changed less. Chosen by held-out pictures of the training set. */
const presets: Record<Preset, PresetRecipe> = {
  fast: { ...alone, ...thorough, pictures: 36_000, least: 6, augmentation: crop },
  default: { ...alone, ...thorough },
  best: { ...thorough, members: 2, views: 10, pictures: 270_000, most: 300 },
};

/** What is known already must not be forgotten: fewer passes at a lower rate. */
const fineTuning: PresetRecipe = {
  ...alone,
  pictures: 27_000,
  least: 5,
  most: 30,
  rate: 0.02,
  weightDecay: 5e-4,
  augmentation: recipeAugmentation,
  turns: 1,
};

export interface Circumstances {
  /** Pictures that are trained on, held-out ones not counted. */
  pictures: number;
  cores: number;
  block: number;
  /** The network that is trained on; absent: one that knows nothing yet. */
  known?: Network;
  /** Which of the networks, from 0. */
  member: number;
  /** Absent: every picture has one label. */
  multiLabel?: MultiLabel;
}

/** How many networks a job trains. */
export function membersOf(asked: Hyperparameters, { isFineTuning }: { isFineTuning: boolean }): number {
  return asked.ensembleSize ?? (isFineTuning ? fineTuning : presets[asked.preset]).members;
}

/** The whole of what will be done for one network, before anything is done. */
export function planOf(
  asked: Hyperparameters,
  { pictures, cores, block, known, member, multiLabel }: Circumstances,
): Plan {
  const preset = known === undefined ? presets[asked.preset] : fineTuning;
  const members = membersOf(asked, { isFineTuning: known !== undefined });
  const batch = asked.miniBatchSize ?? defaultBatch;
  if (batch > Math.max(pictures, defaultBatch)) {
    throw dataFault(
      `mini_batch_size=${batch} is more than the ${pictures} pictures that are trained on: give at most ${Math.max(pictures, defaultBatch)}`,
    );
  }
  const most = Math.min(asked.workers ?? cores, 64);
  const group = groupFor(batch, { workers: most, block });
  const epochs = asked.epochs ?? Math.min(preset.most, Math.max(preset.least, Math.round(preset.pictures / pictures)));
  const optimizer = asked.optimizer ?? "nag";
  const selectedBy = asked.selectByValidation ? "validation" : asked.earlyStopping ? "heldOut" : undefined;
  const isAdaptive = optimizer === "adam" || optimizer === "rmsprop";
  const rate = asked.learningRate ?? (isAdaptive ? 0.002 : preset.rate * Math.min(2, batch / 64));
  const shrink = Math.min(1, asked.maxImageSide / Math.max(asked.imageShape.height, asked.imageShape.width));
  const height = Math.round(asked.imageShape.height * shrink);
  const width = Math.round(asked.imageShape.width * shrink);
  return {
    network: known ?? scratchNetwork(asked, Math.max(height, width) > largestSmallSide),
    ...(multiLabel && { multiLabel }),
    members,
    views: asked.views ?? preset.views,
    height,
    width,
    batch,
    precision: asked.precision,
    group,
    workers: Math.min(most, batch / group),
    block: group % Math.max(1, block) === 0 ? block : 0,
    epochs,
    stepsPerEpoch: Math.max(1, Math.floor(pictures / batch)),
    schedule:
      asked.lrSchedulerStep === undefined
        ? { kind: "cosine", peak: rate, warmUp: 0.15 }
        : { kind: "steps", rate, factor: asked.lrSchedulerFactor, epochs: asked.lrSchedulerStep },
    optimizer: {
      name: optimizer,
      momentum: asked.momentum ?? 0.9,
      weightDecay: asked.weightDecay ?? (isAdaptive ? 5e-4 : decayFor(preset, epochs * pictures)),
      beta1: asked.beta1,
      beta2: asked.beta2,
      eps: asked.eps,
      gamma: asked.gamma,
    },
    labelSmoothing: 0.1,
    averageDecay: 0.99,
    augmentation: asked.augmentation === undefined ? preset.augmentation : augmentations[asked.augmentation],
    turns: turnsFor(asked, { preset, epochs }),
    hasWhitening: known === undefined && asked.numLayers === undefined,
    evaluateEvery: selectedBy === undefined ? Math.ceil(epochs / 50) : 1,
    selectedBy,
    maxSeconds: asked.maxSeconds && asked.maxSeconds / members,
    earlyStopping: asked.earlyStopping
      ? {
          minEpochs: asked.earlyStoppingMinEpochs,
          patience: asked.earlyStoppingPatience,
          tolerance: asked.earlyStoppingTolerance,
        }
      : undefined,
    topK: asked.topK,
    seed: seedOf(asked.seed, member),
  };
}

/** With fewer passes to share between the turns too little is learnt of pictures as they are. */
const leastEpochsOfTurns = 120;

/** Only the recipe turns pictures unasked: a network, or changes of the pictures, that were asked for are what was asked for. */
function turnsFor(asked: Hyperparameters, { preset, epochs }: { preset: PresetRecipe; epochs: number }): Turns {
  if (asked.rotationLabels !== undefined) return asked.rotationLabels ? 4 : 1;
  const isOurs = asked.numLayers === undefined && asked.augmentation === undefined && !asked.multiLabel;
  return isOurs && epochs >= leastEpochsOfTurns ? preset.turns : 1;
}

function decayFor(preset: PresetRecipe, pictures: number): number {
  return preset.weightDecay * Math.min(1, preset.pictures / pictures);
}

/** The first network is the one that would be trained alone; what is random in the others has nothing in common with it, or with those of another seed. */
function seedOf(seed: number, member: number): number {
  return member === 0 ? seed : Math.floor(randomFrom(seed, 8, member).uniform() * 2 ** 32);
}

/** Larger pictures get networks that begin with a stride. */
const largestSmallSide = 64;

function scratchNetwork({ numLayers, numClasses }: Hyperparameters, isLarge: boolean): Network {
  return numLayers === undefined
    ? resnet9(numClasses, { isLarge })
    : residualNetwork(numLayers, numClasses, { isLarge });
}

/** Sets with fewer pictures still train with it: then a step sees some of them twice. A larger batch only costs memory. */
const defaultBatch = 64;

/** Norms over fewer pictures are too noisy; more leave the cache, and cost memory for nothing. */
const [leastGroup, mostGroup] = [16, 32];

/** Machines with fewer cores train the same model, to the last bit, only more slowly. */
const usualWorkers = 4;

/** Each group of a step has its gradients in memory; that many at least are worth it. */
const usualGroups = 8;

/**
 * How many pictures are computed at once: a share of the batch, in whole blocks where blocks are used. An uneven share would
 * silently run everything on the slower operators.
 */
export function groupFor(batch: number, { workers, block }: { workers: number; block: number }): number {
  const unit = block > 0 && batch % block === 0 ? block : 1;
  const share = Math.min(mostGroup, batch / Math.max(workers, usualWorkers));
  const wanted = Math.max(leastGroup, share, batch / Math.max(workers, usualGroups));
  const divides = (group: number) => batch % group === 0 && group % unit === 0;
  const isLarge = (group: number) => group >= leastGroup && divides(group);
  for (let group = Math.floor(wanted); group > 0; group--) if (isLarge(group)) return group;
  for (let group = leastGroup; group < batch; group++) if (divides(group)) return group;
  return batch;
}

/** The learning rate when `progress` of the training is done, from 0 to 1. */
export function learningRateAt(progress: number, { schedule, epochs, stepsPerEpoch }: Plan): number {
  switch (schedule.kind) {
    case "cosine": {
      const { peak, warmUp } = schedule;
      if (progress < warmUp) return peak * Math.min(1, (progress + 1 / (epochs * stepsPerEpoch)) / warmUp);
      return peak * 0.5 * (1 + Math.cos((Math.PI * (progress - warmUp)) / (1 - warmUp)));
    }
    case "steps": {
      // The smallest excess keeps an exact multiple from being rounded down to the epoch before.
      const epoch = Math.floor(progress * epochs + 1e-9);
      return schedule.rate * schedule.factor ** schedule.epochs.filter((one) => one <= epoch).length;
    }
    default:
      return schedule satisfies never;
  }
}
