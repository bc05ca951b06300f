import type {
  AlgorithmSpecification,
  CreateTrainingJobRequest,
  CreateTrainingJobResponse,
  DescribeTrainingJobRequest,
  DescribeTrainingJobResponse,
  ListTrainingJobsRequest,
  ListTrainingJobsResponse,
  StopTrainingJobRequest,
} from "@aws-sdk/client-sagemaker";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { createJob } from "./create-job.ts";
import { type ListInput, listPage } from "./list-page.ts";
import { arnOf, invalid, kindOf } from "./resource-names.ts";
import type { Algorithms } from "./training-algorithm.ts";
import { coresOfJob, type TrainingCapacity } from "./training-capacity.ts";
import { describeTrainingJob, isEnded, type StoredTrainingJob, withStage } from "./training-job.ts";
import { trainingJobChangeHandlers } from "./training-job-changes.ts";
import { checkTrainingRequest } from "./training-request.ts";
import type { TrainingRunner } from "./training-runner.ts";
import type { TuningTrial } from "./tuning/tuning-job.ts";

const kind = kindOf("training-job");

export interface TrainingJobHandlerOptions {
  resources: Resources;
  clock: Clock;
  algorithms: Algorithms;
  runner: TrainingRunner;
  capacity: TrainingCapacity;
}

export function trainingJobHandlers(options: TrainingJobHandlerOptions): Record<string, Handler> {
  const { resources, clock, runner } = options;
  return {
    CreateTrainingJob: (input: CreateTrainingJobRequest, call: Call) => createTrainingJob(options, input, call),
    DescribeTrainingJob: ({ TrainingJobName }: DescribeTrainingJobRequest): DescribeTrainingJobResponse => {
      const job = findTrainingJob(resources, TrainingJobName as string);
      return describeTrainingJob({ ...job, metrics: runner.metricsOf(job.name) ?? job.metrics }, clock.now());
    },
    ListTrainingJobs: (input: ListTrainingJobsRequest) => listTrainingJobs(resources, input),
    StopTrainingJob: ({ TrainingJobName }: StopTrainingJobRequest): object => {
      const job = findTrainingJob(resources, TrainingJobName as string);
      if (isEnded(job)) throw invalid(`The request was rejected because the training job is in status ${job.status}.`);
      runner.stop(job.name);
      return {};
    },
    ...trainingJobChangeHandlers(resources, clock),
  };
}

/** `tuning` is of a job that a tuning job starts, and `atOnce` how many such jobs that runs side by side. */
export function createTrainingJob(
  { resources, clock, algorithms, runner, capacity }: TrainingJobHandlerOptions,
  { Tags, ...request }: CreateTrainingJobRequest,
  call: Pick<Call, "region" | "accountId">,
  { tuning, atOnce }: { tuning?: TuningTrial; atOnce?: number } = {},
): CreateTrainingJobResponse {
  const name = request.TrainingJobName as string;
  const { metricDefinitions } = checkTrainingRequest(request, algorithms);
  const arn = arnOf("training-job", name, call);
  const nowMs = clock.now();
  const created: StoredTrainingJob = {
    name,
    arn,
    region: call.region,
    accountId: call.accountId,
    request: {
      ...request,
      // As AWS shows those of its own algorithms; the SDK's analytics look the metrics up here.
      AlgorithmSpecification: {
        ...(request.AlgorithmSpecification as AlgorithmSpecification),
        MetricDefinitions: metricDefinitions.map(({ name: Name, regex: Regex }) => ({ Name, Regex })),
      },
    },
    status: "InProgress",
    transitions: [],
    createdMs: nowMs,
    modifiedMs: nowMs,
    metrics: [],
    cores: coresOfJob(capacity, { workers: request.HyperParameters?.["workers"], atOnce }),
    ...(tuning === undefined ? {} : { tuning }),
    restarts: 0,
  };
  const job = withStage(created, { secondary: "Starting", message: "Starting the training job" }, nowMs);
  createJob(resources, kind, { job, tags: Tags, names: "Training job names", taken: "training job" });
  runner.submit(job);
  return { TrainingJobArn: arn };
}

function listTrainingJobs(resources: Resources, input: ListTrainingJobsRequest): ListTrainingJobsResponse {
  const all = resources.list<StoredTrainingJob>(kind).map(({ value }) => value);
  const { page, NextToken } = listPage(all, input as ListInput, "Ascending");
  return {
    TrainingJobSummaries: page.map((job) => ({
      TrainingJobName: job.name,
      TrainingJobArn: job.arn,
      CreationTime: new Date(job.createdMs),
      LastModifiedTime: new Date(job.modifiedMs),
      ...(job.endedMs === undefined ? {} : { TrainingEndTime: new Date(job.endedMs) }),
      TrainingJobStatus: job.status,
      SecondaryStatus: job.transitions.at(-1)?.status,
    })),
    ...(NextToken === undefined ? {} : { NextToken }),
  };
}

function findTrainingJob(resources: Resources, name: string): StoredTrainingJob {
  const found = resources.get<StoredTrainingJob>(kind, name);
  if (found === undefined) throw invalid("Requested resource not found.");
  return found.value;
}
