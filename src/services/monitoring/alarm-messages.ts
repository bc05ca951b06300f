import type { PutMetricAlarmInput } from "@aws-sdk/client-cloudwatch";
import type { Json } from "../../kit/json.ts";
import type { AlarmRecord } from "./alarm-book.ts";
import { queriesOf } from "./alarm-settings.ts";

export interface AlarmTransition {
  before: AlarmRecord;
  after: AlarmRecord;
}

const regionNames: Record<string, string> = {
  "us-east-1": "US East (N. Virginia)",
  "us-east-2": "US East (Ohio)",
  "us-west-1": "US West (N. California)",
  "us-west-2": "US West (Oregon)",
  "eu-west-1": "EU (Ireland)",
  "eu-central-1": "EU (Frankfurt)",
};

/** `2026-01-01T00:00:00.000+0000`. */
export function alarmTime(atMs: number): string {
  return new Date(atMs).toISOString().replace("Z", "+0000");
}

/** The subject and the JSON text that topics get. */
export function topicMessage({ before, after }: AlarmTransition): { subject: string; message: string } {
  const { settings, arn } = after;
  const { region, accountId } = placeOf(arn);
  const regionName = regionNames[region] ?? region;
  const message = {
    AlarmName: settings.AlarmName,
    AlarmDescription: settings.AlarmDescription ?? null,
    AWSAccountId: accountId,
    AlarmConfigurationUpdatedTimestamp: alarmTime(after.configuredMs),
    NewStateValue: after.state,
    NewStateReason: after.reason,
    StateChangeTime: alarmTime(after.stateUpdatedMs),
    Region: regionName,
    AlarmArn: arn,
    OldStateValue: before.state,
    OKActions: settings.OKActions ?? [],
    AlarmActions: settings.AlarmActions ?? [],
    InsufficientDataActions: settings.InsufficientDataActions ?? [],
    Trigger: triggerOf(settings),
  };
  // As SNS's subjects must be: at most 100 characters.
  const subject = `${after.state}: "${settings.AlarmName}" in ${regionName}`;
  return { subject: subject.slice(0, 100), message: JSON.stringify(message) };
}

function triggerOf(settings: PutMetricAlarmInput): object {
  const rule = {
    Period: settings.Period,
    EvaluationPeriods: settings.EvaluationPeriods,
    ...(settings.DatapointsToAlarm === undefined ? {} : { DatapointsToAlarm: settings.DatapointsToAlarm }),
    ComparisonOperator: settings.ComparisonOperator,
    Threshold: settings.Threshold,
    TreatMissingData: settings.TreatMissingData ?? "missing",
    EvaluateLowSampleCountPercentile: settings.EvaluateLowSampleCountPercentile ?? "",
  };
  if (settings.Metrics !== undefined && settings.Metrics.length > 0) return { ...rule, Metrics: settings.Metrics };
  const isExtended = settings.ExtendedStatistic !== undefined;
  return {
    MetricName: settings.MetricName,
    Namespace: settings.Namespace,
    StatisticType: isExtended ? "ExtendedStatistic" : "Statistic",
    ...(isExtended
      ? { ExtendedStatistic: settings.ExtendedStatistic }
      : { Statistic: snakeCase(settings.Statistic ?? "") }),
    Unit: settings.Unit ?? null,
    Dimensions: (settings.Dimensions ?? []).map(({ Name, Value }) => ({ value: Value, name: Name })),
    ...rule,
  };
}

/** SampleCount is SAMPLE_COUNT there. */
function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

/** What EventBridge has as its detail. */
export function eventDetail({ before, after }: AlarmTransition): { [name: string]: Json } {
  const { settings } = after;
  const metrics = queriesOf(settings).map(
    ({ Id, MetricStat, Expression, Label, ReturnData }): { [name: string]: Json } => {
      const shown: { [name: string]: Json } = { id: Id ?? "" };
      if (Expression !== undefined) shown["expression"] = Expression;
      if (Label !== undefined) shown["label"] = Label;
      if (MetricStat !== undefined) {
        const { Metric, Period, Stat } = MetricStat;
        const dimensions = Object.fromEntries(
          (Metric?.Dimensions ?? []).map(({ Name, Value }) => [Name, Value as string]),
        );
        shown["metricStat"] = {
          metric: { namespace: Metric?.Namespace ?? "", name: Metric?.MetricName ?? "", dimensions },
          period: Period ?? null,
          stat: Stat ?? "",
        };
      }
      return { ...shown, returnData: ReturnData !== false };
    },
  );
  const { AlarmName = "", AlarmDescription } = settings;
  return {
    alarmName: AlarmName,
    state: stateOf(after),
    previousState: stateOf(before),
    configuration: { metrics, ...(AlarmDescription === undefined ? {} : { description: AlarmDescription }) },
  };
}

/** The event that functions get. */
export function functionEvent(transition: AlarmTransition): object {
  const { arn, stateUpdatedMs } = transition.after;
  const { region, accountId } = placeOf(arn);
  return {
    source: "aws.cloudwatch",
    alarmArn: arn,
    accountId,
    time: alarmTime(stateUpdatedMs),
    region,
    alarmData: eventDetail(transition),
  };
}

function stateOf({ state, reason, reasonData, stateUpdatedMs }: AlarmRecord): { [name: string]: Json } {
  const timestamp = alarmTime(stateUpdatedMs);
  return { value: state, reason, ...(reasonData === undefined ? {} : { reasonData }), timestamp };
}

export function placeOf(arn: string): { region: string; accountId: string } {
  const [, , , region = "", accountId = ""] = arn.split(":");
  return { region, accountId };
}
