import { configOf } from "./constraints-file.ts";
import type { FeatureProfile } from "./profile.ts";
import { baselineDrifts, type MonitoredData } from "./violations.ts";

/** One point of a CloudWatch metric, without dimensions and time: the job knows these. */
export type MetricPoint =
  | { name: string; value: number }
  | { name: string; maximum: number; minimum: number; sum: number; sampleCount: number };

/** What a data quality run tells CloudWatch of the features whose metrics are enabled. */
export function metricPoints(data: MonitoredData): MetricPoint[] {
  const drifts = baselineDrifts(data);
  const expectations = new Map(data.constraints.features.map((feature) => [feature.name, feature]));
  return [...data.profile.features].flatMap(([name, feature]) => {
    const expected = expectations.get(name);
    const config = expected ? configOf(data.constraints, expected) : data.constraints.monitoring_config;
    if (config.emit_metrics === "Disabled") return [];
    const drift = drifts.get(name);
    return [
      { name: `feature_non_null_${name}`, value: feature.present },
      ...valuePoint(name, feature),
      ...(drift === undefined ? [] : [{ name: `feature_baseline_drift_${name}`, value: drift.value }]),
    ];
  });
}

function valuePoint(name: string, { numbers }: FeatureProfile): MetricPoint[] {
  if (numbers.count === 0) return [];
  const { max: maximum, min: minimum, sum, count: sampleCount } = numbers;
  return [{ name: `feature_data_${name}`, maximum, minimum, sum, sampleCount }];
}
