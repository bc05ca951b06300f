import type {
  CreateProcessingJobRequest,
  DescribeProcessingJobResponse,
  ProcessingJobStatus,
  ProcessingJobSummary,
} from "@aws-sdk/client-sagemaker";

export type ProcessingRequest = Omit<CreateProcessingJobRequest, "Tags">;

/** A processing job as it is kept: what was asked, and what became of it. */
export interface StoredProcessingJob {
  name: string;
  arn: string;
  region: string;
  request: ProcessingRequest;
  /** Of a job that a monitoring schedule began. */
  monitoring?: MonitoringOrigin;
  status: ProcessingJobStatus;
  createdMs: number;
  modifiedMs: number;
  startedMs?: number;
  endedMs?: number;
  /** What the program left in `/opt/ml/output/message`. */
  exitMessage?: string;
  failureReason?: string;
  /** How often a restart of the server began it again. */
  restarts: number;
}

export interface MonitoringOrigin {
  scheduleArn: string;
  executionName: string;
}

/** As AWS limits a job that names no limit. */
const defaultMaxRuntimeSeconds = 86_400;

export function maxRuntimeSecondsOf({ StoppingCondition }: ProcessingRequest): number {
  return StoppingCondition?.MaxRuntimeInSeconds ?? defaultMaxRuntimeSeconds;
}

export function hasEnded({ status }: Pick<StoredProcessingJob, "status">): boolean {
  return status === "Completed" || status === "Failed" || status === "Stopped";
}

export function describeProcessingJob(job: StoredProcessingJob): DescribeProcessingJobResponse {
  const { request } = job;
  return {
    ...request,
    ...(request.ProcessingInputs && {
      ProcessingInputs: request.ProcessingInputs.map((input) => ({
        AppManaged: false,
        ...input,
        ...(input.S3Input && {
          S3Input: { S3DataDistributionType: "FullyReplicated", S3CompressionType: "None", ...input.S3Input },
        }),
      })),
    }),
    ...(request.ProcessingOutputConfig && {
      ProcessingOutputConfig: {
        ...request.ProcessingOutputConfig,
        Outputs: request.ProcessingOutputConfig.Outputs?.map((output) => ({ AppManaged: false, ...output })),
      },
    }),
    StoppingCondition: { MaxRuntimeInSeconds: maxRuntimeSecondsOf(request) },
    ...namesAndTimes(job),
    ...(job.startedMs === undefined ? {} : { ProcessingStartTime: new Date(job.startedMs) }),
    ...(job.monitoring === undefined ? {} : { MonitoringScheduleArn: job.monitoring.scheduleArn }),
  } as DescribeProcessingJobResponse;
}

export function summarizeProcessingJob(job: StoredProcessingJob): ProcessingJobSummary {
  return namesAndTimes(job);
}

function namesAndTimes(job: StoredProcessingJob): ProcessingJobSummary {
  return {
    ProcessingJobName: job.name,
    ProcessingJobArn: job.arn,
    ProcessingJobStatus: job.status,
    CreationTime: new Date(job.createdMs),
    LastModifiedTime: new Date(job.modifiedMs),
    ...(job.endedMs === undefined ? {} : { ProcessingEndTime: new Date(job.endedMs) }),
    ...(job.exitMessage === undefined ? {} : { ExitMessage: job.exitMessage }),
    ...(job.failureReason === undefined ? {} : { FailureReason: job.failureReason }),
  };
}
