import type {
  CreateTransformJobRequest,
  CreateTransformJobResponse,
  DescribeTransformJobRequest,
  ListTransformJobsRequest,
  ListTransformJobsResponse,
  StopTransformJobRequest,
} from "@aws-sdk/client-sagemaker";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { createJob } from "./create-job.ts";
import { type ListInput, listPage } from "./list-page.ts";
import { sourceOf } from "./model-source.ts";
import { findModel } from "./models.ts";
import { arnOf, invalid, kindOf, parseS3Uri } from "./resource-names.ts";
import { describeTransformJob, hasEnded, type StoredTransformJob, summarizeTransformJob } from "./transform-job.ts";
import { looksAtRecords, maxMegabytesAtOnce, processingOf } from "./transform-records.ts";
import type { TransformRunner } from "./transform-runner.ts";

const kind = kindOf("transform-job");

export interface TransformJobHandlerOptions {
  resources: Resources;
  clock: Clock;
  runner: TransformRunner;
}

export function transformJobHandlers(options: TransformJobHandlerOptions): Record<string, Handler> {
  const { resources, runner } = options;
  return {
    CreateTransformJob: (input: CreateTransformJobRequest, call: Call) => createTransformJob(options, input, call),
    DescribeTransformJob: ({ TransformJobName }: DescribeTransformJobRequest) =>
      describeTransformJob(findTransformJob(resources, TransformJobName as string)),
    ListTransformJobs: (input: ListTransformJobsRequest): ListTransformJobsResponse => {
      const all = resources.list<StoredTransformJob>(kind).map(({ value }) => value);
      const { page, NextToken } = listPage(all, input as ListInput, "Descending");
      return {
        TransformJobSummaries: page.map(summarizeTransformJob),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    StopTransformJob: ({ TransformJobName }: StopTransformJobRequest): object => {
      const job = findTransformJob(resources, TransformJobName as string);
      if (hasEnded(job))
        throw invalid(`The request was rejected because the transform job is in status ${job.status}.`);
      runner.stop(job.name);
      return {};
    },
  };
}

function createTransformJob(
  { resources, clock, runner }: TransformJobHandlerOptions,
  { Tags, ...request }: CreateTransformJobRequest,
  call: Call,
): CreateTransformJobResponse {
  const name = request.TransformJobName as string;
  checkRequest(request);
  const { container } = findModel(resources, request.ModelName as string, call);
  const arn = arnOf("transform-job", name, call);
  const nowMs = clock.now();
  const source = sourceOf(container, `${clock.uuid()}/0`);
  const job: StoredTransformJob = {
    name,
    arn,
    request,
    source,
    status: "InProgress",
    createdMs: nowMs,
    modifiedMs: nowMs,
  };
  createJob(resources, kind, { job, tags: Tags, names: "Job name", taken: "job" });
  runner.submit(job);
  return { TransformJobArn: arn };
}

function findTransformJob(resources: Resources, name: string): StoredTransformJob {
  const found = resources.get<StoredTransformJob>(kind, name);
  if (found === undefined) throw invalid("Requested resource not found.");
  return found.value;
}

/** AWS's texts for these were never recorded. */
function checkRequest(request: Omit<CreateTransformJobRequest, "Tags">): void {
  const { TransformInput: input, TransformOutput: output, DataCaptureConfig: capture } = request;
  const source = input?.DataSource?.S3DataSource;
  if (source === undefined) throw invalid("TransformInput needs a DataSource.S3DataSource.");
  if (source.S3DataType !== "S3Prefix" && source.S3DataType !== "ManifestFile") {
    throw invalid(`S3DataType ${source.S3DataType} is none of S3Prefix, ManifestFile.`);
  }
  parseS3Uri(source.S3Uri as string);
  parseS3Uri(output?.S3OutputPath as string);
  if (capture !== undefined) parseS3Uri(capture.DestinationS3Uri as string);
  const split = input?.SplitType ?? "None";
  if (request.BatchStrategy === "MultiRecord" && split === "None") {
    throw invalid("BatchStrategy MultiRecord needs a SplitType.");
  }
  const concurrency = request.MaxConcurrentTransforms ?? 0;
  const megabytes = request.MaxPayloadInMB ?? 6;
  if (megabytes > maxMegabytesAtOnce) throw invalid("MaxPayloadInMB must be at most 100.");
  if (concurrency * megabytes > maxMegabytesAtOnce) {
    throw invalid("MaxConcurrentTransforms * MaxPayloadInMB must not exceed 100 MB.");
  }
  const processing = processingOf(request);
  if (!looksAtRecords(processing)) return;
  if (split === "RecordIO" || split === "TFRecord") {
    throw invalid(`DataProcessing looks at lines and whole objects, not at records of SplitType ${split}.`);
  }
  if (processing.form === "bytes") {
    throw invalid("DataProcessing needs a ContentType of text/csv, application/json or application/jsonlines.");
  }
  if (processing.isJoined && input?.ContentType !== output?.Accept) {
    throw invalid("To join, TransformInput.ContentType and TransformOutput.Accept must be the same.");
  }
  if (processing.isJoined && split !== (output?.AssembleWith ?? "None")) {
    throw invalid("To join, TransformInput.SplitType and TransformOutput.AssembleWith must be the same.");
  }
}
