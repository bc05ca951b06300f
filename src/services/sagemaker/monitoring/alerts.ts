import type {
  ListMonitoringAlertHistoryRequest,
  ListMonitoringAlertHistoryResponse,
  ListMonitoringAlertsRequest,
  ListMonitoringAlertsResponse,
  MonitoringAlertSummary,
  UpdateMonitoringAlertRequest,
  UpdateMonitoringAlertResponse,
} from "@aws-sdk/client-sagemaker";
import { Fault } from "../../../kit/fault.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Handler } from "../../../wire/service.ts";
import { type ListInput, listPage } from "../list-page.ts";
import { invalid } from "../resource-names.ts";
import { executionKind, type StoredExecution } from "./monitoring-execution.ts";
import { type StoredAlert, type StoredSchedule, scheduleKind } from "./monitoring-schedule.ts";

/*
 * Every schedule has one alert, of its own name: it is on while at least `DatapointsToAlert` of the last `EvaluationPeriod`
 * executions that looked at data found violations.
 */

/** As many changes of an alert are kept. */
const keptChanges = 100;

export function newAlert(nowMs: number): StoredAlert {
  return { datapoints: 1, period: 1, isOn: false, modifiedMs: nowMs, changes: [] };
}

/** After an execution has ended, or the alert's rule has changed. */
export function evaluateAlert(resources: Resources, scheduleName: string, nowMs: number): void {
  resources.update<StoredSchedule>(scheduleKind, scheduleName, (schedule) => {
    const { datapoints, period, isOn, changes } = schedule.alert;
    const looked = resources
      .list<StoredExecution>(executionKind, { prefix: `${scheduleName}/` })
      .filter(({ value }) => value.status === "Completed" || value.status === "CompletedWithViolations")
      .slice(-period);
    const found = looked.filter(({ value }) => value.status === "CompletedWithViolations").length;
    const willBeOn = found >= datapoints;
    if (willBeOn === isOn) return undefined;
    const alert: StoredAlert = {
      ...schedule.alert,
      isOn: willBeOn,
      changes: [...changes, { atMs: nowMs, isOn: willBeOn }].slice(-keptChanges),
    };
    return { ...schedule, alert };
  });
}

export function alertHandlers({ resources, clock }: { resources: Resources; clock: Clock }): Record<string, Handler> {
  function find(name: string): StoredSchedule {
    const found = resources.get<StoredSchedule>(scheduleKind, name)?.value;
    if (found === undefined) throw new Fault("ResourceNotFound", `Could not find monitoring schedule "${name}".`);
    return found;
  }
  return {
    ListMonitoringAlerts: ({ MonitoringScheduleName }: ListMonitoringAlertsRequest): ListMonitoringAlertsResponse => ({
      MonitoringAlertSummaries: [summarize(find(MonitoringScheduleName as string))],
    }),
    ListMonitoringAlertHistory: (input: ListMonitoringAlertHistoryRequest): ListMonitoringAlertHistoryResponse => {
      const { MonitoringScheduleName: scheduleName, MonitoringAlertName: alertName } = input;
      const schedules =
        scheduleName === undefined
          ? resources.list<StoredSchedule>(scheduleKind).map(({ value }) => value)
          : [find(scheduleName)];
      const changes = schedules
        .filter(({ name }) => alertName === undefined || name === alertName)
        .flatMap(({ name, alert }) =>
          alert.changes.map(({ atMs, isOn }) => ({
            name,
            createdMs: atMs,
            modifiedMs: atMs,
            status: statusOf({ isOn }),
          })),
        );
      const { page, NextToken } = listPage(changes, input as ListInput, "Descending");
      return {
        MonitoringAlertHistory: page.map(({ name, createdMs, status }) => ({
          MonitoringScheduleName: name,
          MonitoringAlertName: name,
          CreationTime: new Date(createdMs),
          AlertStatus: status,
        })),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    UpdateMonitoringAlert: (input: UpdateMonitoringAlertRequest): UpdateMonitoringAlertResponse => {
      const { name, arn } = find(input.MonitoringScheduleName as string);
      if (input.MonitoringAlertName !== name) {
        throw new Fault("ResourceNotFound", `Monitoring schedule "${name}" has one alert, of its own name.`);
      }
      const [datapoints, period] = [input.DatapointsToAlert as number, input.EvaluationPeriod as number];
      if (datapoints > period) throw invalid("DatapointsToAlert must not exceed EvaluationPeriod.");
      const nowMs = clock.now();
      resources.update<StoredSchedule>(scheduleKind, name, (schedule) => ({
        ...schedule,
        alert: { ...schedule.alert, datapoints, period, modifiedMs: nowMs },
      }));
      evaluateAlert(resources, name, nowMs);
      return { MonitoringScheduleArn: arn, MonitoringAlertName: name };
    },
  };
}

function summarize({ name, createdMs, alert }: StoredSchedule): MonitoringAlertSummary {
  return {
    MonitoringAlertName: name,
    CreationTime: new Date(createdMs),
    LastModifiedTime: new Date(Math.max(alert.modifiedMs, alert.changes.at(-1)?.atMs ?? 0)),
    AlertStatus: statusOf(alert),
    DatapointsToAlert: alert.datapoints,
    EvaluationPeriod: alert.period,
    Actions: { ModelDashboardIndicator: { Enabled: true } },
  };
}

function statusOf({ isOn }: Pick<StoredAlert, "isOn">): "InAlert" | "OK" {
  return isOn ? "InAlert" : "OK";
}
