import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { CentreCrop } from "../images/centre-crop.ts";
import { Fault } from "../kit/fault.ts";
import { codeVersion } from "./code-version.ts";
import { dataFault } from "./data/data-fault.ts";
import { readData } from "./data/read-data.ts";
import { type Hyperparameters, parseHyperparameters } from "./hyperparameters.ts";
import { type Finished, writeModelFolder } from "./model-folder.ts";
import { networkJob, storedModels } from "./network-job.ts";
import { taskOf } from "./task/task-of.ts";
import { hasCheckpoint } from "./training/checkpoint.ts";
import type { Training } from "./training/train.ts";
import { DivergedError } from "./training/worker-group.ts";
import type { EpochReport } from "./training/worker-job.ts";
import { logClassSizes, logResult, pythonDictionary } from "./training-log.ts";
import { knownWeights } from "./transfer/known-weights.ts";
import { type Pretrained, readPretrained } from "./transfer/pretrained.ts";
import { transferJob } from "./transfer/transfer-job.ts";

// A training job as SageMaker's container contract has it: input below `input/`, the model below `model/`, a failure's text in
// `output/failure`, and log lines in the form of AWS's own image classification algorithm, from which metrics are read.

/** Larger pictures cost a processor more than they teach it when it begins from nothing. */
const largestFromScratch = 64;

const stoppedEarly = "Stopped before the first step: there is no model.";
/** Pairs of pictures that are alike, in the model's manifest. */
const mostNamed = 100;

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
  const reading = new AbortController();
  const run = async () => {
    rmSync(join(options.prefix, "output", "failure"), { force: true });
    await runJob(options, {
      isStopping: () => isStopping,
      reading: reading.signal,
      onStart: (started) => {
        training = started;
        if (isStopping) started.stop();
      },
    }).finally(() => rmSync(picturesFolder(options.prefix), { recursive: true, force: true }));
    return 0;
  };
  return {
    stop() {
      isStopping = true;
      options.log("Stop asked for: ending after this step and keeping the model so far.");
      training?.stop();
      // With a checkpoint there is a model, which is measured with what is read.
      if (!hasCheckpoint(checkpointsFolder(options.prefix))) reading.abort();
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

/** Where the decoded pictures lie while the job runs. */
function picturesFolder(prefix: string): string {
  return join(prefix, "pictures");
}

function checkpointsFolder(prefix: string): string {
  return join(prefix, "checkpoints");
}

async function runJob(
  options: JobOptions,
  { isStopping, reading, onStart }: { isStopping(): boolean; reading: AbortSignal; onStart(training: Training): void },
): Promise<void> {
  const { prefix, log } = options;
  const strings = readStrings(join(prefix, "input", "config", "hyperparameters.json"));
  log(
    `Merging with provided configuration from ${join(prefix, "input/config/hyperparameters.json")}: ${pythonDictionary(strings)}`,
  );
  const asked = parseHyperparameters(strings);

  const block = await options.block();
  const pretrained = chosenModel(asked, await readPretrained(join(prefix, "input", "data", "model")), log);
  const { height, width } = sidesOf(asked, pretrained, log);
  const read = await readData({
    channels: join(prefix, "input", "data"),
    pictures: picturesFolder(prefix),
    task: taskOf(asked.numClasses, asked.multiLabel ? {} : undefined),
    height,
    width,
    crop: cropOf(asked),
    holdOut: { share: asked.holdOut, seed: asked.seed },
    threads: Math.min(options.cores, asked.workers ?? options.cores),
    signal: reading,
    log,
  }).catch((error: unknown) => {
    if (reading.aborted) return undefined;
    throw error;
  });
  if (read === undefined) return log(stoppedEarly);
  const data = asked.useWeightedLoss ? { ...read, task: read.task.weighted(read.train.labels) } : read;
  log(
    `Done reading ${data.train.count} training and ${data.validation?.count ?? 0} validation pictures of ${data.labels.length} classes.`,
  );
  if (data.train.count !== asked.numTrainingSamples) {
    log(
      `Warning: num_training_samples is ${asked.numTrainingSamples}, but ${data.train.count} pictures were read. All of them are used.`,
    );
  }

  if (asked.selectByValidation && data.validation === undefined) {
    throw dataFault('select_by_validation=True needs a channel "validation": there is none');
  }
  logClassSizes(data, { asked, log });
  const checkpoints = checkpointsFolder(prefix);
  if (isStopping() && !hasCheckpoint(checkpoints)) return log(stoppedEarly);
  const dataSha256 = data.train.sha256;
  const versions = {
    onnxruntime: createRequire(import.meta.url)("onnxruntime-node/package.json").version as string,
    node: process.version,
  };
  const provenance = {
    hyperparameters: strings,
    dataSha256,
    trainingPictures: data.train.count,
    skippedFiles: data.skipped.length,
    nearDuplicates: data.nearDuplicates.slice(0, mostNamed),
    heldOutDuplicates: data.heldOutDuplicates.slice(0, mostNamed),
    ...codeVersion(),
    ...versions,
  };
  const finished: Finished & { curve: EpochReport[] } =
    pretrained?.kind === "backbone"
      ? {
          ...(await transferJob(pretrained, data, {
            asked,
            cores: options.cores,
            cacheFolder: checkpoints,
            provenance,
            log,
          })),
          curve: [],
        }
      : await networkJob(data, {
          ...options,
          asked,
          strings,
          block,
          checkpoints,
          identity: JSON.stringify([strings, dataSha256, pretrained?.manifest.model.sha256, versions]),
          known: pretrained && knownWeights(pretrained, data.labels.length),
          provenance,
          isStopping,
          onStart,
        });
  mkdirSync(join(prefix, "model"), { recursive: true });
  writeModelFolder(join(prefix, "model"), { ...finished, checkpoints: storedModels(checkpoints) });
  logResult(finished, join(prefix, "model"), log);
  const { user, system } = process.cpuUsage();
  log(`CPU time ${((user + system) / 1e6).toFixed(1)} s`);
  log(`Peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
}

/** What is begun with, if anything: asked for, or a backbone for pictures that are too large to learn from scratch here. */
function chosenModel(
  asked: Hyperparameters,
  given: Pretrained | undefined,
  log: (line: string) => void,
): Pretrained | undefined {
  if (given === undefined) {
    if (!asked.usePretrainedModel) return undefined;
    throw dataFault(
      'use_pretrained_model=1 needs a model, and none come with Scones: give one that Scones trained, or a backbone, in the channel "model"',
    );
  }
  const isLarge = Math.max(asked.imageShape.height, asked.imageShape.width) > largestFromScratch;
  const isUsed = asked.usePretrainedModel ?? (given.kind === "backbone" && isLarge);
  const how = asked.usePretrainedModel === undefined ? "by default" : "as asked for";
  const what = given.kind === "backbone" ? "the backbone" : "the trained model";
  log(
    `Channel "model" holds ${what} ${given.manifest.model.file} (SHA-256 ${given.manifest.model.sha256}): ${isUsed ? "used" : "not used, training from scratch"}, ${how}.`,
  );
  return isUsed ? given : undefined;
}

/** How much of a picture is seen: `image_shape` of its middle, when its shorter side is `resize`. */
function cropOf({ resize, imageShape: { height, width } }: Hyperparameters): CentreCrop | undefined {
  return resize === undefined ? undefined : { height: height / resize, width: width / resize };
}

/** Pictures are read at this size: no larger than what sees them can use. */
function sidesOf(
  { imageShape, maxImageSide }: Hyperparameters,
  pretrained: Pretrained | undefined,
  log: (line: string) => void,
): { height: number; width: number } {
  const { height, width } = imageShape;
  if (pretrained?.kind === "backbone") {
    const { input } = pretrained.manifest;
    return { height: Math.min(height, input.height), width: Math.min(width, input.width) };
  }
  const shrink = Math.min(1, maxImageSide / Math.max(height, width));
  const sides = { height: Math.round(height * shrink), width: Math.round(width * shrink) };
  if (shrink < 1) {
    log(
      `Warning: image_shape asks for ${width}x${height}, but the network is trained on ${sides.width}x${sides.height}, since max_image_side is ${maxImageSide}; raise it to train on larger pictures.`,
    );
  }
  return sides;
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
