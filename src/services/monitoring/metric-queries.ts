import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import type { MetricPoints } from "../../ports/metric-points.ts";
import { type Expression, parseExpression, referencesOf } from "./expression.ts";
import { invalidRequest } from "./faults.ts";
import { checkPeriod, metricFrom } from "./metric-input.ts";
import { evaluate, type MathContext, type MathValue, type TimeSeries } from "./metric-math.ts";
import { periodsOf } from "./periods.ts";
import { type Statistic, statisticOf } from "./statistic.ts";

/** As CloudWatch. */
const mostQueries = 500;
/** Expressions over expressions over expressions: bounded, because each is a step down the stack. */
const highest = 20;

interface CheckedQuery {
  query: MetricDataQuery;
  statistic?: Statistic;
  expression?: Expression;
}

export interface MetricQueries {
  /** What each query that returns data gives, in the order of the request. */
  /** Periods are whole ones since 1970, or, not `isAligned`, counted from `fromMs`. */
  results(range: {
    fromMs: number;
    toMs: number;
    isAligned?: boolean;
  }): { id: string; label: string; series: TimeSeries }[];
  /** The longest period of the metrics. */
  periodSeconds: number;
}

/** Metrics and expressions over them, checked before anything is read. */
export function metricQueries(queries: readonly MetricDataQuery[], points: MetricPoints): MetricQueries {
  if (queries.length === 0) throw invalidRequest("The parameter MetricDataQueries is required.");
  if (queries.length > mostQueries) {
    throw invalidRequest(`The collection MetricDataQueries must not have a size greater than ${mostQueries}.`);
  }
  const checked = new Map<string, CheckedQuery>();
  for (const [index, query] of queries.entries()) {
    const id = query.Id ?? "";
    if (checked.has(id))
      throw invalidRequest(`The values for parameter MetricDataQueries.member.${index + 1}.Id must be unique.`);
    checked.set(id, check(query, `MetricDataQueries.member.${index + 1}`));
  }
  checkReferences(checked);
  if (queries.every(({ ReturnData }) => ReturnData === false)) {
    throw invalidRequest("At least one query in MetricDataQueries must return data.");
  }
  const labels = labelsOf(queries);
  const periods = queries.flatMap(({ MetricStat }) => MetricStat?.Period ?? []);

  return {
    periodSeconds: Math.max(1, ...periods),
    results({ fromMs, toMs, isAligned = true }) {
      const known = new Map<string, MathValue>();
      const read = ({ MetricStat, Id = "" }: MetricDataQuery, statistic: Statistic): TimeSeries => {
        const { Metric = {}, Period: periodSeconds = 60, Unit } = MetricStat ?? {};
        const [startMs = fromMs] = grid(periodSeconds);
        const found = periodsOf(points, {
          metric: metricFrom(Metric),
          unit: Unit,
          periodSeconds,
          fromMs: startMs,
          toMs,
        });
        const values = found.flatMap((period): [number, number][] => {
          const value = statistic(period.set);
          return value === undefined ? [] : [[period.startMs, value]];
        });
        return { label: labels.get(Id) as string, periodSeconds, values: new Map(values) };
      };
      const grid = (periodSeconds: number): number[] => {
        const periodMs = periodSeconds * 1000;
        const startMs = isAligned ? Math.floor(fromMs / periodMs) * periodMs : fromMs;
        return Array.from({ length: Math.ceil((toMs - startMs) / periodMs) }, (_, index) => startMs + index * periodMs);
      };
      const resolve = (id: string): MathValue => {
        const before = known.get(id);
        if (before !== undefined) return before;
        const { query, statistic, expression } = checked.get(id) as CheckedQuery;
        const context: MathContext = { expression: query.Expression ?? "", resolve, metrics, grid };
        const value = expression ? evaluate(expression, context) : read(query, statistic as Statistic);
        known.set(id, value);
        return value;
      };
      const metrics = (having: string | undefined): TimeSeries[] =>
        queries
          .filter(({ Id, MetricStat }) => MetricStat !== undefined && (having === undefined || Id?.includes(having)))
          .map(({ Id }) => resolve(Id as string) as TimeSeries);

      return queries
        .filter(({ ReturnData }) => ReturnData !== false)
        .flatMap(({ Id = "", Expression: text, Label }) => {
          const value = resolve(Id);
          if (typeof value === "number") {
            throw invalidRequest(`Error in expression '${Id}': ${text} gives a single number; wrap it in TIME_SERIES.`);
          }
          const series = Array.isArray(value) ? value : [value];
          return series.map((one) => ({
            id: Id,
            label: Array.isArray(value) ? [Label, one.label].filter(Boolean).join(" ") : (labels.get(Id) as string),
            series: one,
          }));
        });
    },
  };
}

function check(query: MetricDataQuery, path: string): CheckedQuery {
  const { Id = "", MetricStat, Expression: text } = query;
  if (!/^[a-z]\w*$/.test(Id)) {
    throw invalidRequest(
      `The value ${Id} for parameter ${path}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.`,
    );
  }
  if ((MetricStat === undefined) === (text === undefined)) {
    throw invalidRequest(`Exactly one of ${path}.MetricStat and ${path}.Expression must be specified.`);
  }
  if (text !== undefined) {
    if (/^\s*SELECT\s/i.test(text)) {
      throw invalidRequest(
        `${path}.Expression is a Metrics Insights query, which is not supported here (see COMPATIBILITY.md).`,
      );
    }
    return { query, expression: parseExpression(text) };
  }
  checkPeriod(MetricStat?.Period ?? 0);
  const statistic = statisticOf(MetricStat?.Stat ?? "");
  if (statistic === undefined) {
    throw invalidRequest(`The value ${MetricStat?.Stat} for parameter ${path}.MetricStat.Stat is not supported.`);
  }
  metricFrom(MetricStat?.Metric ?? {});
  return { query, statistic };
}

/** An expression may name any other query, but not itself, directly or through others. */
function checkReferences(queries: Map<string, CheckedQuery>): void {
  const heights = new Map<string, number>();
  const heightOf = (id: string, above: readonly string[]): number => {
    const known = heights.get(id);
    if (known !== undefined) return known;
    if (above.includes(id)) throw invalidRequest(`Error in expression '${id}': it refers to itself.`);
    const { expression } = queries.get(id) as CheckedQuery;
    let height = 0;
    for (const named of expression === undefined ? [] : referencesOf(expression)) {
      if (queries.has(named)) height = Math.max(height, heightOf(named, [...above, id]) + 1);
      else throw invalidRequest(`Error in expression '${id}': Unknown reference: '${named}'.`);
    }
    if (height > highest)
      throw invalidRequest(`Error in expression '${id}': more than ${highest} expressions build on each other.`);
    heights.set(id, height);
    return height;
  };
  for (const id of queries.keys()) heightOf(id, []);
}

/** A metric is called by its name, and by what else distinguishes it from the others. */
function labelsOf(queries: readonly MetricDataQuery[]): Map<string, string> {
  const metrics = queries.flatMap(({ MetricStat }) => MetricStat ?? []);
  const differs = (part: (stat: (typeof metrics)[number]) => unknown) => new Set(metrics.map(part)).size > 1;
  const [byStat, byPeriod] = [differs(({ Stat }) => Stat), differs(({ Period }) => Period)];
  return new Map(
    queries.map(({ Id = "", Label, MetricStat }) => {
      if (MetricStat === undefined) return [Id, Label ?? Id];
      const { Metric, Stat, Period } = MetricStat;
      const parts = [Metric?.MetricName, ...(byStat ? [Stat] : []), ...(byPeriod ? [Period] : [])];
      return [Id, Label ?? parts.join(" ")];
    }),
  );
}
