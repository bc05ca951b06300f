import type {
  DescribeMonitoringScheduleResponse,
  MonitoringScheduleConfig,
  MonitoringScheduleSummary,
  ScheduleStatus,
} from "@aws-sdk/client-sagemaker";
import { Fault } from "../../../kit/fault.ts";
import type { Resources } from "../../../ports/resources.ts";
import { kindOf } from "../resource-names.ts";
import {
  type Definition,
  findDefinition,
  ofInlineDefinition,
  ofStoredDefinition,
  type QualityType,
} from "./job-definition.ts";
import { type StoredExecution, summarizeExecution } from "./monitoring-execution.ts";

/** A monitoring schedule as it is kept. */
export interface StoredSchedule {
  name: string;
  arn: string;
  region: string;
  accountId: string;
  config: MonitoringScheduleConfig;
  type: QualityType;
  endpointName?: string;
  status: ScheduleStatus;
  createdMs: number;
  modifiedMs: number;
  /** What was due until then has been begun or left out. */
  settledMs: number;
  alert: StoredAlert;
}

/** How many of the last executions must have found violations for the alert to be on. */
export interface StoredAlert {
  datapoints: number;
  period: number;
  isOn: boolean;
  modifiedMs: number;
  /** The newest last. */
  changes: { atMs: number; isOn: boolean }[];
}

export const scheduleKind = kindOf("monitoring-schedule");

/** The definition that a config names or holds. */
export function definitionOf(
  { MonitoringJobDefinition, MonitoringJobDefinitionName }: MonitoringScheduleConfig,
  type: QualityType,
  resources: Resources,
): Definition {
  if (MonitoringJobDefinitionName === undefined) {
    return ofInlineDefinition(MonitoringJobDefinition as NonNullable<typeof MonitoringJobDefinition>, type);
  }
  const stored = findDefinition(resources, { type, name: MonitoringJobDefinitionName });
  if (stored !== undefined) return ofStoredDefinition(stored);
  throw new Fault("ResourceNotFound", `Could not find ${type} job definition "${MonitoringJobDefinitionName}".`);
}

export function describeSchedule(schedule: StoredSchedule, last?: StoredExecution): DescribeMonitoringScheduleResponse {
  return {
    ...summarizeSchedule(schedule),
    MonitoringScheduleConfig: schedule.config,
    ...(last === undefined ? {} : { LastMonitoringExecutionSummary: summarizeExecution(last) }),
  } as DescribeMonitoringScheduleResponse;
}

export function summarizeSchedule(schedule: StoredSchedule): MonitoringScheduleSummary {
  const { endpointName, config } = schedule;
  return {
    MonitoringScheduleName: schedule.name,
    MonitoringScheduleArn: schedule.arn,
    MonitoringScheduleStatus: schedule.status,
    MonitoringType: schedule.type,
    CreationTime: new Date(schedule.createdMs),
    LastModifiedTime: new Date(schedule.modifiedMs),
    ...(endpointName === undefined ? {} : { EndpointName: endpointName }),
    ...(config.MonitoringJobDefinitionName && { MonitoringJobDefinitionName: config.MonitoringJobDefinitionName }),
  };
}
