import type { MetricPoints } from "../../ports/metric-points.ts";
import type { Metric } from "../../ports/metrics.ts";
import { mergeSets, type StatisticSet } from "../../ports/statistic-set.ts";

export interface Period {
  startMs: number;
  unit: string;
  set: StatisticSet;
}

export interface PeriodRange {
  metric: Metric;
  /** Only observations of this unit; without it each unit has periods of its own. */
  unit?: string;
  periodSeconds: number;
  /** The beginning of a period. */
  fromMs: number;
  toMs: number;
}

/** The observations of a metric put together by period, in order of time; periods without any are left out. */
export function periodsOf(points: MetricPoints, range: PeriodRange): Period[] {
  const { metric, unit, periodSeconds, fromMs, toMs } = range;
  const periodMs = periodSeconds * 1000;
  const periods = new Map<string, { startMs: number; unit: string; sets: StatisticSet[] }>();
  const resolutionSeconds = periodSeconds < 60 ? 1 : 60;
  for (const point of points.read(metric, { resolutionSeconds, fromMs, toMs })) {
    if (unit !== undefined && point.unit !== unit) continue;
    const startMs = fromMs + Math.floor((point.startMs - fromMs) / periodMs) * periodMs;
    const key = `${startMs} ${point.unit}`;
    const period = periods.get(key) ?? { startMs, unit: point.unit, sets: [] };
    period.sets.push(point.set);
    periods.set(key, period);
  }
  return [...periods.values()].map(({ startMs, unit, sets }) => ({ startMs, unit, set: mergeSets(sets) }));
}
