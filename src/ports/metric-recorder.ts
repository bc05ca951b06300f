import type { Clock } from "./clock.ts";
import { dimensionsText, type MetricPoint, type MetricPoints } from "./metric-points.ts";
import type { Metrics, RecordedMetric } from "./metrics.ts";
import { mergeSets, statisticSet } from "./statistic-set.ts";

export interface MetricRecorder {
  record: Metrics["record"];
  /** Writes what was recorded so far. */
  flush(): Promise<void>;
  /** Writes the rest. May be called twice. */
  close(): Promise<void>;
}

export interface MetricRecorderOptions {
  points: MetricPoints;
  clock: Clock;
  /** Metrics kept altogether; what is recorded beyond them is dropped, and said. */
  mostMetrics: number;
  report: (line: string, error?: unknown) => void;
}

/** How long observations wait for company: what a crash may cost, and how often the disk is written at most. */
const flushDelayMs = 5000;
const minuteMs = 60_000;
/** Values of one metric in memory before they are put together. */
const mostLooseValues = 1000;

/** One metric's observations of the running minute, those since the last flush. */
interface Series {
  metric: RecordedMetric;
  startMs: number;
  loose: Map<number, number>;
}

/** Adds observations up in memory and writes them in groups: the caller waits for nothing. */
export function metricRecorder({ points, clock, mostMetrics, report }: MetricRecorderOptions): MetricRecorder {
  // By identity first, which costs no text; the text finds equal metrics of other callers.
  let byIdentity = new WeakMap<RecordedMetric, Series>();
  let byText = new Map<string, Series>();
  let closed: MetricPoint[] = [];
  let hasDropped = false;
  let cancelTimer: (() => void) | undefined;

  function seriesOf(metric: RecordedMetric): Series | undefined {
    const known = byIdentity.get(metric);
    if (known !== undefined) return known;
    const text = JSON.stringify([metric.namespace, metric.name, metric.unit, dimensionsText(metric.dimensions)]);
    let series = byText.get(text);
    if (series === undefined) {
      if (byText.size >= mostMetrics) return undefined;
      series = { metric, startMs: 0, loose: new Map() };
      byText.set(text, series);
    }
    byIdentity.set(metric, series);
    return series;
  }

  function finish(series: Series): void {
    const { metric, startMs, loose } = series;
    if (loose.size === 0) return;
    closed.push({ metric, unit: metric.unit, resolutionSeconds: 60, startMs, set: statisticSet([...loose]) });
    series.loose = new Map();
    if (closed.length > mostMetrics) closed = merged(closed);
  }

  async function flush(): Promise<void> {
    cancelTimer?.();
    cancelTimer = undefined;
    for (const series of byText.values()) finish(series);
    const written = closed;
    closed = [];
    byText = new Map();
    byIdentity = new WeakMap();
    const isFull = points.size() >= mostMetrics;
    const kept = isFull ? written.filter(({ metric }) => points.has(metric)) : written;
    if (hasDropped || kept.length < written.length) {
      report(`observations of metrics beyond the ${mostMetrics} that are kept were dropped`);
    }
    hasDropped = false;
    if (kept.length > 0) await points.add(kept);
  }

  // Numbers about the work are the one thing that may be lost: a full disk must not stop the work itself.
  const flushOrLose = () =>
    flush().catch((error: unknown) => report("metrics could not be written and are lost", error));

  return {
    record(metric, value, { count = 1 } = {}) {
      if (!Number.isFinite(value) || !(count > 0)) return;
      const series = seriesOf(metric);
      if (series === undefined) {
        hasDropped = true;
        return;
      }
      const startMs = Math.floor(clock.now() / minuteMs) * minuteMs;
      if (series.startMs !== startMs || series.loose.size >= mostLooseValues) {
        finish(series);
        series.startMs = startMs;
      }
      series.loose.set(value, (series.loose.get(value) ?? 0) + count);
      cancelTimer ??= clock.schedule(flushDelayMs, () => void flushOrLose());
    },
    flush,
    close: flushOrLose,
  };
}

/** One point per metric, unit and minute. */
function merged(points: readonly MetricPoint[]): MetricPoint[] {
  const together = new Map<string, MetricPoint>();
  for (const point of points) {
    const { metric, unit, startMs } = point;
    const text = JSON.stringify([metric.namespace, metric.name, unit, startMs, dimensionsText(metric.dimensions)]);
    const before = together.get(text);
    together.set(text, before ? { ...point, set: mergeSets([before.set, point.set]) } : point);
  }
  return [...together.values()];
}
