import type { MetricPoint } from "../../../../monitor/data-quality/metric-data.ts";
import type { AnalyzerSettings } from "./analyzer-settings.ts";

/**
 * Points as lines of PutMetricData's members. AWS's own dashboards find features by a dimension, the alarms that people write by
 * the name alone: a point of a feature is told in both ways.
 */
export function metricLines(
  points: readonly MetricPoint[],
  { dimensions, time }: Pick<NonNullable<AnalyzerSettings["metrics"]>, "dimensions" | "time">,
): string[] {
  return points.flatMap((point) => {
    const feature = /^feature_(?:data|non_null|baseline_drift)_(.+)$/s.exec(point.name)?.[1];
    const sets = feature === undefined ? [dimensions] : [dimensions, { ...dimensions, Feature: feature }];
    return sets.map((set) =>
      JSON.stringify({
        MetricName: point.name,
        ...(time !== undefined && { Timestamp: time }),
        Dimensions: Object.entries(set).map(([Name, Value]) => ({ Name, Value })),
        ...valuesOf(point),
      }),
    );
  });
}

function valuesOf(point: MetricPoint): object {
  if ("value" in point) return { Value: point.value };
  const { maximum: Maximum, minimum: Minimum, sum: Sum, sampleCount: SampleCount } = point;
  return { StatisticValues: { Maximum, Minimum, Sum, SampleCount } };
}
