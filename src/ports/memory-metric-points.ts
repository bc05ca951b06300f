import { dimensionsText, type MetricPoint, type MetricPoints } from "./metric-points.ts";
import type { Metric } from "./metrics.ts";
import { mergeSets } from "./statistic-set.ts";

/** Points that are forgotten with the process. */
export function memoryMetricPoints(): MetricPoints {
  const points = new Map<string, MetricPoint>();
  const keyOf = ({ metric, unit, resolutionSeconds, startMs }: MetricPoint) =>
    JSON.stringify([textOf(metric), unit, resolutionSeconds, startMs]);
  const known = () => {
    const metrics = new Map<string, { metric: Metric; newestMs: number }>();
    for (const { metric, startMs } of points.values()) {
      const text = textOf(metric);
      metrics.set(text, { metric, newestMs: Math.max(startMs, metrics.get(text)?.newestMs ?? 0) });
    }
    return metrics;
  };
  return {
    async add(added) {
      for (const point of added) {
        const before = points.get(keyOf(point));
        points.set(keyOf(point), before ? { ...point, set: mergeSets([before.set, point.set]) } : point);
      }
    },
    read(metric, { resolutionSeconds, fromMs, toMs }) {
      return [...points.values()]
        .filter(
          (point) =>
            textOf(point.metric) === textOf(metric) &&
            point.resolutionSeconds === resolutionSeconds &&
            point.startMs >= fromMs &&
            point.startMs < toMs,
        )
        .sort((a, b) => a.startMs - b.startMs || (a.unit < b.unit ? -1 : 1))
        .map(({ startMs, unit, set }) => ({ startMs, unit, set }));
    },
    list({ namespace, name, after, limit }) {
      return [...known()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .filter(
          ([text, { metric }]) =>
            (namespace === undefined || metric.namespace === namespace) &&
            (name === undefined || metric.name === name) &&
            (after === undefined || text > textOf(after)),
        )
        .slice(0, limit)
        .map(([, listed]) => listed);
    },
    has: (metric) => known().has(textOf(metric)),
    size: () => known().size,
    async forget({ resolutionSeconds, beforeMs, limit }) {
      const old = [...points]
        .filter(([, point]) => point.resolutionSeconds === resolutionSeconds && point.startMs < beforeMs)
        .slice(0, limit);
      for (const [key] of old) points.delete(key);
      return old.length;
    },
  };
}

function textOf({ namespace, name, dimensions }: Metric): string {
  // A character below all that names may hold keeps the order of the parts.
  return [namespace, name, dimensionsText(dimensions)].join("\0");
}
