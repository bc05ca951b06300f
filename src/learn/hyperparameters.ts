import { Fault } from "../kit/fault.ts";
import type { Precision } from "./network.ts";
import { type ViewCount, viewCounts } from "./views.ts";

// The hyperparameters of the built-in image classification algorithm, as AWS names them, and a few of our own.
// All arrive as strings. What is not known or not well formed is refused before anything runs; what is given is
// honoured; what is absent is left to the recipe (`recipe.ts`), which is not AWS's default of a 152-layer network.

export type Preset = "fast" | "default" | "best";
export type OptimizerName = "sgd" | "nag" | "adam" | "rmsprop";
export type AugmentationName = "none" | "crop" | "crop_color" | "crop_color_transform";

export interface Hyperparameters {
  imageShape: { height: number; width: number };
  numClasses: number;
  numTrainingSamples: number;
  preset: Preset;
  seed: number;
  /** Absent: as many as there are cores. */
  workers?: number;
  /** Pictures are never trained on larger than this side, whatever `image_shape` says: the cost grows with the square. */
  maxImageSide: number;
  /** The share of the training pictures that is kept away from training, to measure and calibrate on. */
  holdOut: number;
  /** Networks that are trained and averaged; absent: as many as the preset has. */
  ensembleSize?: number;
  /** Views of each picture that the model averages; absent: as many as the preset has. */
  views?: ViewCount;
  /** Whether a picture may show several classes, or none. */
  multiLabel: boolean;
  useWeightedLoss: boolean;
  balanceClasses: boolean;
  /** Absent: no limit. With one, a slow machine gives a model of fewer epochs, and not the same one twice. */
  maxSeconds?: number;
  /** Absent: the recipe's own small network. */
  numLayers?: number;
  epochs?: number;
  miniBatchSize?: number;
  learningRate?: number;
  lrSchedulerStep?: number[];
  lrSchedulerFactor: number;
  optimizer?: OptimizerName;
  momentum?: number;
  weightDecay?: number;
  beta1: number;
  beta2: number;
  eps: number;
  gamma: number;
  augmentation?: AugmentationName;
  /** Whether pictures are also shown turned by quarters, as classes of their own; absent: where the recipe does. */
  rotationLabels?: boolean;
  /** Absent: only the best answer is looked at. */
  topK?: number;
  /** Absent: with a backbone, where pictures are too large to train on from scratch. */
  usePretrainedModel?: boolean;
  /** Of the weights that the network computes with and that are stored. */
  precision: Precision;
  /** The shorter side of which `imageShape` is the middle; absent: pictures are seen whole. */
  resize?: number;
  /** Absent: only the final model is stored. */
  checkpointFrequency?: number;
  /** As AWS does: the epoch that is best on the validation channel is stored. */
  selectByValidation: boolean;
  earlyStopping: boolean;
  earlyStoppingMinEpochs: number;
  earlyStoppingPatience: number;
  earlyStoppingTolerance: number;
}

/** Every name that is understood, with what it means and what it is when it is absent. */
export const hyperparameterDocumentation: Readonly<Record<string, string>> = {
  image_shape: "channels,height,width of the network's input, such as 3,32,32; default 3,224,224",
  num_classes: "how many classes there are; required",
  num_training_samples: "how many training pictures there are; required",
  preset: "fast, default or best: how long the recipe trains, and how many networks; ours",
  seed: "an integer; the same seed and data give the same model with any number of workers up to four; ours, default 1",
  workers: "threads that train side by side, 1 to 64; ours, default the number of cores",
  max_image_side:
    "pictures larger than this are trained on at this side, 16 to 512, unless by a backbone; ours, default 64",
  max_seconds:
    "seconds in which the schedule of the training is run through, however slow the machine; ours, default no limit",
  hold_out: "share of the training pictures kept away to measure and calibrate on, 0 to 0.5; ours, default 0.1",
  ensemble_size:
    "networks that are trained one after the other and averaged in one model, 1 to 16; ours, default 1 (best: 2)",
  views:
    "what the model looks at and averages, each for the work of one: 1, the picture; 2, its mirror image as well; 10, both moved by a pixel to each corner as well; ours, default 1 (best: 10)",
  balance_classes:
    "True or False: pictures of rare classes count more, by the square root of what they lack; ours, default True",
  num_layers:
    "a residual network of 18, 34, 50, 101, 152, 200 or 20, 32, 44, 56, 110 layers; default our small network",
  epochs: "passes over the training pictures; default by preset and number of pictures",
  mini_batch_size: "pictures per step, over all workers; default 64",
  learning_rate: "peak of the learning rate; default 0.05, or 0.002 with adam and rmsprop",
  lr_scheduler_step: "epochs, comma separated, at which the learning rate is multiplied; default warm-up and cosine",
  lr_scheduler_factor: "what it is then multiplied with; default 0.1",
  optimizer: "sgd, nag, adam or rmsprop; default nag",
  momentum: "of sgd and nag; default 0.9",
  weight_decay:
    "of convolution and linear weights; default 0.005, less for long trainings (0.0005 with adam and rmsprop, and with a pretrained model)",
  beta_1: "of adam; default 0.9",
  beta_2: "of adam; default 0.999",
  eps: "of adam and rmsprop; default 1e-8",
  gamma: "decay of rmsprop; default 0.9",
  augmentation_type:
    "none, crop, crop_color or crop_color_transform; default crop_color_transform with cutout (fast: crop)",
  rotation_labels:
    "True or False: pictures are shown turned by 90, 180 and 270 degrees as well, and the network learns to tell class and turn together, of which the model keeps the class; ours, default True from scratch with the recipe's network and augmentation, at least 120 epochs, and one label per picture",
  top_k: "2 or more: the accuracy with the k best answers counted is reported as well; default not",
  resize:
    "the shorter side that pictures are resized to, of which the middle is seen at image_shape, in training and in serving; default: pictures are resized to image_shape whole",
  multi_label: "1: a picture may show any number of the classes, or none; default 0: one of them",
  use_weighted_loss:
    "1: with multi_label=1, a class that is rare, or absence that is, counts as much as its opposite, up to 20 times; default 0; without multi_label no effect, as on AWS",
  use_pretrained_model:
    "1: begin with the model in the channel `model`, a backbone or one that Scones trained; 0: train from scratch; default 1 where that channel holds a backbone and pictures are larger than 64, else 0",
  precision_dtype:
    "float32 or float16: the precision of the weights that are trained with, measured and stored; default float32",
  kv_store: "device, dist_sync or dist_async; without effect: there is one machine",
  checkpoint_frequency:
    "epochs between two stored models, which become part of the archive; default only the final one, and a state to resume from every 10 s",
  select_by_validation:
    "True or False: as AWS, store the epoch that is best on the validation channel, and let early_stopping look at it; the accuracy on that channel is then too good; without effect with a backbone; ours, default False",
  early_stopping: "True or False: stop when the held-out accuracy no longer improves; default False",
  early_stopping_min_epochs: "default 10",
  early_stopping_patience: "default 10",
  early_stopping_tolerance:
    "an improvement counts when it is more than this share of the best accuracy before; default 0.01",
  _tuning_objective_metric: "given by tuning jobs; the job itself makes no use of it",
};

const largeNetworks = [18, 34, 50, 101, 152, 200];
const smallNetworks = [20, 32, 44, 56, 110];

/** Checks and converts what a training job was given. Throws a `ValidationException` that says which value is wrong and what would do. */
export function parseHyperparameters(strings: Readonly<Record<string, string>>): Hyperparameters {
  for (const [name, value] of Object.entries(strings)) {
    if (!Object.hasOwn(hyperparameterDocumentation, name)) {
      const known = Object.keys(hyperparameterDocumentation).join(", ");
      throw refused(
        `Additional properties are not allowed ('${name}' was unexpected). Known hyperparameters: ${known}`,
      );
    }
    if (typeof value !== "string") throw refused(`${JSON.stringify(value)} is not of type 'string' (${name})`);
  }
  const given = reader(strings);
  const numTrainingSamples = given.required("num_training_samples", (name) => given.integer(name, 1, 100_000_000));
  const numClasses = given.required("num_classes", (name) => given.integer(name, 2, 10_000));
  const imageShape = imageShapeOf(given.text("image_shape") ?? "3,224,224", "image_shape");
  refuseWhatIsNotSupported(given);
  return {
    imageShape,
    numClasses,
    numTrainingSamples,
    preset: given.oneOf("preset", ["fast", "default", "best"]) ?? "default",
    seed: given.integer("seed", 0, 2 ** 32 - 1) ?? 1,
    workers: given.integer("workers", 1, 64),
    maxImageSide: given.integer("max_image_side", 16, 512) ?? 64,
    holdOut: given.number("hold_out", 0, 0.5) ?? 0.1,
    ensembleSize: given.integer("ensemble_size", 1, 16),
    views: viewCountOf(given),
    maxSeconds: given.number("max_seconds", 1, 30 * 86_400),
    multiLabel: given.flag("multi_label") ?? false,
    useWeightedLoss: given.flag("use_weighted_loss") ?? false,
    // Of several labels one may be rare and another common.
    balanceClasses: given.flag("balance_classes") ?? !given.flag("multi_label"),
    numLayers: given.integer("num_layers", 1, 1000),
    epochs: given.integer("epochs", 1, 100_000),
    miniBatchSize: given.integer("mini_batch_size", 1, 8192),
    learningRate: given.number("learning_rate", 1e-6, 1e6),
    lrSchedulerStep: given.integers("lr_scheduler_step"),
    lrSchedulerFactor: given.number("lr_scheduler_factor", 0, 1) ?? 0.1,
    optimizer: given.oneOf("optimizer", ["sgd", "nag", "adam", "rmsprop"]),
    momentum: given.number("momentum", 0, 0.9999),
    weightDecay: given.number("weight_decay", 0, 1),
    beta1: given.number("beta_1", 0, 0.999999) ?? 0.9,
    beta2: given.number("beta_2", 0, 0.999999) ?? 0.999,
    eps: given.number("eps", 1e-12, 1) ?? 1e-8,
    gamma: given.number("gamma", 0, 0.999999) ?? 0.9,
    augmentation: given.oneOf("augmentation_type", ["none", "crop", "crop_color", "crop_color_transform"]),
    rotationLabels: given.flag("rotation_labels"),
    topK: given.integer("top_k", 2, 10_000),
    usePretrainedModel: given.flag("use_pretrained_model"),
    precision: given.oneOf("precision_dtype", ["float32", "float16"]) ?? "float32",
    resize: resizeOf(given, imageShape),
    checkpointFrequency: given.integer("checkpoint_frequency", 1, 100_000),
    selectByValidation: given.flag("select_by_validation") ?? false,
    earlyStopping: given.flag("early_stopping") ?? false,
    earlyStoppingMinEpochs: given.integer("early_stopping_min_epochs", 1, 100_000) ?? 10,
    earlyStoppingPatience: given.integer("early_stopping_patience", 1, 100_000) ?? 10,
    earlyStoppingTolerance: given.number("early_stopping_tolerance", 0, 1) ?? 0.01,
  };
}

function resizeOf(given: Reader, { height, width }: { height: number; width: number }): number | undefined {
  const side = given.integer("resize", 1, 8192);
  if (side !== undefined && side < Math.max(height, width)) {
    throw refused(
      `${side} is less than the sides of image_shape '3,${height},${width}', which are cut out of it (resize)`,
    );
  }
  return side;
}

function viewCountOf(given: Reader): ViewCount | undefined {
  const count = given.integer("views", 1, 10);
  const found = viewCounts.find((one) => one === count);
  if (count !== undefined && found === undefined)
    throw refused(`${count} is not one of [${viewCounts.join(", ")}] (views)`);
  return found;
}

function refuseWhatIsNotSupported(given: Reader): void {
  const layers = given.integer("num_layers", 1, 1000);
  if (layers !== undefined && ![...largeNetworks, ...smallNetworks].includes(layers)) {
    throw refused(`${layers} is not one of [${[...largeNetworks, ...smallNetworks].join(", ")}] (num_layers)`);
  }
  if (given.flag("multi_label")) refuseWhatIsOfOneLabel(given);
  given.oneOf("kv_store", ["device", "local", "dist_sync", "dist_async"]);
  const [frequency, epochs] = [given.integer("checkpoint_frequency", 1, 100_000), given.integer("epochs", 1, 100_000)];
  if (frequency !== undefined && epochs !== undefined && frequency > epochs) {
    throw refused(`${frequency} is more than epochs=${epochs} (checkpoint_frequency)`);
  }
  const steps = given.integers("lr_scheduler_step") ?? [];
  if (steps.some((step, i) => step <= (steps[i - 1] ?? 0))) {
    throw refused(`'${given.text("lr_scheduler_step")}' is not an increasing list of epochs (lr_scheduler_step)`);
  }
  const [topK, classes] = [given.integer("top_k", 2, 10_000), given.integer("num_classes", 2, 10_000)];
  if (topK !== undefined && classes !== undefined && topK > classes) {
    throw refused(`${topK} is more than num_classes=${classes} (top_k)`);
  }
  if (given.flag("early_stopping") && !given.flag("select_by_validation") && given.number("hold_out", 0, 0.5) === 0) {
    throw refused("early_stopping needs held-out pictures to decide on: leave hold_out above 0");
  }
}

/** A choice between classes is asked of pictures that show one of them. */
function refuseWhatIsOfOneLabel(given: Reader): void {
  if (given.text("top_k") !== undefined) {
    throw refused("top_k is the rank of a picture's one class: leave it out with multi_label=1");
  }
  if (given.flag("rotation_labels")) {
    throw refused(
      "rotation_labels makes classes of turned pictures, of which each picture shows one: leave it out with multi_label=1",
    );
  }
  if (given.flag("balance_classes")) {
    throw refused(
      "balance_classes shows pictures of rare classes more often, and with multi_label=1 a picture may have a common one as well: give use_weighted_loss=1 instead",
    );
  }
}

function imageShapeOf(text: string, name: string): { height: number; width: number } {
  const match = /^\(?\s*(\d{1,5})\s*,\s*(\d{1,5})\s*,\s*(\d{1,5})\s*\)?$/.exec(text);
  if (match === null) throw refused(`'${text}' is not 'channels,height,width', such as '3,32,32' (${name})`);
  const [channels, height, width] = match.slice(1).map(Number) as [number, number, number];
  if (channels !== 3)
    throw refused(`${channels} channels are not supported: give 3 (${name}); grey pictures are read as RGB`);
  for (const side of [height, width]) {
    if (side < 16 || side > 4096) throw refused(`${side} is not between 16 and 4096 (${name})`);
  }
  return { height, width };
}

type Reader = ReturnType<typeof reader>;

function reader(strings: Readonly<Record<string, string>>) {
  // AWS's own clients wrap values in JSON quotes when they serialise them.
  const text = (name: string) => strings[name]?.trim().replace(/^"(.*)"$/, "$1");
  const number = (name: string, least: number, most: number): number | undefined => {
    const given = text(name);
    if (given === undefined) return undefined;
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given))
      throw refused(`'${given}' is not of type 'number' (${name})`);
    const value = Number(given);
    if (value < least) throw refused(`${given} is less than the minimum of ${least} (${name})`);
    if (value > most) throw refused(`${given} is greater than the maximum of ${most} (${name})`);
    return value;
  };
  const integer = (name: string, least: number, most: number): number | undefined => {
    const value = number(name, least, most);
    if (value !== undefined && !Number.isInteger(value))
      throw refused(`'${text(name)}' is not of type 'integer' (${name})`);
    return value;
  };
  return {
    text,
    number,
    integer,
    integers(name: string): number[] | undefined {
      const given = text(name);
      if (given === undefined || given === "") return undefined;
      if (!/^\d+(\s*,\s*\d+)*$/.test(given))
        throw refused(`'${given}' is not a list of integers such as '10,20' (${name})`);
      return given.split(",").map(Number);
    },
    flag(name: string): boolean | undefined {
      const given = text(name);
      if (given === undefined) return undefined;
      if (/^(true|1)$/i.test(given)) return true;
      if (/^(false|0)$/i.test(given)) return false;
      throw refused(`'${given}' is not one of ['True', 'False', '1', '0'] (${name})`);
    },
    oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
      const given = text(name);
      if (given === undefined) return undefined;
      const choice = choices.find((one) => one === given.toLowerCase());
      if (choice === undefined) throw refused(`'${given}' is not one of ['${choices.join("', '")}'] (${name})`);
      return choice;
    },
    required<T>(name: string, read: (name: string) => T | undefined): T {
      const value = text(name) === undefined ? undefined : read(name);
      if (value === undefined) throw refused(`'${name}' is a required property (${hyperparameterDocumentation[name]})`);
      return value;
    },
  };
}

function refused(cause: string): Fault {
  const head = "Unable to initialize the algorithm. Failed to validate hyperparameters. (caused by ValidationError)";
  return new Fault("ValidationException", `${head}\n\nCaused by: ${cause}`);
}
