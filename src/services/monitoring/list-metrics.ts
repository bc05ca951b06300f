import type { ListMetricsInput } from "@aws-sdk/client-cloudwatch";
import type { Clock } from "../../ports/clock.ts";
import type { MetricPoints } from "../../ports/metric-points.ts";
import type { Metric } from "../../ports/metrics.ts";
import type { Handler } from "../../wire/service.ts";
import { pageStart, pageToken } from "./faults.ts";
import { dimensionList } from "./metric-input.ts";

/** As CloudWatch. */
const pageSize = 500;
const recentlyMs = 3 * 3_600_000;

export interface ListMetricsOptions {
  points: MetricPoints;
  clock: Clock;
  flush: () => Promise<void>;
}

export function listMetrics({ points, clock, flush }: ListMetricsOptions): Handler {
  return async (input: ListMetricsInput) => {
    await flush();
    const start = pageStart(input.NextToken);
    let after = start === undefined ? undefined : (JSON.parse(start) as Metric);
    const sinceMs = input.RecentlyActive === undefined ? 0 : clock.now() - recentlyMs;
    const found: Metric[] = [];
    // One more than a page tells whether there is a next one.
    for (;;) {
      const some = points.list({ namespace: input.Namespace, name: input.MetricName, after, limit: pageSize });
      const wanted = some.filter(({ metric, newestMs }) => newestMs >= sinceMs && hasDimensions(metric, input));
      found.push(...wanted.map(({ metric }) => metric));
      after = some.at(-1)?.metric;
      if (some.length < pageSize || found.length > pageSize) break;
    }
    const page = found.slice(0, pageSize);
    return {
      Metrics: page.map(({ namespace, name, dimensions }) => ({
        Namespace: namespace,
        MetricName: name,
        Dimensions: dimensionList(dimensions),
      })),
      NextToken: pageToken(found.length > pageSize ? JSON.stringify(page.at(-1)) : undefined),
    };
  };
}

/** A filter without a value asks for the name alone. */
function hasDimensions({ dimensions }: Metric, { Dimensions = [] }: ListMetricsInput): boolean {
  return Dimensions.every(({ Name, Value }) =>
    Value === undefined ? Object.hasOwn(dimensions, Name as string) : dimensions[Name as string] === Value,
  );
}
