import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Data } from "./data/read-data.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import { type Finished, finishModel } from "./model-folder.ts";
import { membersOf, type Plan } from "./recipe.ts";
import { startTraining, type Trained, type Training } from "./training/train.ts";
import { DivergedError } from "./training/worker-group.ts";
import type { EpochReport } from "./training/worker-job.ts";
import { logBatch, logEpoch, logPlan } from "./training-log.ts";
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
  isStopping(): boolean;
  onStart(training: Training): void;
}

/**
 * A job that trains a network, or several one after the other, from scratch or from known weights. When it is stopped, the networks that
 * are trained make the model; the first one is kept as far as it came.
 */
export async function networkJob(data: Data, options: NetworkJobOptions): Promise<Finished & { curve: EpochReport[] }> {
  const { asked, known, log } = options;
  const members = membersOf(asked, { isFineTuning: known !== undefined });
  const all: Trained[] = [];
  for (let member = 0; member < members && !(member > 0 && options.isStopping()); member++) {
    const trained = await trainOrRetry(data, { ...options, member, before: all.flatMap(({ curve }) => curve) });
    if (member > 0 && options.isStopping()) log(`Network ${member + 1} is not trained: the model is made without it.`);
    else all.push(trained);
  }
  log("Measuring the averaged weights and exporting the model.");
  return { ...(await finishModel(all, data, options.provenance)), curve: all.flatMap(({ curve }) => curve) };
}

interface MemberOptions extends NetworkJobOptions {
  /** Which of the networks, from 0. */
  member: number;
  /** What those before it reported. */
  before: readonly EpochReport[];
}

/** What a rate is multiplied with after the loss became no number. */
const rateAfterDivergence = 0.1;

/** Once, at a lower rate, when the loss becomes no number: most of the time the rate was too high. */
async function trainOrRetry(data: Data, options: MemberOptions): Promise<Trained> {
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

async function trainOnce(data: Data, options: MemberOptions, onPlan: (plan: Plan) => void): Promise<Trained> {
  const { log, asked, strings, member, before } = options;
  // Epochs count on over all networks: readers of a curve and of metrics know them by their number.
  const numbered = (report: EpochReport): EpochReport => ({
    ...report,
    epoch: before.length + report.epoch,
    network: member + 1,
  });
  const curve: EpochReport[] = [];
  let plan: Plan | undefined;
  const training = startTraining({
    asked,
    data,
    cores: options.cores,
    block: options.block,
    known: options.known,
    member,
    workerProgram: options.workerProgram,
    log,
    checkpoints: {
      folder: options.checkpoints,
      identity: options.identity,
      everyEpochs: asked.checkpointFrequency,
      epochsBefore: before.length,
      onResume(reported, isOver) {
        curve.push(...reported.map(numbered));
        const last = before.length + reported.length - 1;
        log(
          isOver
            ? `Network ${member + 1} was trained already, up to epoch ${last}.`
            : `Resuming from the checkpoint after epoch ${last}.`,
        );
      },
    },
    onPlan(made, pictures) {
      plan = made;
      onPlan(made);
      if (member === 0) logPlan(made, { asked, strings, pictures, log });
      if (made.members > 1) log(`Network ${member + 1} of ${made.members}, with seed ${made.seed}.`);
    },
    onBatch(report) {
      logBatch({ ...report, epoch: before.length + report.epoch }, { plan: plan!, member, curve, log });
    },
    onEpoch(report) {
      curve.push(numbered(report));
      logEpoch(curve, { plan: plan!, member, log });
    },
  });
  options.onStart(training);
  return { ...(await training.done), curve };
}

/** The models of single epochs that `checkpoint_frequency` asked for. */
export function storedModels(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^image-classification-\d+\.onnx$/.test(name));
  return names.map((name) => join(folder, name));
}
