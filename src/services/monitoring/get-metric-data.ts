import type { GetMetricDataInput } from "@aws-sdk/client-cloudwatch";
import type { MetricPoints } from "../../ports/metric-points.ts";
import type { Handler } from "../../wire/service.ts";
import { invalidRequest, pageStart, pageToken } from "./faults.ts";
import { metricQueries } from "./metric-queries.ts";

/** As CloudWatch: datapoints of one answer. */
const mostDatapoints = 100_800;
/** Datapoints that the periods of one request may span: what would not fit into hundreds of pages is a mistake. */
const mostPeriods = 10 * mostDatapoints;

export function getMetricData({ points, flush }: { points: MetricPoints; flush: () => Promise<void> }): Handler {
  return async (input: GetMetricDataInput) => {
    const fromMs = (input.StartTime as Date).getTime();
    const toMs = (input.EndTime as Date).getTime();
    if (fromMs >= toMs) throw invalidRequest("The parameter StartTime must be less than the parameter EndTime.");
    const queries = input.MetricDataQueries ?? [];
    const shortest = Math.min(...queries.flatMap(({ MetricStat }) => MetricStat?.Period ?? []), 86_400);
    if (((toMs - fromMs) / 1000 / shortest) * queries.length > mostPeriods) {
      throw invalidRequest(
        `The request spans more than ${mostPeriods} periods: shorten the time or lengthen the period.`,
      );
    }
    const limit = input.MaxDatapoints ?? mostDatapoints;
    if (limit < 1 || limit > mostDatapoints) {
      throw invalidRequest(
        `The value ${limit} for parameter MaxDatapoints is invalid: it must be between 1 and ${mostDatapoints}.`,
      );
    }
    const checked = metricQueries(queries, points);
    await flush();
    const isAscending = input.ScanBy === "TimestampAscending";
    // Pages go through the datapoints of all results one after the other.
    const skipped = Number(pageStart(input.NextToken) ?? 0);
    let seen = 0;
    let taken = 0;
    const results = checked.results({ fromMs, toMs }).flatMap(({ id, label, series }) => {
      const entries = [...series.values];
      if (!isAscending) entries.reverse();
      const start = Math.max(0, skipped - seen);
      const page = entries.slice(start, start + limit - taken);
      seen += entries.length;
      taken += page.length;
      const isOnPage = page.length > 0 || (skipped === 0 && entries.length === 0);
      if (!isOnPage) return [];
      return {
        Id: id,
        Label: label,
        Timestamps: page.map(([atMs]) => new Date(atMs)),
        Values: page.map(([, value]) => value),
        StatusCode: start + page.length < entries.length ? "PartialData" : "Complete",
      };
    });
    const next = skipped + taken < seen ? String(skipped + taken) : undefined;
    return { MetricDataResults: results, NextToken: pageToken(next), Messages: [] };
  };
}
