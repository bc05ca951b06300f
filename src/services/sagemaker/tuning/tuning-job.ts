import type {
  CreateHyperParameterTuningJobRequest,
  DescribeHyperParameterTuningJobResponse,
  HyperParameterTrainingJobDefinition,
  HyperParameterTrainingJobSummary,
  HyperParameterTuningJobObjective,
  HyperParameterTuningJobStatus,
  ObjectiveStatus,
} from "@aws-sdk/client-sagemaker";
import type { Resources } from "../../../ports/resources.ts";
import { kindOf } from "../resource-names.ts";
import { isEnded, type StoredTrainingJob } from "../training-job.ts";
import { shownDefinition } from "./tuning-request.ts";

/** A tuning job as it is kept; its trials are the training jobs that name it. Times are milliseconds. */
export interface StoredTuningJob {
  name: string;
  arn: string;
  region: string;
  accountId: string;
  request: Omit<CreateHyperParameterTuningJobRequest, "Tags">;
  /** What its searches draw from. */
  seed: number;
  status: HyperParameterTuningJobStatus;
  /** Present when nothing more is started though it has not ended: by what it is then. */
  ending?: Ending;
  createdMs: number;
  modifiedMs: number;
  endedMs?: number;
  failureReason?: string;
}

export interface Ending {
  status: Extract<HyperParameterTuningJobStatus, "Completed" | "Stopped" | "Failed">;
  failureReason?: string;
}

/** What a training job knows of the tuning job that started it. */
export interface TuningTrial {
  jobName: string;
  jobArn: string;
  index: number;
  definitionName?: string;
  /** The hyperparameters that were chosen. */
  tuned: Readonly<Record<string, string>>;
  objective: HyperParameterTuningJobObjective;
  /** The objective each time it was reported, kept when the job ends. */
  curve?: number[];
}

export type TrialJob = StoredTrainingJob & { tuning: TuningTrial };

export function definitionsOf({ request }: StoredTuningJob): HyperParameterTrainingJobDefinition[] {
  const one = request.TrainingJobDefinition;
  return one === undefined ? (request.TrainingJobDefinitions ?? []) : [one];
}

/** The training jobs of a tuning job, in the order in which they were started. */
export function trialsOf(resources: Resources, name: string): TrialJob[] {
  return resources
    .list<StoredTrainingJob>(kindOf("training-job"), { prefix: `${name}-` })
    .map(({ value }) => value)
    .filter((job): job is TrialJob => job.tuning?.jobName === name)
    .sort((a, b) => a.tuning.index - b.tuning.index);
}

/** What the objective was at the end, as it was reported. */
export function objectiveOf(trial: TrialJob): number | undefined {
  return trial.metrics.find(({ name }) => name === trial.tuning.objective.MetricName)?.value;
}

/** The objective of an ended trial, turned so that more is better. */
export function worthOf(trial: TrialJob): number | undefined {
  const value = isEnded(trial) && trial.status !== "Failed" ? objectiveOf(trial) : undefined;
  return value === undefined ? undefined : turned(trial.tuning.objective, value);
}

export function turned({ Type }: HyperParameterTuningJobObjective, value: number): number {
  return Type === "Minimize" ? -value : value;
}

export function bestOf(trials: readonly TrialJob[]): TrialJob | undefined {
  let best: { trial: TrialJob; worth: number } | undefined;
  for (const trial of trials) {
    const worth = worthOf(trial);
    if (worth !== undefined && (best === undefined || worth > best.worth)) best = { trial, worth };
  }
  return best?.trial;
}

export function describeTuningJob(
  job: StoredTuningJob,
  trials: readonly TrialJob[],
): DescribeHyperParameterTuningJobResponse {
  const best = bestOf(trials);
  const times = job.endedMs === undefined ? {} : { HyperParameterTuningEndTime: new Date(job.endedMs) };
  const seconds = trials.reduce((sum, trial) => sum + runtimeSeconds(trial), 0);
  const {
    TrainingJobDefinition: one,
    TrainingJobDefinitions: several,
    HyperParameterTuningJobConfig: config,
  } = job.request;
  return {
    ...job.request,
    ...(one && { TrainingJobDefinition: shownDefinition(config, one) }),
    ...(several && { TrainingJobDefinitions: several.map((definition) => shownDefinition(config, definition)) }),
    HyperParameterTuningJobName: job.name,
    HyperParameterTuningJobArn: job.arn,
    HyperParameterTuningJobConfig: config,
    HyperParameterTuningJobStatus: job.status,
    CreationTime: new Date(job.createdMs),
    LastModifiedTime: new Date(job.modifiedMs),
    ...times,
    ...countersOf(trials),
    ...(best === undefined ? {} : { BestTrainingJob: summaryOf(best) }),
    ...(job.failureReason === undefined ? {} : { FailureReason: job.failureReason }),
    TuningJobCompletionDetails: { NumberOfTrainingJobsObjectiveNotImproving: notImprovingSince(trials) },
    ConsumedResources: { RuntimeInSeconds: seconds },
  };
}

export function countersOf(trials: readonly TrialJob[]) {
  const count = (matches: (trial: TrialJob) => boolean) => trials.filter(matches).length;
  return {
    TrainingJobStatusCounters: {
      Completed: count(({ status }) => status === "Completed"),
      InProgress: count((trial) => !isEnded(trial)),
      RetryableError: 0,
      NonRetryableError: count(({ status }) => status === "Failed"),
      Stopped: count(({ status }) => status === "Stopped"),
    },
    ObjectiveStatusCounters: {
      Succeeded: count((trial) => objectiveStatusOf(trial) === "Succeeded"),
      Pending: count((trial) => objectiveStatusOf(trial) === "Pending"),
      Failed: count((trial) => objectiveStatusOf(trial) === "Failed"),
    },
  };
}

/** How many trials ended since the best one did. */
export function notImprovingSince(trials: readonly TrialJob[]): number {
  const ended = trials.filter(isEnded).sort((a, b) => (a.endedMs as number) - (b.endedMs as number));
  const best = bestOf(ended);
  return best === undefined ? 0 : ended.length - 1 - ended.indexOf(best);
}

export function summaryOf(trial: TrialJob): HyperParameterTrainingJobSummary {
  const { tuning, startedMs, endedMs, failureReason } = trial;
  const value = isEnded(trial) ? objectiveOf(trial) : undefined;
  const { Type, MetricName } = tuning.objective;
  return {
    ...(tuning.definitionName === undefined ? {} : { TrainingJobDefinitionName: tuning.definitionName }),
    TrainingJobName: trial.name,
    TrainingJobArn: trial.arn,
    CreationTime: new Date(trial.createdMs),
    ...(startedMs === undefined ? {} : { TrainingStartTime: new Date(startedMs) }),
    ...(endedMs === undefined ? {} : { TrainingEndTime: new Date(endedMs) }),
    TrainingJobStatus: trial.status,
    TunedHyperParameters: tuning.tuned,
    ...(failureReason === undefined ? {} : { FailureReason: failureReason }),
    ...(value === undefined ? {} : { FinalHyperParameterTuningJobObjectiveMetric: { Type, MetricName, Value: value } }),
    ObjectiveStatus: objectiveStatusOf(trial),
  };
}

function objectiveStatusOf(trial: TrialJob): ObjectiveStatus {
  if (!isEnded(trial)) return "Pending";
  return worthOf(trial) === undefined ? "Failed" : "Succeeded";
}

function runtimeSeconds({ startedMs, endedMs }: TrialJob): number {
  return startedMs === undefined || endedMs === undefined ? 0 : Math.max(1, Math.round((endedMs - startedMs) / 1000));
}
