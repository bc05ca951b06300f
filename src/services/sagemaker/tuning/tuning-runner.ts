import { createHash } from "node:crypto";
import type {
  CreateTrainingJobRequest,
  HyperParameterTrainingJobDefinition,
  HyperParameterTuningJobConfig,
} from "@aws-sdk/client-sagemaker";
import { fallsBehind, isBelowMedian } from "../../../learn/tuning/early-stopping.ts";
import { nextConfiguration, type Strategy, type Trial } from "../../../learn/tuning/search.ts";
import { gridSize } from "../../../learn/tuning/search-space.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import { kindOf } from "../resource-names.ts";
import { isEnded, type StoredTrainingJob } from "../training-job.ts";
import {
  definitionsOf,
  type Ending,
  notImprovingSince,
  type StoredTuningJob,
  type TrialJob,
  type TuningTrial,
  trialsOf,
  turned,
  worthOf,
} from "./tuning-job.ts";
import { objectiveOf, spaceOf, trainingRequestOf } from "./tuning-request.ts";

/*
 * Starts the training jobs of tuning jobs, looks at what they report and decides what comes next.
 * T1. A trial is a training job that names its tuning job: there is no second list, so a kill at any moment starts none twice.
 * T2. What is tried next follows from the stored trials, the seed and the trial's number alone.
 */

export interface TuningRunnerOptions {
  resources: Resources;
  clock: Clock;
  /** Stores and queues the training job of a trial. */
  startTraining: (request: CreateTrainingJobRequest, job: StoredTuningJob, trial: TuningTrial) => void;
  stopTraining: (name: string) => void;
  /** Told after every change of a tuning job's status. */
  onChange: (job: StoredTuningJob) => void;
  report: (message: string, error: unknown) => void;
}

const kind = kindOf("hyper-parameter-tuning-job");
/** As on AWS: that many trials without one success end the tuning job. */
const hopelessAfter = 5;
/** Values per trial that are remembered; one is reported per epoch. */
const maxCurve = 10_000;

export class TuningRunner {
  readonly #options: TuningRunnerOptions;
  readonly #awake = new Set<string>();
  /** What running trials reported, by training job. */
  readonly #curves = new Map<string, number[]>();
  readonly #deadlines = new Map<string, () => void>();
  #isClosing = false;

  constructor(options: TuningRunnerOptions) {
    this.#options = options;
  }

  /** After a start of the server. */
  resume(): void {
    for (const { value } of this.#options.resources.list<StoredTuningJob>(kind)) {
      if (value.endedMs === undefined) this.submit(value);
    }
  }

  submit(job: StoredTuningJob): void {
    const seconds = job.request.HyperParameterTuningJobConfig?.ResourceLimits?.MaxRuntimeInSeconds;
    if (seconds !== undefined) {
      const leftMs = Math.max(0, job.createdMs + seconds * 1000 - this.#options.clock.now());
      const cancel = this.#options.clock.schedule(leftMs, () => this.#end(job.name, { status: "Completed" }));
      this.#deadlines.set(job.name, cancel);
    }
    this.#wake(job.name);
  }

  /** What runs is stopped, and keeps its model so far. */
  stop(name: string): void {
    this.#end(name, { status: "Stopped" });
  }

  close(): void {
    this.#isClosing = true;
    for (const cancel of this.#deadlines.values()) cancel();
  }

  /** A training job's status has changed. */
  onTrainingJob(job: StoredTrainingJob): void {
    if (job.tuning === undefined) return;
    const curve = this.#curves.get(job.name);
    if (isEnded(job) && curve !== undefined) {
      this.#curves.delete(job.name);
      this.#options.resources.update<TrialJob>(kindOf("training-job"), job.name, (stored) => ({
        ...stored,
        tuning: { ...stored.tuning, curve },
      }));
    }
    this.#wake(job.tuning.jobName);
  }

  /** A training job has reported a metric. */
  onMetric({ name, tuning }: StoredTrainingJob, metric: { name: string; value: number }): void {
    if (tuning === undefined || metric.name !== tuning.objective.MetricName) return;
    const curve = this.#curves.get(name) ?? [];
    this.#curves.set(name, curve);
    if (curve.length >= maxCurve) return;
    curve.push(turned(tuning.objective, metric.value));
    if (this.#mayStopEarly(tuning.jobName, name, curve)) this.#options.stopTraining(name);
  }

  #mayStopEarly(jobName: string, trialName: string, curve: readonly number[]): boolean {
    const config = this.#find(jobName)?.request.HyperParameterTuningJobConfig;
    const others = () =>
      trialsOf(this.#options.resources, jobName)
        .filter(({ name, status }) => name !== trialName && status !== "Failed")
        .map((trial) => ({ trial, curve: trial.tuning.curve ?? this.#curves.get(trial.name) ?? [] }));
    if (config?.Strategy === "Hyperband") {
      const { MinResource, MaxResource } = config.StrategyConfig?.HyperbandStrategyConfig ?? {};
      const rungs = { least: MinResource as number, most: MaxResource as number };
      return fallsBehind(
        curve,
        others().map((other) => other.curve),
        rungs,
      );
    }
    if (config?.TrainingJobEarlyStoppingType !== "Auto") return false;
    const ended = others().filter(({ trial }) => isEnded(trial));
    return isBelowMedian(
      curve,
      ended.map((other) => other.curve),
    );
  }

  /** Looks at a tuning job soon, once for all that has happened to it meanwhile. */
  #wake(name: string): void {
    if (this.#awake.has(name) || this.#isClosing) return;
    this.#awake.add(name);
    setImmediate(() => {
      this.#awake.delete(name);
      if (this.#isClosing) return;
      try {
        this.#advance(name);
      } catch (error) {
        this.#options.report(`tuning job ${name}`, error);
        this.#end(name, { status: "Failed", failureReason: `InternalServerError: ${(error as Error).message}` });
      }
    });
  }

  #advance(name: string): void {
    const job = this.#find(name);
    if (job === undefined || job.endedMs !== undefined) return;
    const trials = trialsOf(this.#options.resources, name);
    const running = trials.filter((trial) => !isEnded(trial));
    if (job.ending !== undefined) {
      for (const { name: trial, status } of running) if (status === "InProgress") this.#options.stopTraining(trial);
      if (running.length === 0) this.#finish(job, job.ending);
      return;
    }
    const ending = endingOf(job, trials);
    if (ending !== undefined) this.#end(name, ending);
    else this.#startTrials(job, trials);
  }

  #startTrials(job: StoredTuningJob, trials: readonly TrialJob[]): void {
    const config = job.request.HyperParameterTuningJobConfig as HyperParameterTuningJobConfig;
    const definitions = definitionsOf(job);
    const running = trials.filter((trial) => !isEnded(trial)).length;
    const free = (config.ResourceLimits?.MaxParallelTrainingJobs ?? 1) - running;
    const last = Math.min(trials.length + free, trialCount(job));
    const known = [...this.#parentsTrials(job), ...trials].map(trialSeen);
    for (let index = trials.length; index < last; index++) {
      // Definitions take turns: each has its share of the trials.
      const place = index % definitions.length;
      const definition = definitions[place] as HyperParameterTrainingJobDefinition;
      const space = spaceOf(config, definition);
      const tuned = nextConfiguration(
        { strategy: config.Strategy as Strategy, space, seed: job.seed + place },
        known.filter((trial) => trial.definitionName === definition.DefinitionName),
        Math.floor(index / definitions.length),
      );
      if (tuned === undefined) return;
      known.push({ definitionName: definition.DefinitionName, configuration: tuned, isRunning: true });
      const objective = objectiveOf(config, definition);
      const digest = createHash("sha256").update(`${job.arn} ${job.createdMs} ${index}`).digest("hex").slice(0, 8);
      const request = trainingRequestOf(definition, {
        name: `${job.name}-${String(index + 1).padStart(3, "0")}-${digest}`,
        tuned,
        objective,
      });
      this.#options.startTraining(request, job, {
        jobName: job.name,
        jobArn: job.arn,
        index,
        ...(definition.DefinitionName === undefined ? {} : { definitionName: definition.DefinitionName }),
        tuned,
        objective,
      });
    }
  }

  /** A warm start learns from the trials of the tuning jobs before. */
  #parentsTrials({ request }: StoredTuningJob): TrialJob[] {
    const parents = request.WarmStartConfig?.ParentHyperParameterTuningJobs ?? [];
    return parents.flatMap(({ HyperParameterTuningJobName }) =>
      trialsOf(this.#options.resources, HyperParameterTuningJobName as string),
    );
  }

  #end(name: string, ending: Ending): void {
    const status = ending.status === "Stopped" ? "Stopping" : "InProgress";
    this.#change(name, (job) => (job.ending === undefined ? { ...job, ending, status } : job));
    this.#wake(name);
  }

  #finish({ name }: StoredTuningJob, { status, failureReason }: Ending): void {
    this.#deadlines.get(name)?.();
    this.#deadlines.delete(name);
    const endedMs = this.#options.clock.now();
    this.#change(name, (job) => ({
      ...job,
      status,
      endedMs,
      ...(failureReason === undefined ? {} : { failureReason }),
    }));
  }

  #change(name: string, change: (job: StoredTuningJob) => StoredTuningJob): void {
    const modifiedMs = this.#options.clock.now();
    const changed = this.#options.resources.update<StoredTuningJob>(kind, name, (job) =>
      job.endedMs === undefined ? { ...change(job), modifiedMs } : undefined,
    );
    if (changed !== undefined) this.#options.onChange(changed.value);
  }

  #find(name: string): StoredTuningJob | undefined {
    return this.#options.resources.get<StoredTuningJob>(kind, name)?.value;
  }
}

/** How many trials a tuning job has in all. */
function trialCount(job: StoredTuningJob): number {
  const config = job.request.HyperParameterTuningJobConfig as HyperParameterTuningJobConfig;
  if (config.Strategy !== "Grid") return config.ResourceLimits?.MaxNumberOfTrainingJobs ?? 0;
  const [definition] = definitionsOf(job);
  return definition === undefined ? 0 : (gridSize(spaceOf(config, definition)) ?? 0);
}

/** Whether, and how, a tuning job is to end now. */
function endingOf(job: StoredTuningJob, trials: readonly TrialJob[]): Ending | undefined {
  const ended = trials.filter(isEnded);
  const worths = ended.map(worthOf).filter((worth) => worth !== undefined);
  const allEnded = ended.length === trials.length && trials.length >= trialCount(job);
  if (worths.length === 0 && (ended.length >= hopelessAfter || allEnded)) {
    return {
      status: "Failed",
      failureReason: `No training job succeeded after ${ended.length} attempts. For additional details, please take a look at the training job failures by listing training jobs for the hyperparameter tuning job.`,
    };
  }
  if (allEnded) return { status: "Completed" };
  const { TargetObjectiveMetricValue: target, BestObjectiveNotImproving } =
    job.request.HyperParameterTuningJobConfig?.TuningJobCompletionCriteria ?? {};
  const isReached =
    target !== undefined &&
    ended.some((trial) => (worthOf(trial) ?? Number.NEGATIVE_INFINITY) >= turned(trial.tuning.objective, target));
  const patience = BestObjectiveNotImproving?.MaxNumberOfTrainingJobsNotImproving;
  const isStuck = patience !== undefined && notImprovingSince(trials) >= patience;
  return isReached || isStuck ? { status: "Completed" } : undefined;
}

function trialSeen(trial: TrialJob): Trial & { definitionName: string | undefined } {
  const value = worthOf(trial);
  return {
    definitionName: trial.tuning.definitionName,
    configuration: trial.tuning.tuned,
    ...(value === undefined ? {} : { value }),
    isRunning: !isEnded(trial),
  };
}
