import type {
  CreateHyperParameterTuningJobRequest,
  CreateHyperParameterTuningJobResponse,
  CreateTrainingJobRequest,
  DescribeHyperParameterTuningJobRequest,
  DescribeHyperParameterTuningJobResponse,
  HyperParameterTuningJobConfig,
  ListHyperParameterTuningJobsRequest,
  ListHyperParameterTuningJobsResponse,
  ListTrainingJobsForHyperParameterTuningJobRequest,
  ListTrainingJobsForHyperParameterTuningJobResponse,
  StopHyperParameterTuningJobRequest,
} from "@aws-sdk/client-sagemaker";
import { Fault } from "../../../kit/fault.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Call, Handler } from "../../../wire/service.ts";
import { createJob } from "../create-job.ts";
import { type ListInput, listPage } from "../list-page.ts";
import { arnOf, invalid, kindOf } from "../resource-names.ts";
import type { Algorithms } from "../training-algorithm.ts";
import {
  bestOf,
  countersOf,
  describeTuningJob,
  objectiveOf,
  type StoredTuningJob,
  summaryOf,
  trialsOf,
} from "./tuning-job.ts";
import { checkTuningRequest, withMetricDefinitions } from "./tuning-request.ts";
import type { TuningRunner } from "./tuning-runner.ts";

const word = "hyper-parameter-tuning-job";
const kind = kindOf(word);

export interface TuningJobHandlerOptions {
  resources: Resources;
  clock: Clock;
  algorithms: Algorithms;
  runner: TuningRunner;
  /** Throws what CreateTrainingJob would answer. */
  checkTraining: (request: CreateTrainingJobRequest) => void;
}

export function tuningJobHandlers(options: TuningJobHandlerOptions): Record<string, Handler> {
  const { resources, runner } = options;
  return {
    CreateHyperParameterTuningJob: (input: CreateHyperParameterTuningJobRequest, call: Call) =>
      createTuningJob(options, input, call),
    DescribeHyperParameterTuningJob: (input: DescribeHyperParameterTuningJobRequest) => describe(resources, input),
    ListHyperParameterTuningJobs: (input: ListHyperParameterTuningJobsRequest) => listTuningJobs(resources, input),
    ListTrainingJobsForHyperParameterTuningJob: (input: ListTrainingJobsForHyperParameterTuningJobRequest) =>
      listTrials(resources, input),
    StopHyperParameterTuningJob: ({ HyperParameterTuningJobName }: StopHyperParameterTuningJobRequest): object => {
      const job = findTuningJob(resources, HyperParameterTuningJobName as string);
      if (job.endedMs !== undefined) {
        throw invalid(`The request was rejected because the hyperparameter tuning job is in status ${job.status}.`);
      }
      runner.stop(job.name);
      return {};
    },
  };
}

function createTuningJob(
  { resources, clock, algorithms, runner, checkTraining }: TuningJobHandlerOptions,
  { Tags, ...request }: CreateHyperParameterTuningJobRequest,
  call: Call,
): CreateHyperParameterTuningJobResponse {
  const name = request.HyperParameterTuningJobName as string;
  checkTuningRequest(request, checkTraining, algorithms);
  for (const parent of request.WarmStartConfig?.ParentHyperParameterTuningJobs ?? []) {
    const { endedMs, name: parentName } = findTuningJob(resources, parent.HyperParameterTuningJobName as string);
    if (endedMs === undefined) throw invalid(`The parent hyperparameter tuning job "${parentName}" has not ended.`);
  }
  const arn = arnOf(word, name, call);
  const nowMs = clock.now();
  const { RandomSeed } = request.HyperParameterTuningJobConfig as HyperParameterTuningJobConfig;
  const job: StoredTuningJob = {
    name,
    arn,
    region: call.region,
    accountId: call.accountId,
    request: withMetricDefinitions(request, algorithms),
    seed: RandomSeed ?? Math.floor(clock.random() * 2 ** 31),
    status: "InProgress",
    createdMs: nowMs,
    modifiedMs: nowMs,
  };
  createJob(resources, kind, {
    job,
    tags: Tags,
    names: "Hyperparameter tuning job names",
    taken: "hyperparameter tuning job",
  });
  runner.submit(job);
  return { HyperParameterTuningJobArn: arn };
}

function describe(
  resources: Resources,
  { HyperParameterTuningJobName }: DescribeHyperParameterTuningJobRequest,
): DescribeHyperParameterTuningJobResponse {
  const job = findTuningJob(resources, HyperParameterTuningJobName as string);
  const trials = trialsOf(resources, job.name);
  const warmStart = job.request.WarmStartConfig;
  const described = describeTuningJob(job, trials);
  if (warmStart?.WarmStartType !== "IdenticalDataAndAlgorithm") return described;
  const before = (warmStart.ParentHyperParameterTuningJobs ?? []).flatMap((parent) =>
    trialsOf(resources, parent.HyperParameterTuningJobName as string),
  );
  const best = bestOf([...before, ...trials]);
  if (best === undefined) return described;
  return { ...described, OverallBestTrainingJob: { ...summaryOf(best), TuningJobName: best.tuning.jobName } };
}

function listTuningJobs(
  resources: Resources,
  input: ListHyperParameterTuningJobsRequest,
): ListHyperParameterTuningJobsResponse {
  const all = resources.list<StoredTuningJob>(kind).map(({ value }) => value);
  const { page, NextToken } = listPage(all, input as ListInput, "Ascending");
  return {
    HyperParameterTuningJobSummaries: page.map((job) => ({
      HyperParameterTuningJobName: job.name,
      HyperParameterTuningJobArn: job.arn,
      HyperParameterTuningJobStatus: job.status,
      Strategy: job.request.HyperParameterTuningJobConfig?.Strategy,
      CreationTime: new Date(job.createdMs),
      LastModifiedTime: new Date(job.modifiedMs),
      ...(job.endedMs === undefined ? {} : { HyperParameterTuningEndTime: new Date(job.endedMs) }),
      ...countersOf(trialsOf(resources, job.name)),
      ResourceLimits: job.request.HyperParameterTuningJobConfig?.ResourceLimits,
    })),
    ...(NextToken === undefined ? {} : { NextToken }),
  };
}

function listTrials(
  resources: Resources,
  { HyperParameterTuningJobName, ...input }: ListTrainingJobsForHyperParameterTuningJobRequest,
): ListTrainingJobsForHyperParameterTuningJobResponse {
  const { name } = findTuningJob(resources, HyperParameterTuningJobName as string);
  const all = trialsOf(resources, name).map((trial) => ({ ...trial, objective: objectiveOf(trial) }));
  const { page, NextToken } = listPage(all, input as ListInput, "Ascending");
  return {
    TrainingJobSummaries: page.map(summaryOf),
    ...(NextToken === undefined ? {} : { NextToken }),
  };
}

function findTuningJob(resources: Resources, name: string): StoredTuningJob {
  const found = resources.get<StoredTuningJob>(kind, name);
  if (found === undefined) {
    // The sentence is a guess: it was never recorded.
    throw new Fault("ResourceNotFound", `Amazon SageMaker can't find a tuning job with the name ${name}.`);
  }
  return found.value;
}
