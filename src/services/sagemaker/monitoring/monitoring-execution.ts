import type { ExecutionStatus, MonitoringExecutionSummary, MonitoringType } from "@aws-sdk/client-sagemaker";
import type { Definition } from "./job-definition.ts";
import type { Window } from "./timetable.ts";

/** One run of a schedule as it is kept: what it looks at, and what became of it. */
export interface StoredExecution {
  /** Schedule and moment: one execution each. */
  name: string;
  scheduleName: string;
  scheduleArn: string;
  region: string;
  accountId: string;
  type: MonitoringType;
  /** As it was when the execution began. */
  definition: Definition;
  endpointName?: string;
  scheduledMs: number;
  window: Window;
  /** Below the schedule's output: `yyyy/mm/dd/hh`, with minutes and seconds where a schedule runs once. */
  outputPath: string;
  /** Its processing jobs have it in their names, so that none is begun twice. */
  suffix: string;
  /** Of an hour that passed while the server did not run: only what was captured is looked at. */
  isLate: boolean;
  /** The processing job that is under way or was last. */
  jobArn?: string;
  status: ExecutionStatus;
  failureReason?: string;
  createdMs: number;
  modifiedMs: number;
}

export const executionKind = "sagemaker/monitoring-execution";

export function hasEnded({ status }: StoredExecution): boolean {
  return status !== "Pending" && status !== "InProgress" && status !== "Stopping";
}

/** In the order of their moments. */
export function executionName(scheduleName: string, scheduledMs: number): string {
  return `${scheduleName}/${new Date(scheduledMs).toISOString()}`;
}

export function summarizeExecution(execution: StoredExecution): MonitoringExecutionSummary {
  const { jobArn, endpointName, failureReason, definition } = execution;
  return {
    MonitoringScheduleName: execution.scheduleName,
    ScheduledTime: new Date(execution.scheduledMs),
    CreationTime: new Date(execution.createdMs),
    LastModifiedTime: new Date(execution.modifiedMs),
    MonitoringExecutionStatus: execution.status,
    ...(jobArn === undefined ? {} : { ProcessingJobArn: jobArn }),
    ...(endpointName === undefined ? {} : { EndpointName: endpointName }),
    ...(failureReason === undefined ? {} : { FailureReason: failureReason }),
    ...(definition.name === undefined ? {} : { MonitoringJobDefinitionName: definition.name }),
    MonitoringType: execution.type,
  };
}
