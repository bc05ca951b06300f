import type {
  CreateMonitoringScheduleRequest,
  CreateMonitoringScheduleResponse,
  DescribeMonitoringScheduleRequest,
  DescribeMonitoringScheduleResponse,
  ListMonitoringExecutionsRequest,
  ListMonitoringExecutionsResponse,
  ListMonitoringSchedulesRequest,
  ListMonitoringSchedulesResponse,
  MonitoringScheduleConfig,
  UpdateMonitoringScheduleRequest,
  UpdateMonitoringScheduleResponse,
} from "@aws-sdk/client-sagemaker";
import { Fault } from "../../../kit/fault.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Call, Handler } from "../../../wire/service.ts";
import { type ListInput, listPage } from "../list-page.ts";
import type { ProcessingPrograms } from "../processing/processing-program.ts";
import { arnOf, invalid } from "../resource-names.ts";
import { addTags, forgetTags } from "../tags.ts";
import { newAlert } from "./alerts.ts";
import { checkDefinition, endpointNameOf, qualityTypeOf } from "./job-definition.ts";
import { capturePlaceOf, NothingToMonitor } from "./monitored-data.ts";
import { executionKind, type StoredExecution, summarizeExecution } from "./monitoring-execution.ts";
import {
  definitionOf,
  describeSchedule,
  type StoredSchedule,
  scheduleKind,
  summarizeSchedule,
} from "./monitoring-schedule.ts";
import type { Scheduler } from "./scheduler.ts";
import { timetableOf } from "./timetable.ts";

export interface ScheduleHandlerOptions {
  resources: Resources;
  clock: Clock;
  programs: ProcessingPrograms;
  scheduler: Scheduler;
}

/** As AWS limits them; each has a timer, and a job every hour. */
const mostSchedules = 100;

export function monitoringScheduleHandlers(options: ScheduleHandlerOptions): Record<string, Handler> {
  const { resources, clock, scheduler } = options;

  function find(name: string, call: Pick<Call, "region" | "accountId">): StoredSchedule {
    const found = resources.get<StoredSchedule>(scheduleKind, name)?.value;
    if (found !== undefined) return found;
    throw new Fault(
      "ResourceNotFound",
      `Could not find monitoring schedule "${arnOf("monitoring-schedule", name, call)}".`,
    );
  }

  function change(name: string, changes: Partial<StoredSchedule>): StoredSchedule {
    const modifiedMs = clock.now();
    const changed = resources.update<StoredSchedule>(scheduleKind, name, (old) => ({ ...old, ...changes, modifiedMs }));
    scheduler.arm(name);
    return (changed as NonNullable<typeof changed>).value;
  }

  function runIfOnce(schedule: StoredSchedule): void {
    const isOnce = timetableOf(schedule.config.ScheduleConfig).type === "once";
    if (isOnce && schedule.status === "Scheduled") scheduler.runOnce(schedule);
  }

  return {
    CreateMonitoringSchedule: (
      { MonitoringScheduleName, MonitoringScheduleConfig, Tags }: CreateMonitoringScheduleRequest,
      call: Call,
    ): CreateMonitoringScheduleResponse => {
      const name = MonitoringScheduleName as string;
      const arn = arnOf("monitoring-schedule", name, call);
      const nowMs = clock.now();
      const schedule: StoredSchedule = {
        ...checkedConfig(MonitoringScheduleConfig as MonitoringScheduleConfig, options),
        name,
        arn,
        region: call.region,
        accountId: call.accountId,
        status: "Scheduled",
        createdMs: nowMs,
        modifiedMs: nowMs,
        settledMs: nowMs,
        alert: newAlert(nowMs),
      };
      resources.transaction(() => {
        if (resources.list(scheduleKind, { limit: mostSchedules }).length >= mostSchedules) {
          throw new Fault(
            "ResourceLimitExceeded",
            `There are ${mostSchedules} monitoring schedules already: delete one first.`,
          );
        }
        if (!resources.create(scheduleKind, name, schedule)) {
          throw new Fault("ResourceInUse", `A monitoring schedule with this name already exists (${arn}).`);
        }
        addTags(resources, arn, Tags ?? []);
      });
      scheduler.arm(name);
      runIfOnce(schedule);
      return { MonitoringScheduleArn: arn };
    },
    UpdateMonitoringSchedule: (
      { MonitoringScheduleName, MonitoringScheduleConfig }: UpdateMonitoringScheduleRequest,
      call: Call,
    ): UpdateMonitoringScheduleResponse => {
      const { name, arn } = find(MonitoringScheduleName as string, call);
      const config = checkedConfig(MonitoringScheduleConfig as MonitoringScheduleConfig, options);
      runIfOnce(change(name, { ...config, settledMs: clock.now() }));
      return { MonitoringScheduleArn: arn };
    },
    DescribeMonitoringSchedule: (
      { MonitoringScheduleName }: DescribeMonitoringScheduleRequest,
      call: Call,
    ): DescribeMonitoringScheduleResponse => {
      const schedule = find(MonitoringScheduleName as string, call);
      return describeSchedule(schedule, executionsOf(resources, schedule.name).at(-1));
    },
    ListMonitoringSchedules: (input: ListMonitoringSchedulesRequest): ListMonitoringSchedulesResponse => {
      const all = resources
        .list<StoredSchedule>(scheduleKind)
        .map(({ value }) => value)
        .filter(
          ({ endpointName, type, config }) =>
            isAsked(input.EndpointName, endpointName) &&
            isAsked(input.MonitoringTypeEquals, type) &&
            isAsked(input.MonitoringJobDefinitionName, config.MonitoringJobDefinitionName),
        );
      const { page, NextToken } = listPage(all, input as ListInput, "Descending");
      return {
        MonitoringScheduleSummaries: page.map(summarizeSchedule),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    /** What was due while it stood still is not made up for. */
    StartMonitoringSchedule: ({ MonitoringScheduleName }: { MonitoringScheduleName: string }, call: Call): object => {
      const { name, status } = find(MonitoringScheduleName, call);
      if (status !== "Scheduled") runIfOnce(change(name, { status: "Scheduled", settledMs: clock.now() }));
      return {};
    },
    StopMonitoringSchedule: ({ MonitoringScheduleName }: { MonitoringScheduleName: string }, call: Call): object => {
      const { name, status } = find(MonitoringScheduleName, call);
      if (status !== "Stopped") change(name, { status: "Stopped" });
      return {};
    },
    /** Its executions stay, and can be listed. */
    DeleteMonitoringSchedule: ({ MonitoringScheduleName }: { MonitoringScheduleName: string }, call: Call): object => {
      const { name, arn } = find(MonitoringScheduleName, call);
      resources.delete(scheduleKind, name);
      forgetTags(resources, arn);
      scheduler.arm(name);
      return {};
    },
    ListMonitoringExecutions: (input: ListMonitoringExecutionsRequest): ListMonitoringExecutionsResponse => {
      const { ScheduledTimeAfter: after, ScheduledTimeBefore: before } = input;
      const all = executionsOf(resources, input.MonitoringScheduleName).filter(
        ({ endpointName, type, definition, scheduledMs }) =>
          isAsked(input.EndpointName, endpointName) &&
          isAsked(input.MonitoringTypeEquals, type) &&
          isAsked(input.MonitoringJobDefinitionName, definition.name) &&
          (after === undefined || scheduledMs >= after.getTime()) &&
          (before === undefined || scheduledMs <= before.getTime()),
      );
      const { page, NextToken } = listPage(all, input as ListInput, "Descending");
      return {
        MonitoringExecutionSummaries: page.map(summarizeExecution),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
  };
}

/** The first schedule that uses a definition. */
export function scheduleUsing(resources: Resources, type: string, definitionName: string): string | undefined {
  const all = resources.list<StoredSchedule>(scheduleKind).map(({ value }) => value);
  return all.find((one) => one.type === type && one.config.MonitoringJobDefinitionName === definitionName)?.name;
}

function isAsked<T>(wanted: T | undefined, value: T | undefined): boolean {
  return wanted === undefined || wanted === value;
}

/** Oldest first. */
function executionsOf(resources: Resources, scheduleName: string | undefined): StoredExecution[] {
  const prefix = scheduleName === undefined ? {} : { prefix: `${scheduleName}/` };
  return resources.list<StoredExecution>(executionKind, prefix).map(({ value }) => value);
}

/** Refuses what could only fail at its hour. */
function checkedConfig(
  config: MonitoringScheduleConfig,
  { resources, programs }: ScheduleHandlerOptions,
): Pick<StoredSchedule, "config" | "type" | "endpointName"> {
  const { MonitoringJobDefinition, MonitoringJobDefinitionName } = config;
  if ((MonitoringJobDefinition === undefined) === (MonitoringJobDefinitionName === undefined)) {
    throw invalid("MonitoringScheduleConfig needs either a MonitoringJobDefinition or a MonitoringJobDefinitionName.");
  }
  timetableOf(config.ScheduleConfig);
  const type = qualityTypeOf(config.MonitoringType);
  const definition = definitionOf(config, type, resources);
  checkDefinition(definition, programs);
  const endpointName = endpointNameOf(definition);
  if (endpointName === undefined) return { config, type };
  try {
    capturePlaceOf(resources, endpointName);
  } catch (error) {
    if (error instanceof NothingToMonitor) throw invalid(error.message);
    throw error;
  }
  return { config, type, endpointName };
}
