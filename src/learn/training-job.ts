import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Fault } from "../kit/fault.ts";
import { dataFault } from "./data/data-fault.ts";
import { type Data, readData } from "./data/read-data.ts";
import { type Hyperparameters, parseHyperparameters } from "./hyperparameters.ts";
import { finishModel, writeModelFolder } from "./model-folder.ts";
import type { Plan } from "./recipe.ts";
import { startTraining, type Trained, type Training } from "./training/train.ts";
import { DivergedError } from "./training/worker-group.ts";
import type { EpochReport } from "./training/worker-job.ts";
import { logEpoch, logPlan, logResult, pythonDictionary } from "./training-log.ts";

// A training job as SageMaker's container contract has it: input below `input/`, the model below `model/`, a failure's text in
// `output/failure`, and log lines in the form of AWS's own image classification algorithm, from which metrics are read.

export interface JobOptions {
  /** What /opt/ml is in a container. */
  prefix: string;
  cores: number;
  /** Finds the block of the fast convolution; 0 for none. */
  block(): Promise<number>;
  log(line: string): void;
  /** The program of a worker; another one only in tests. */
  workerProgram?: URL;
}

export interface Job {
  /** Ends after the current step and keeps the model so far. */
  stop(): void;
  /** The exit code: 0, or 1 with `output/failure` written. Never rejects. */
  done: Promise<number>;
}

export function startJob(options: JobOptions): Job {
  let training: Training | undefined;
  let isStopping = false;
  const run = async () => {
    rmSync(join(options.prefix, "output", "failure"), { force: true });
    await runJob(options, {
      isStopping: () => isStopping,
      onStart: (started) => {
        training = started;
      },
    });
    return 0;
  };
  return {
    stop() {
      isStopping = true;
      options.log("Stop asked for: ending after this step and keeping the model so far.");
      training?.stop();
    },
    done: run().catch((error: unknown) => {
      const text = failureText(error);
      for (const line of text.split("\n")) options.log(line);
      if (!(error instanceof Fault) && error instanceof Error && error.stack) options.log(error.stack);
      writeFailure(options.prefix, text, options.log);
      return 1;
    }),
  };
}

async function runJob(
  options: JobOptions,
  { isStopping, onStart }: { isStopping(): boolean; onStart(training: Training): void },
): Promise<void> {
  const { prefix, log } = options;
  const strings = readStrings(join(prefix, "input", "config", "hyperparameters.json"));
  log(
    `Merging with provided configuration from ${join(prefix, "input/config/hyperparameters.json")}: ${pythonDictionary(strings)}`,
  );
  const asked = parseHyperparameters(strings);
  refuseUnreadableChannels(join(prefix, "input", "config", "inputdataconfig.json"));

  const block = await options.block();
  const shrink = Math.min(1, asked.maxImageSide / Math.max(asked.imageShape.height, asked.imageShape.width));
  const height = Math.round(asked.imageShape.height * shrink);
  const width = Math.round(asked.imageShape.width * shrink);
  if (shrink < 1) {
    log(
      `image_shape asks for ${asked.imageShape.width}x${asked.imageShape.height}: training on ${width}x${height}, ` +
        `since max_image_side is ${asked.maxImageSide}.`,
    );
  }
  const data = await readData({
    channels: join(prefix, "input", "data"),
    classes: asked.numClasses,
    height,
    width,
    log,
  });
  log(
    `Done reading ${data.train.count} training and ${data.validation?.count ?? 0} validation pictures of ${data.labels.length} classes.`,
  );
  if (data.train.count !== asked.numTrainingSamples) {
    log(
      `Warning: num_training_samples is ${asked.numTrainingSamples}, but ${data.train.count} pictures were read. All of them are used.`,
    );
  }

  if (isStopping()) return log("Stopped before the first step: there is no model.");
  const dataSha256 = createHash("sha256").update(data.train.pixels).update(data.train.labels).digest("hex");
  const versions = {
    onnxruntime: createRequire(import.meta.url)("onnxruntime-node/package.json").version as string,
    node: process.version,
  };
  const { trained, curve } = await trainOrRetry(options, {
    asked,
    strings,
    data,
    block,
    identity: JSON.stringify([strings, dataSha256, versions]),
    onStart,
  });
  const provenance = {
    hyperparameters: strings,
    dataSha256,
    trainingPictures: data.train.count,
    skippedFiles: data.skipped.length,
    ...versions,
  };
  log("Measuring the averaged weights and exporting the model.");
  const finished = await finishModel(trained, data, provenance);
  mkdirSync(join(prefix, "model"), { recursive: true });
  writeModelFolder(join(prefix, "model"), { ...finished, curve, checkpoints: storedModels(prefix) });
  logResult(finished, join(prefix, "model"), log);
  const { user, system } = process.cpuUsage();
  log(`CPU time ${((user + system) / 1e6).toFixed(1)} s`);
}

interface Work {
  asked: Hyperparameters;
  strings: Record<string, string>;
  data: Data;
  block: number;
  identity: string;
  onStart(training: Training): void;
}

interface Outcome {
  trained: Trained;
  curve: EpochReport[];
}

/** What a rate is multiplied with after the loss became no number. */
const rateAfterDivergence = 0.1;

/** Once, at a lower rate, when the loss becomes no number: most of the time the rate was too high. */
async function trainOrRetry(options: JobOptions, work: Work): Promise<Outcome> {
  const { asked } = work;
  let rate = 0;
  const onPlan = ({ schedule }: Plan) => {
    rate = schedule.kind === "cosine" ? schedule.peak : schedule.rate;
  };
  try {
    return await trainOnce(options, work, onPlan);
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    const learningRate = rate * rateAfterDivergence;
    options.log(`Warning: ${error.message}. The training begins anew, once, with learning_rate ${learningRate}.`);
    try {
      return await trainOnce(options, { ...work, asked: { ...asked, learningRate } }, onPlan);
    } catch (again) {
      if (!(again instanceof DivergedError)) throw again;
      throw new DivergedError(`${error.message}; and again with learning_rate ${learningRate}: ${again.message}`);
    }
  }
}

async function trainOnce(options: JobOptions, work: Work, onPlan: (plan: Plan) => void): Promise<Outcome> {
  const { log, prefix } = options;
  const { asked, strings, data, block } = work;
  const curve: EpochReport[] = [];
  let plan: Plan | undefined;
  const training = startTraining({
    asked,
    data,
    cores: options.cores,
    block,
    workerProgram: options.workerProgram,
    log,
    checkpoints: {
      folder: join(prefix, "checkpoints"),
      identity: work.identity,
      everyEpochs: asked.checkpointFrequency,
      onResume(reported) {
        curve.push(...reported);
        log(`Resuming from the checkpoint after epoch ${reported.length - 1}.`);
      },
    },
    onPlan(made, pictures) {
      plan = made;
      onPlan(made);
      logPlan(made, { asked, strings, pictures, log });
    },
    onEpoch(report) {
      curve.push(report);
      logEpoch(curve, plan!, log);
    },
  });
  work.onStart(training);
  return { trained: await training.done, curve };
}

/** The models that `checkpoint_frequency` asked for. */
function storedModels(prefix: string): string[] {
  const folder = join(prefix, "checkpoints");
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^image-classification-\d+\.onnx$/.test(name));
  return names.map((name) => join(folder, name));
}

function readStrings(path: string): Record<string, string> {
  if (!existsSync(path)) throw dataFault(`there is no ${path}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw dataFault(`${path} is no JSON: ${(error as Error).message}`, error);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw dataFault(`${path} holds no JSON object`);
  return parsed as Record<string, string>;
}

function refuseUnreadableChannels(path: string): void {
  if (!existsSync(path)) return;
  for (const [channel, value] of Object.entries(readStrings(path) as Record<string, unknown>)) {
    const type = (value as { ContentType?: unknown } | null)?.ContentType;
    if (type === "application/x-recordio") {
      throw dataFault(
        `channel "${channel}" has the content type application/x-recordio, which Scones does not read: give pictures (application/x-image)`,
      );
    }
  }
}

function failureText(error: unknown): string {
  if (error instanceof Fault) return `ClientError: ${error.message}`;
  if (error instanceof DivergedError) return `ClientError: ${error.message}`;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return `ClientError: no space is left on the disk: ${message}`;
  if (/bad_alloc|failed to allocate|allocation failed|out of memory/i.test(message)) {
    return `ClientError: there is not enough memory: use a smaller mini_batch_size or image_shape, or fewer workers (${message})`;
  }
  return `AlgorithmError: ${message}`;
}

/** AWS reads at most 1,024 characters of it. */
function writeFailure(prefix: string, text: string, log: (line: string) => void): void {
  try {
    mkdirSync(join(prefix, "output"), { recursive: true });
    writeFileSync(join(prefix, "output", "failure"), text.slice(0, 1024));
  } catch (error) {
    log(`output/failure cannot be written: ${(error as Error).message}`);
  }
}
