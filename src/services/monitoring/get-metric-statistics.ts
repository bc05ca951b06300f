import type { Datapoint, GetMetricStatisticsInput } from "@aws-sdk/client-cloudwatch";
import type { MetricPoints } from "../../ports/metric-points.ts";
import type { Handler } from "../../wire/service.ts";
import { invalidCombination, invalidValue, missingParameter } from "./faults.ts";
import { checkPeriod, metricFrom } from "./metric-input.ts";
import { periodsOf } from "./periods.ts";
import { statisticOf } from "./statistic.ts";

/** As CloudWatch. */
const mostDatapoints = 1440;

/** `flush` makes what services have recorded visible. */
export function getMetricStatistics({ points, flush }: { points: MetricPoints; flush: () => Promise<void> }): Handler {
  return async (input: GetMetricStatisticsInput) => {
    const { Statistics = [], ExtendedStatistics = [], Period: periodSeconds = 60 } = input;
    const names = [...Statistics, ...ExtendedStatistics] as string[];
    if (names.length === 0) throw missingParameter("The parameters Statistics or ExtendedStatistics are required.");
    checkPeriod(periodSeconds);
    const extended = ExtendedStatistics.map((name) => [name, statisticOf(name)] as const);
    for (const [name, statistic] of extended) {
      if (statistic === undefined || /^(SampleCount|Average|Sum|Minimum|Maximum)$/.test(name)) {
        throw invalidValue(`The value ${name} for parameter ExtendedStatistics.member.1 is not supported.`);
      }
    }
    const stepMs = periodSeconds < 60 ? 1000 : 60_000;
    const fromMs = Math.floor((input.StartTime as Date).getTime() / stepMs) * stepMs;
    const toMs = (input.EndTime as Date).getTime();
    if (fromMs >= toMs) throw invalidValue("The parameter StartTime must be less than the parameter EndTime.");
    const asked = Math.ceil((toMs - fromMs) / (periodSeconds * 1000));
    if (asked > mostDatapoints) {
      throw invalidCombination(
        `You have requested up to ${asked} datapoints, which exceeds the limit of ${mostDatapoints}. You may reduce the datapoints requested by increasing Period, or decreasing the time range.`,
      );
    }
    await flush();
    const periods = periodsOf(points, { metric: metricFrom(input), unit: input.Unit, periodSeconds, fromMs, toMs });
    return {
      Label: input.MetricName,
      Datapoints: periods.map(({ startMs, unit, set }) => {
        const datapoint: Record<string, unknown> = { Timestamp: new Date(startMs), Unit: unit };
        for (const name of Statistics as string[]) datapoint[name] = statisticOf(name)?.(set);
        const told = extended.flatMap(([name, statistic]) => {
          const value = statistic?.(set);
          return value === undefined ? [] : [[name, value] as const];
        });
        if (told.length > 0) datapoint["ExtendedStatistics"] = Object.fromEntries(told);
        return datapoint as Datapoint;
      }),
    };
  };
}
