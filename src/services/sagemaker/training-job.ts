import type {
  CreateTrainingJobRequest,
  DescribeTrainingJobResponse,
  MetricData,
  SecondaryStatus,
  TrainingJobStatus,
} from "@aws-sdk/client-sagemaker";
import type { TuningTrial } from "./tuning/tuning-job.ts";

/** A training job as it is kept: what was asked, and what became of it. Times are milliseconds. */
export interface StoredTrainingJob {
  name: string;
  arn: string;
  region: string;
  accountId: string;
  request: Omit<CreateTrainingJobRequest, "Tags">;
  status: TrainingJobStatus;
  transitions: Transition[];
  createdMs: number;
  modifiedMs: number;
  startedMs?: number;
  endedMs?: number;
  failureReason?: string;
  metrics: StoredMetric[];
  artifact?: string;
  /** Of a job that a tuning job started. */
  tuning?: TuningTrial;
  /** What it may use of the machine (`training-capacity.ts`). */
  cores: number;
  /** How often a restart of the server began it again. */
  restarts: number;
  /** How often it was tried again as its RetryStrategy says; absent: never. */
  retries?: number;
  /** How long its program has run, noted while it runs: MaxRuntimeInSeconds is of all attempts together. */
  ranMs?: number;
}

interface Transition {
  status: SecondaryStatus;
  message: string;
  startedMs: number;
  endedMs?: number;
}

export interface StoredMetric {
  name: string;
  value: number;
  atMs: number;
}

export function isEnded({ status }: StoredTrainingJob): boolean {
  return status === "Completed" || status === "Failed" || status === "Stopped";
}

export interface StageChange {
  secondary: SecondaryStatus;
  message: string;
  status?: TrainingJobStatus;
  failureReason?: string;
}

const startedBy: readonly SecondaryStatus[] = ["Downloading", "Training"];

/** The job with one more line in its SecondaryStatusTransitions. */
export function withStage(job: StoredTrainingJob, change: StageChange, nowMs: number): StoredTrainingJob {
  const { secondary, message, failureReason } = change;
  const status = change.status ?? job.status;
  const before = job.transitions.map((transition, i) =>
    i === job.transitions.length - 1 ? { ...transition, endedMs: nowMs } : transition,
  );
  const last: Transition = { status: secondary, message, startedMs: nowMs };
  const changed: StoredTrainingJob = {
    ...job,
    status,
    modifiedMs: nowMs,
    transitions: [...before, last],
    ...(failureReason === undefined ? {} : { failureReason }),
    ...(startedBy.includes(secondary) && job.startedMs === undefined ? { startedMs: nowMs } : {}),
  };
  if (isEnded(changed)) {
    last.endedMs = nowMs;
    changed.endedMs = nowMs;
  }
  return changed;
}

export function describeTrainingJob(job: StoredTrainingJob, nowMs: number): DescribeTrainingJobResponse {
  const { request, startedMs, endedMs } = job;
  const seconds =
    startedMs === undefined ? undefined : Math.max(1, Math.round(((endedMs ?? nowMs) - startedMs) / 1000));
  return {
    ...request,
    OutputDataConfig: { KmsKeyId: "", ...request.OutputDataConfig },
    TrainingJobArn: job.arn,
    ...(job.tuning === undefined ? {} : { TuningJobArn: job.tuning.jobArn }),
    TrainingJobStatus: job.status,
    SecondaryStatus: job.transitions.at(-1)?.status,
    SecondaryStatusTransitions: job.transitions.map((transition) => ({
      Status: transition.status,
      StartTime: new Date(transition.startedMs),
      ...(transition.endedMs === undefined ? {} : { EndTime: new Date(transition.endedMs) }),
      StatusMessage: transition.message,
    })),
    CreationTime: new Date(job.createdMs),
    LastModifiedTime: new Date(job.modifiedMs),
    ...(startedMs === undefined ? {} : { TrainingStartTime: new Date(startedMs) }),
    ...(endedMs === undefined ? {} : { TrainingEndTime: new Date(endedMs) }),
    ...(seconds === undefined ? {} : { TrainingTimeInSeconds: seconds, BillableTimeInSeconds: seconds }),
    ...(job.failureReason === undefined ? {} : { FailureReason: job.failureReason }),
    ...(job.artifact === undefined ? {} : { ModelArtifacts: { S3ModelArtifacts: job.artifact } }),
    ...(job.metrics.length === 0 ? {} : { FinalMetricDataList: job.metrics.map(metricData) }),
    EnableNetworkIsolation: request.EnableNetworkIsolation ?? false,
    EnableInterContainerTrafficEncryption: request.EnableInterContainerTrafficEncryption ?? false,
    EnableManagedSpotTraining: request.EnableManagedSpotTraining ?? false,
  } as DescribeTrainingJobResponse;
}

function metricData({ name, value, atMs }: StoredMetric): MetricData {
  return { MetricName: name, Value: value, Timestamp: new Date(atMs) };
}
