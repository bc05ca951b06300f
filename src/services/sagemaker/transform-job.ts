import type {
  CreateTransformJobRequest,
  DescribeTransformJobResponse,
  TransformJobStatus,
  TransformJobSummary,
} from "@aws-sdk/client-sagemaker";
import type { ModelSource } from "./model-source.ts";

/** A batch transform as it is kept: what was asked, the model it began with, and what became of it. */
export interface StoredTransformJob {
  name: string;
  arn: string;
  request: Omit<CreateTransformJobRequest, "Tags">;
  source: ModelSource;
  status: TransformJobStatus;
  createdMs: number;
  modifiedMs: number;
  startedMs?: number;
  endedMs?: number;
  failureReason?: string;
}

export function hasEnded({ status }: StoredTransformJob): boolean {
  return status === "Completed" || status === "Failed" || status === "Stopped";
}

export function describeTransformJob(job: StoredTransformJob): DescribeTransformJobResponse {
  const { request } = job;
  const { TransformInput, TransformOutput } = request;
  return {
    ...request,
    TransformInput: { CompressionType: "None", SplitType: "None", ...TransformInput },
    TransformOutput: { AssembleWith: "None", KmsKeyId: "", ...TransformOutput },
    TransformJobArn: job.arn,
    TransformJobStatus: job.status,
    ...(job.failureReason === undefined ? {} : { FailureReason: job.failureReason }),
    CreationTime: new Date(job.createdMs),
    ...(job.startedMs === undefined ? {} : { TransformStartTime: new Date(job.startedMs) }),
    ...(job.endedMs === undefined ? {} : { TransformEndTime: new Date(job.endedMs) }),
    DataProcessing: { InputFilter: "$", OutputFilter: "$", JoinSource: "None", ...request.DataProcessing },
  } as DescribeTransformJobResponse;
}

export function summarizeTransformJob(job: StoredTransformJob): TransformJobSummary {
  return {
    TransformJobName: job.name,
    TransformJobArn: job.arn,
    CreationTime: new Date(job.createdMs),
    ...(job.endedMs === undefined ? {} : { TransformEndTime: new Date(job.endedMs) }),
    LastModifiedTime: new Date(job.modifiedMs),
    TransformJobStatus: job.status,
    ...(job.failureReason === undefined ? {} : { FailureReason: job.failureReason }),
  };
}
