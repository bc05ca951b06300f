import type {
  CreateProcessingJobRequest,
  CreateProcessingJobResponse,
  DescribeProcessingJobRequest,
  ListProcessingJobsRequest,
  ListProcessingJobsResponse,
  StopProcessingJobRequest,
} from "@aws-sdk/client-sagemaker";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Call, Handler } from "../../../wire/service.ts";
import { createJob } from "../create-job.ts";
import { type ListInput, listPage } from "../list-page.ts";
import { arnOf, invalid, kindOf, notSupported, parseS3Uri } from "../resource-names.ts";
import { checkLocalPath } from "./processing-folder.ts";
import {
  describeProcessingJob,
  hasEnded,
  type MonitoringOrigin,
  type ProcessingRequest,
  type StoredProcessingJob,
  summarizeProcessingJob,
} from "./processing-job.ts";
import { type ProcessingPrograms, programOf } from "./processing-program.ts";
import type { ProcessingRunner } from "./processing-runner.ts";

const kind = kindOf("processing-job");

export interface ProcessingJobHandlerOptions {
  resources: Resources;
  clock: Clock;
  programs: ProcessingPrograms;
  runner: ProcessingRunner;
}

export function processingJobHandlers(options: ProcessingJobHandlerOptions): Record<string, Handler> {
  const { resources, runner } = options;
  return {
    CreateProcessingJob: (input: CreateProcessingJobRequest, call: Call): CreateProcessingJobResponse => {
      checkRequest(input, options.programs);
      return { ProcessingJobArn: createProcessingJob(options, input, call).arn };
    },
    DescribeProcessingJob: ({ ProcessingJobName }: DescribeProcessingJobRequest, call: Call) =>
      describeProcessingJob(findJob(resources, ProcessingJobName as string, call)),
    ListProcessingJobs: (input: ListProcessingJobsRequest): ListProcessingJobsResponse => {
      const all = resources.list<StoredProcessingJob>(kind).map(({ value }) => value);
      const { page, NextToken } = listPage(all, input as ListInput, "Descending");
      return {
        ProcessingJobSummaries: page.map(summarizeProcessingJob),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    StopProcessingJob: ({ ProcessingJobName }: StopProcessingJobRequest, call: Call): object => {
      const job = findJob(resources, ProcessingJobName as string, call);
      if (hasEnded(job))
        throw invalid(`The request was rejected because the processing job is in status ${job.status}.`);
      runner.stop(job.name);
      return {};
    },
  };
}

/** Keeps a job and hands it to the runner. Its request has been checked, or is one of ours (of a monitoring schedule). */
export function createProcessingJob(
  { resources, clock, runner }: Omit<ProcessingJobHandlerOptions, "programs">,
  { Tags, ...request }: CreateProcessingJobRequest,
  origin: Pick<Call, "region" | "accountId"> & { monitoring?: MonitoringOrigin },
): StoredProcessingJob {
  const name = request.ProcessingJobName as string;
  const arn = arnOf("processing-job", name, origin);
  const nowMs = clock.now();
  const job: StoredProcessingJob = {
    name,
    arn,
    region: origin.region,
    request,
    ...(origin.monitoring === undefined ? {} : { monitoring: origin.monitoring }),
    status: "InProgress",
    createdMs: nowMs,
    modifiedMs: nowMs,
    restarts: 0,
  };
  createJob(resources, kind, { job, tags: Tags, names: "Job name", taken: "job" });
  runner.submit(job);
  return job;
}

function findJob(resources: Resources, name: string, call: Call): StoredProcessingJob {
  const found = resources.get<StoredProcessingJob>(kind, name);
  if (found === undefined) {
    throw invalid(`Could not find requested job with name: ${arnOf("processing-job", name, call)}`);
  }
  return found.value;
}

/** Refuses what would be passed over; what a local machine has no use for (roles, networks, volumes) is kept and shown. */
function checkRequest(request: ProcessingRequest, programs: ProcessingPrograms): void {
  programOf(request.AppSpecification, programs);
  const instances = request.ProcessingResources?.ClusterConfig?.InstanceCount ?? 1;
  if (instances !== 1)
    throw notSupported(`InstanceCount ${instances}: a processing job runs on this machine alone; it`);
  const inputs = request.ProcessingInputs ?? [];
  refuseRepeated("inputs", inputs.map(({ InputName }) => InputName as string)); // biome-ignore format: one thought
  for (const { InputName, AppManaged, S3Input, DatasetDefinition } of inputs) {
    const member = `The input ${InputName}`;
    if (DatasetDefinition !== undefined) throw notSupported(`${member}: DatasetDefinition (Athena, Redshift)`);
    if (S3Input === undefined) throw invalid(`${member} needs an S3Input.`);
    parseS3Uri(S3Input.S3Uri as string);
    if (AppManaged === true) continue;
    if (S3Input.S3InputMode === "Pipe") throw notSupported(`${member}: S3InputMode Pipe`);
    if (S3Input.S3CompressionType === "Gzip") throw notSupported(`${member}: S3CompressionType Gzip`);
    checkLocalPath(member, S3Input.LocalPath);
  }
  const outputs = request.ProcessingOutputConfig?.Outputs ?? [];
  refuseRepeated("outputs", outputs.map(({ OutputName }) => OutputName as string)); // biome-ignore format: one thought
  for (const { OutputName, AppManaged, S3Output, FeatureStoreOutput } of outputs) {
    const member = `The output ${OutputName}`;
    if (FeatureStoreOutput !== undefined) throw notSupported(`${member}: FeatureStoreOutput`);
    if (S3Output === undefined) throw invalid(`${member} needs an S3Output.`);
    parseS3Uri(S3Output.S3Uri as string);
    if (AppManaged !== true) checkLocalPath(member, S3Output.LocalPath);
  }
}

function refuseRepeated(what: string, names: readonly string[]): void {
  if (new Set(names).size !== names.length) throw invalid(`Two ${what} of the job have the same name.`);
}
