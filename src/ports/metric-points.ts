import type { Metric } from "./metrics.ts";
import type { StatisticSet } from "./statistic-set.ts";

/** Where the points of metrics are kept: per metric, unit, resolution and time one statistic set. */
export interface MetricPoints {
  /** Merges the points into those of the same metric, unit, resolution and time; durable when it resolves. */
  add(points: readonly MetricPoint[]): Promise<void>;
  /** Points of one metric that begin within [fromMs, toMs), in order of time. */
  read(metric: Metric, range: PointRange): StoredPoint[];
  /** Metrics with their newest point, in order of namespace, name and dimensions, after the given one. */
  list(options: { namespace?: string; name?: string; after?: Metric; limit: number }): ListedMetric[];
  /** Whether the metric has ever had a point that is still kept. */
  has(metric: Metric): boolean;
  /** How many metrics there are. */
  size(): number;
  /** Drops the points of one resolution that begin before `beforeMs`, at most `limit`, and metrics that have no more points; answers how many. */
  forget(options: { resolutionSeconds: Resolution; beforeMs: number; limit: number }): Promise<number>;
}

/** A point stands for one second or for one minute. */
export type Resolution = 1 | 60;

export interface MetricPoint {
  metric: Metric;
  unit: string;
  resolutionSeconds: Resolution;
  /** A multiple of the resolution. */
  startMs: number;
  set: StatisticSet;
}

export interface StoredPoint {
  startMs: number;
  unit: string;
  set: StatisticSet;
}

export interface PointRange {
  resolutionSeconds: Resolution;
  fromMs: number;
  toMs: number;
}

export interface ListedMetric {
  metric: Metric;
  newestMs: number;
}

/** The same text for the same dimensions in any order. */
export function dimensionsText(dimensions: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1)));
}
