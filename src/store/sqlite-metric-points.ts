import type { Database } from "../kit/sqlite.ts";
import { dimensionsText, type MetricPoint, type MetricPoints } from "../ports/metric-points.ts";
import type { Metric } from "../ports/metrics.ts";
import { mergeSets, type StatisticSet } from "../ports/statistic-set.ts";
import type { GroupCommit } from "./group-commit.ts";

interface MetricRow {
  namespace: string;
  name: string;
  dimensions: string;
  newest_ms: number;
}

export function sqliteMetricPoints({ database, commits }: { database: Database; commits: GroupCommit }): MetricPoints {
  const upsertMetric = database.prepare(
    `INSERT INTO metric (namespace, name, dimensions, newest_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT (namespace, name, dimensions) DO UPDATE SET newest_ms = max(newest_ms, excluded.newest_ms) RETURNING key`,
  );
  const selectKey = database.prepare("SELECT key FROM metric WHERE namespace = ? AND name = ? AND dimensions = ?");
  const count = database.prepare("SELECT count(*) AS n FROM metric");
  const page = database.prepare(
    `SELECT namespace, name, dimensions, newest_ms FROM metric
     WHERE (namespace, name, dimensions) > (?, ?, ?) AND (? IS NULL OR namespace = ?) AND (? IS NULL OR name = ?)
     ORDER BY namespace, name, dimensions LIMIT ?`,
  );
  const pointKey = "metric = ? AND resolution_seconds = ? AND start_ms = ? AND unit = ?";
  const selectPoint = database.prepare(`SELECT point FROM metric_point WHERE ${pointKey}`);
  const putPoint = database.prepare(
    "INSERT OR REPLACE INTO metric_point (metric, resolution_seconds, start_ms, unit, point) VALUES (?, ?, ?, ?, ?)",
  );
  const selectRange = database.prepare(
    `SELECT start_ms, unit, point FROM metric_point
     WHERE metric = ? AND resolution_seconds = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms, unit`,
  );
  const selectOld = database.prepare(
    "SELECT metric, start_ms, unit FROM metric_point WHERE resolution_seconds = ? AND start_ms < ? ORDER BY start_ms LIMIT ?",
  );
  const deletePoint = database.prepare(`DELETE FROM metric_point WHERE ${pointKey}`);
  const deleteEmptied = database.prepare(
    "DELETE FROM metric WHERE key = ? AND NOT EXISTS (SELECT 1 FROM metric_point WHERE metric = key)",
  );

  const keyOf = (metric: Metric) =>
    selectKey.get<{ key: number }>(metric.namespace, metric.name, dimensionsText(metric.dimensions))?.key;

  const write = ({ metric, unit, resolutionSeconds, startMs, set }: MetricPoint): void => {
    const { namespace, name, dimensions } = metric;
    const row = upsertMetric.get<{ key: number }>(namespace, name, dimensionsText(dimensions), startMs);
    const key = [row?.key as number, resolutionSeconds, startMs, unit] as const;
    const before = selectPoint.get<{ point: string }>(...key)?.point;
    putPoint.run(...key, JSON.stringify(before === undefined ? set : mergeSets([parse(before), set])));
  };

  return {
    add: (points) => commits.add(() => points.forEach(write)),
    read(metric, { resolutionSeconds, fromMs, toMs }) {
      const key = keyOf(metric);
      if (key === undefined) return [];
      return selectRange
        .all<{ start_ms: number; unit: string; point: string }>(key, resolutionSeconds, fromMs, toMs)
        .map(({ start_ms, unit, point }) => ({ startMs: Number(start_ms), unit, set: parse(point) }));
    },
    list({ namespace, name, after, limit }) {
      const from = after ? [after.namespace, after.name, dimensionsText(after.dimensions)] : ["", "", ""];
      const [wanted, named] = [namespace ?? null, name ?? null];
      return page.all<MetricRow>(...from, wanted, wanted, named, named, limit).map((row) => ({
        metric: {
          namespace: row.namespace,
          name: row.name,
          dimensions: Object.fromEntries(JSON.parse(row.dimensions) as [string, string][]),
        },
        newestMs: Number(row.newest_ms),
      }));
    },
    has: (metric) => keyOf(metric) !== undefined,
    size: () => Number(count.get<{ n: number }>()?.n),
    forget: ({ resolutionSeconds, beforeMs, limit }) =>
      commits.add(() => {
        const old = selectOld.all<{ metric: number; start_ms: number; unit: string }>(
          resolutionSeconds,
          beforeMs,
          limit,
        );
        for (const { metric, start_ms, unit } of old) deletePoint.run(metric, resolutionSeconds, start_ms, unit);
        for (const key of new Set(old.map(({ metric }) => metric))) deleteEmptied.run(key);
        return old.length;
      }),
  };
}

function parse(text: string): StatisticSet {
  const { values, ...numbers } = JSON.parse(text) as StatisticSet;
  return { ...numbers, values };
}
