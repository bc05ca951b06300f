import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Data } from "./data/read-data.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import { type Finished, finishModel } from "./model-folder.ts";
import type { Plan } from "./recipe.ts";
import { startTraining, type Trained, type Training } from "./training/train.ts";
import { DivergedError } from "./training/worker-group.ts";
import type { EpochReport } from "./training/worker-job.ts";
import { logEpoch, logPlan } from "./training-log.ts";
import type { KnownWeights } from "./transfer/known-weights.ts";

export interface NetworkJobOptions {
  asked: Hyperparameters;
  strings: Record<string, string>;
  cores: number;
  block: number;
  /** Folder of the checkpoints, and what they depend on beside the plan. */
  checkpoints: string;
  identity: string;
  /** Absent: from scratch. */
  known?: KnownWeights;
  provenance: Record<string, unknown>;
  workerProgram?: URL;
  log(line: string): void;
  onStart(training: Training): void;
}

/** A job that trains a network, from scratch or from known weights. */
export async function networkJob(data: Data, options: NetworkJobOptions): Promise<Finished & { curve: EpochReport[] }> {
  const { trained, curve } = await trainOrRetry(data, options);
  options.log("Measuring the averaged weights and exporting the model.");
  return { ...(await finishModel(trained, data, options.provenance)), curve };
}

interface Outcome {
  trained: Trained;
  curve: EpochReport[];
}

/** What a rate is multiplied with after the loss became no number. */
const rateAfterDivergence = 0.1;

/** Once, at a lower rate, when the loss becomes no number: most of the time the rate was too high. */
async function trainOrRetry(data: Data, options: NetworkJobOptions): Promise<Outcome> {
  const { asked } = options;
  let rate = 0;
  const onPlan = ({ schedule }: Plan) => {
    rate = schedule.kind === "cosine" ? schedule.peak : schedule.rate;
  };
  try {
    return await trainOnce(data, options, onPlan);
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    const learningRate = rate * rateAfterDivergence;
    options.log(`Warning: ${error.message}. The training begins anew, once, with learning_rate ${learningRate}.`);
    try {
      return await trainOnce(data, { ...options, asked: { ...asked, learningRate } }, onPlan);
    } catch (again) {
      if (!(again instanceof DivergedError)) throw again;
      throw new DivergedError(`${error.message}; and again with learning_rate ${learningRate}: ${again.message}`);
    }
  }
}

async function trainOnce(data: Data, options: NetworkJobOptions, onPlan: (plan: Plan) => void): Promise<Outcome> {
  const { log, asked, strings } = options;
  const curve: EpochReport[] = [];
  let plan: Plan | undefined;
  const training = startTraining({
    asked,
    data,
    cores: options.cores,
    block: options.block,
    known: options.known,
    workerProgram: options.workerProgram,
    log,
    checkpoints: {
      folder: options.checkpoints,
      identity: options.identity,
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
  options.onStart(training);
  return { trained: await training.done, curve };
}

/** The models of single epochs that `checkpoint_frequency` asked for. */
export function storedModels(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^image-classification-\d+\.onnx$/.test(name));
  return names.map((name) => join(folder, name));
}
