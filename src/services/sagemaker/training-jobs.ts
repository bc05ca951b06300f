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
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { type ListInput, listPage } from "./list-page.ts";
import { arnOf, invalid, kindOf, notSupported, parseS3Uri } from "./resource-names.ts";
import { addTags } from "./tags.ts";
import { type Algorithms, algorithmOf, type TrainingAlgorithm } from "./training-algorithm.ts";
import { checkCheckpointConfig } from "./training-checkpoints.ts";
import { describeTrainingJob, isEnded, type StoredTrainingJob, withStage } from "./training-job.ts";
import { trainingJobChangeHandlers } from "./training-job-changes.ts";
import type { TrainingRunner } from "./training-runner.ts";
import type { TuningTrial } from "./tuning/tuning-job.ts";

const kind = kindOf("training-job");

export interface TrainingJobHandlerOptions {
  resources: Resources;
  clock: Clock;
  algorithms: Algorithms;
  runner: TrainingRunner;
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

/** `tuning` is of a job that a tuning job starts. */
export function createTrainingJob(
  { resources, clock, algorithms, runner }: TrainingJobHandlerOptions,
  { Tags, ...request }: CreateTrainingJobRequest,
  call: Pick<Call, "region" | "accountId">,
  tuning?: TuningTrial,
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
    ...(tuning === undefined ? {} : { tuning }),
    restarts: 0,
  };
  const job = withStage(created, { secondary: "Starting", message: "Starting the training job" }, nowMs);
  resources.transaction(() => {
    if (!resources.create(kind, name, job)) {
      throw new Fault(
        "ResourceInUse",
        `Training job names must be unique within an AWS account and region, and a training job with this name already exists (${arn})`,
      );
    }
    addTags(resources, arn, Tags ?? []);
  });
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

/** Refuses what would be passed over; what a local machine has no use for (roles, networks, volumes) is kept and shown. */
export function checkTrainingRequest(
  request: Omit<CreateTrainingJobRequest, "Tags">,
  algorithms: Algorithms,
): TrainingAlgorithm {
  const algorithm = algorithmOf(request, algorithms);
  parseS3Uri(request.OutputDataConfig?.S3OutputPath as string);
  checkCheckpointConfig(request.CheckpointConfig);
  const instances = request.ResourceConfig?.InstanceCount ?? 1;
  if (instances !== 1) throw notSupported(`InstanceCount ${instances}: a training job runs on this machine alone; it`);
  const channels = request.InputDataConfig ?? [];
  const names = channels.map(({ ChannelName }) => ChannelName as string);
  if (new Set(names).size !== names.length) throw invalid("Two channels of InputDataConfig have the same ChannelName.");
  for (const { ChannelName, DataSource, CompressionType, InputMode } of channels) {
    const source = DataSource?.S3DataSource;
    if (source === undefined) throw notSupported(`Channel ${ChannelName}: a DataSource other than S3DataSource`);
    if (source.S3DataType !== "S3Prefix") throw notSupported(`Channel ${ChannelName}: S3DataType ${source.S3DataType}`);
    if (CompressionType === "Gzip") throw notSupported(`Channel ${ChannelName}: CompressionType Gzip`);
    if (InputMode === "Pipe") throw notSupported(`Channel ${ChannelName}: InputMode Pipe`);
    parseS3Uri(source.S3Uri as string);
    if (ChannelName === "." || ChannelName === "..") throw invalid(`"${ChannelName}" is no name for a channel.`);
  }
  if (request.AlgorithmSpecification?.TrainingInputMode === "Pipe") throw notSupported("TrainingInputMode Pipe");
  return algorithm;
}
