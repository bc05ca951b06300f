import type { MetricDatum, PutMetricDataInput } from "@aws-sdk/client-cloudwatch";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MetricPoint, MetricPoints } from "../../ports/metric-points.ts";
import { type StatisticSet, statisticSet, type ValueCount } from "../../ports/statistic-set.ts";
import type { Handler } from "../../wire/service.ts";
import { invalidCombination, invalidValue, missingParameter } from "./faults.ts";
import { dimensionsFrom } from "./metric-input.ts";

// As CloudWatch: what one call may hold, and how far its times may lie from now.
const mostData = 1000;
const mostValues = 150;
const oldestMs = 14 * 86_400_000;
const newestMs = 2 * 3_600_000;
/** 2^360, as the manual says. */
const largestValue = 2.348542582773833e108;

export interface PutMetricDataOptions {
  points: MetricPoints;
  clock: Clock;
  mostMetrics: number;
}

export function putMetricData({ points, clock, mostMetrics }: PutMetricDataOptions): Handler {
  return async (input: PutMetricDataInput) => {
    if (input.EntityMetricData !== undefined && input.EntityMetricData.length > 0) {
      throw invalidValue("EntityMetricData is not supported here (see COMPATIBILITY.md): use MetricData.");
    }
    const data = input.MetricData ?? [];
    if (data.length === 0) throw missingParameter("The parameter MetricData is required.");
    if (data.length > mostData)
      throw invalidValue(`The collection MetricData must not have a size greater than ${mostData}.`);
    const namespace = input.Namespace as string;
    const nowMs = clock.now();
    const added = data.flatMap((datum, index) =>
      pointsOf(datum, { namespace, nowMs, path: `MetricData.member.${index + 1}` }),
    );
    if (points.size() >= mostMetrics && added.some(({ metric }) => !points.has(metric))) {
      throw new Fault(
        "LimitExceeded",
        `${mostMetrics} metrics exist already; Scones keeps no more of them (see COMPATIBILITY.md). Metrics without data for 15 days go by themselves.`,
      );
    }
    await points.add(added);
    return {};
  };
}

/** High resolution data is kept by the second for a while, and by the minute as all others. */
function pointsOf(datum: MetricDatum, about: { namespace: string; nowMs: number; path: string }): MetricPoint[] {
  const { namespace, nowMs, path } = about;
  const atMs = datum.Timestamp?.getTime() ?? nowMs;
  if (atMs < nowMs - oldestMs) {
    throw invalidValue(`The parameter ${path}.Timestamp must specify a time no more than two weeks in the past.`);
  }
  if (atMs > nowMs + newestMs) {
    throw invalidValue(`The parameter ${path}.Timestamp must specify a time no more than two hours in the future.`);
  }
  const resolution = datum.StorageResolution ?? 60;
  if (resolution !== 1 && resolution !== 60) {
    throw invalidValue(
      `The value ${resolution} for parameter ${path}.StorageResolution is invalid: valid are 1 and 60.`,
    );
  }
  const dimensions = dimensionsFrom(datum.Dimensions, `${path}.Dimensions`);
  const metric = { namespace, name: datum.MetricName as string, dimensions };
  const set = setOf(datum, path);
  const resolutions = resolution === 1 ? ([1, 60] as const) : ([60] as const);
  return resolutions.map((resolutionSeconds) => ({
    metric,
    unit: datum.Unit ?? "None",
    resolutionSeconds,
    startMs: Math.floor(atMs / (resolutionSeconds * 1000)) * resolutionSeconds * 1000,
    set,
  }));
}

function setOf(datum: MetricDatum, path: string): StatisticSet {
  const { Value, Values, Counts, StatisticValues } = datum;
  const given = Object.entries({ Value, Values, StatisticValues }).filter(([, value]) => value !== undefined);
  const [first, second] = given.map(([name]) => `${path}.${name}`);
  if (first === undefined) throw missingParameter(`The parameter ${path}.Value is required.`);
  if (second !== undefined) {
    throw invalidCombination(
      `The parameters ${first} and ${second} are mutually exclusive and you have specified both.`,
    );
  }
  if (Counts !== undefined && Values === undefined) {
    throw invalidCombination(`The parameter ${path}.Counts must not be used without ${path}.Values.`);
  }
  if (Value !== undefined) return statisticSet([[checked(Value, `${path}.Value`), 1]]);
  if (Values !== undefined) return statisticSet(countedValues(Values, Counts, path));
  return unitedSet(StatisticValues as Required<NonNullable<MetricDatum["StatisticValues"]>>, `${path}.StatisticValues`);
}

function countedValues(values: number[], counts: number[] | undefined, path: string): ValueCount[] {
  if (values.length === 0) throw missingParameter(`The parameter ${path}.Values is required.`);
  if (values.length > mostValues) {
    throw invalidValue(`The collection ${path}.Values must not have a size greater than ${mostValues}.`);
  }
  if (counts !== undefined && counts.length !== values.length) {
    throw invalidValue(`The parameters ${path}.Values and ${path}.Counts must be of the same size.`);
  }
  return values.map((value, index) => {
    const count = checked(counts?.[index] ?? 1, `${path}.Counts.member.${index + 1}`);
    if (count <= 0)
      throw invalidValue(`The value ${count} for parameter ${path}.Counts.member.${index + 1} is invalid.`);
    return [checked(value, `${path}.Values.member.${index + 1}`), count] as const;
  });
}

/** A set of equal values tells its values; of any other only the four numbers are known, and no percentile. */
function unitedSet(
  { SampleCount, Sum, Minimum, Maximum }: { SampleCount?: number; Sum?: number; Minimum?: number; Maximum?: number },
  path: string,
): StatisticSet {
  const count = checked(SampleCount as number, `${path}.SampleCount`);
  const minimum = checked(Minimum as number, `${path}.Minimum`);
  const maximum = checked(Maximum as number, `${path}.Maximum`);
  if (count <= 0) throw invalidValue(`The value ${count} for parameter ${path}.SampleCount is invalid.`);
  if (minimum > maximum)
    throw invalidValue(`The parameter ${path}.Maximum must be greater than or equal to ${path}.Minimum.`);
  const sum = checked(Sum as number, `${path}.Sum`);
  return { count, sum, minimum, maximum, values: minimum === maximum ? [[minimum, count]] : undefined };
}

function checked(value: number, path: string): number {
  if (Number.isFinite(value) && Math.abs(value) <= largestValue) return value;
  throw invalidValue(`The value ${value} for parameter ${path} is invalid.`);
}
