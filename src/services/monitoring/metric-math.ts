import type { Expression, Operator } from "./expression.ts";
import { invalidRequest } from "./faults.ts";

/** Values by the beginning of their period, in order of time. */
export interface TimeSeries {
  label: string;
  periodSeconds: number;
  values: ReadonlyMap<number, number>;
}

export type MathValue = number | TimeSeries | TimeSeries[];

export interface MathContext {
  expression: string;
  /** What an id of the request stands for. */
  resolve(id: string): MathValue;
  /** All metrics of the request, without its expressions; those whose id contains the text. */
  metrics(having: string | undefined): TimeSeries[];
  /** The periods that are asked for, by their beginnings. */
  grid(periodSeconds: number): number[];
}

/** Values of an expression: numbers, series, and lists of series; what CloudWatch can do beyond that is refused by name. */
export function evaluate(expression: Expression, context: MathContext): MathValue {
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "text":
      throw refusal(context, `the text "${expression.value}" has no meaning here.`);
    case "reference":
      return context.resolve(expression.id);
    case "list":
      return expression.elements.flatMap((element) => allSeries(evaluate(element, context), context));
    case "negative":
      return eachValue(evaluate(expression.operand, context), (value) => -value);
    case "operation": {
      const [left, right] = [evaluate(expression.left, context), evaluate(expression.right, context)];
      return combine(left, right, operations[expression.operator]);
    }
    case "call":
      return call(expression, context);
    default:
      return expression satisfies never;
  }
}

const operations: Record<Operator, (left: number, right: number) => number> = {
  "||": (left, right) => Number(left !== 0 || right !== 0),
  "&&": (left, right) => Number(left !== 0 && right !== 0),
  "==": (left, right) => Number(left === right),
  "!=": (left, right) => Number(left !== right),
  "<": (left, right) => Number(left < right),
  "<=": (left, right) => Number(left <= right),
  ">": (left, right) => Number(left > right),
  ">=": (left, right) => Number(left >= right),
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "^": (left, right) => left ** right,
};

const perValue: Record<string, (value: number) => number> = {
  ABS: Math.abs,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
  LOG: Math.log,
  LOG10: Math.log10,
};

/** Of one series they make a number, of a list a series: period by period. */
const summaries: Record<string, (values: number[]) => number> = {
  SUM: sum,
  AVG: (values) => sum(values) / values.length,
  MIN: (values) => Math.min(...values),
  MAX: (values) => Math.max(...values),
  STDDEV: (values) => {
    const mean = sum(values) / values.length;
    return Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / values.length);
  },
};

/** Of one series to a series. */
const alongSeries: Record<string, (series: TimeSeries) => Iterable<[number, number]>> = {
  RATE: ({ values }) => steps(values).map(([atMs, value, stepMs]) => [atMs, value / (stepMs / 1000)]),
  DIFF: ({ values }) => steps(values).map(([atMs, value]) => [atMs, value]),
  DIFF_TIME: ({ values }) => steps(values).map(([atMs, , stepMs]) => [atMs, stepMs / 1000]),
  PERIOD: ({ values, periodSeconds }) => [...values.keys()].map((atMs) => [atMs, periodSeconds]),
  RUNNING_SUM: ({ values }) => {
    let total = 0;
    return [...values].map(([atMs, value]) => {
      total += value;
      return [atMs, total];
    });
  },
};

/** All functions that a call may name. */
const others = [
  "METRICS",
  "METRIC_COUNT",
  "DATAPOINT_COUNT",
  "TIME_SERIES",
  "FIRST",
  "LAST",
  "REMOVE_EMPTY",
  "FILL",
  "IF",
];

function call({ name, given }: { name: string; given: Expression[] }, context: MathContext): MathValue {
  const value = (index: number): MathValue => {
    const argument = given[index];
    if (argument === undefined) throw refusal(context, `${name} needs ${index + 1} or more arguments.`);
    return evaluate(argument, context);
  };
  const single = perValue[name];
  if (single !== undefined) return eachValue(value(0), single);
  const summary = summaries[name];
  if (summary !== undefined) return summarise(value(0), summary, { name, context });
  const along = alongSeries[name];
  if (along !== undefined) {
    return eachSeries(value(0), { name, context }, (series) => ({ ...series, values: new Map(along(series)) }));
  }
  switch (name) {
    case "METRICS":
      return context.metrics(given[0]?.kind === "text" ? given[0].value : undefined);
    case "METRIC_COUNT":
      return allSeries(value(0), context).length;
    case "DATAPOINT_COUNT":
      return summarise(value(0), (values) => values.length, { name, context });
    case "TIME_SERIES":
      return timeSeries(value(0), context);
    case "FIRST":
      return allSeries(value(0), context)[0] ?? [];
    case "LAST":
      return allSeries(value(0), context).at(-1) ?? [];
    case "REMOVE_EMPTY":
      return allSeries(value(0), context).filter(({ values }) => values.size > 0);
    case "FILL": {
      const filler = given[1];
      const how = filler?.kind === "text" ? filler.value.toUpperCase() : value(1);
      return eachSeries(value(0), { name, context }, (series) => filled(series, how, context));
    }
    case "IF":
      return choose([value(0), value(1), given[2] === undefined ? undefined : value(2)], context);
    default:
      throw refusal(
        context,
        `the function ${name} is not supported here (see COMPATIBILITY.md); supported are ${[...Object.keys({ ...perValue, ...summaries, ...alongSeries }), ...others].join(", ")}.`,
      );
  }
}

function eachValue(value: MathValue, change: (value: number) => number): MathValue {
  if (typeof value === "number") return change(value);
  if (Array.isArray(value)) return value.map((series) => changed(series, change));
  return changed(value, change);
}

/** What is no number any more (a division by zero) is no datapoint. */
function changed(series: TimeSeries, change: (value: number) => number): TimeSeries {
  return { ...series, values: finite([...series.values].map(([atMs, value]) => [atMs, change(value)])) };
}

function combine(left: MathValue, right: MathValue, operate: (left: number, right: number) => number): MathValue {
  if (typeof right === "number") return eachValue(left, (value) => operate(value, right));
  if (typeof left === "number") return eachValue(right, (value) => operate(left, value));
  if (Array.isArray(left)) {
    return left.map((series, index) => pairwise(series, Array.isArray(right) ? right[index] : right, operate));
  }
  if (Array.isArray(right)) return right.map((series) => pairwise(left, series, operate));
  return pairwise(left, right, operate);
}

/** Only periods in which both have a value. */
function pairwise(
  left: TimeSeries,
  right: TimeSeries | undefined,
  operate: (left: number, right: number) => number,
): TimeSeries {
  const pairs = [...left.values].flatMap(([atMs, value]): [number, number][] => {
    const other = right?.values.get(atMs);
    return other === undefined ? [] : [[atMs, operate(value, other)]];
  });
  return { ...left, periodSeconds: Math.max(left.periodSeconds, right?.periodSeconds ?? 0), values: finite(pairs) };
}

function summarise(value: MathValue, summary: (values: number[]) => number, about: About): MathValue {
  if (typeof value === "number") throw refusal(about.context, `${about.name} needs a time series.`);
  if (!Array.isArray(value)) return value.values.size === 0 ? Number.NaN : summary([...value.values.values()]);
  const [first] = value;
  if (first === undefined) return { label: about.name, periodSeconds: 60, values: new Map() };
  const times = [...new Set(value.flatMap(({ values }) => [...values.keys()]))].sort((a, b) => a - b);
  const entries = times.map((atMs): [number, number] => {
    const present = value.flatMap(({ values }) => values.get(atMs) ?? []);
    return [atMs, summary(present)];
  });
  return { label: about.name, periodSeconds: first.periodSeconds, values: finite(entries) };
}

interface About {
  name: string;
  context: MathContext;
}

function eachSeries(value: MathValue, { name, context }: About, change: (series: TimeSeries) => TimeSeries): MathValue {
  if (typeof value === "number") throw refusal(context, `${name} needs a time series.`);
  return Array.isArray(value) ? value.map(change) : change(value);
}

function allSeries(value: MathValue, context: MathContext): TimeSeries[] {
  if (typeof value === "number") throw refusal(context, "a list holds time series, no numbers.");
  return Array.isArray(value) ? value : [value];
}

/** A number as a series that has it in every period. */
function timeSeries(value: MathValue, context: MathContext): MathValue {
  if (typeof value !== "number") return value;
  const periodSeconds = Math.max(60, ...context.metrics(undefined).map((series) => series.periodSeconds));
  return {
    label: "TIME_SERIES",
    periodSeconds,
    values: finite(context.grid(periodSeconds).map((atMs) => [atMs, value])),
  };
}

function filled(series: TimeSeries, how: MathValue | string, context: MathContext): TimeSeries {
  const { values, periodSeconds } = series;
  const times = context.grid(periodSeconds);
  const known = [...values];
  const entries = times.flatMap((atMs): [number, number][] => {
    const value = values.get(atMs) ?? between(known, { atMs, how, context });
    return value === undefined ? [] : [[atMs, value]];
  });
  return { ...series, values: new Map(entries) };
}

function between(
  known: [number, number][],
  { atMs, how, context }: { atMs: number; how: MathValue | string; context: MathContext },
): number | undefined {
  if (typeof how === "number") return how;
  const before = known.findLast(([time]) => time < atMs);
  const after = known.find(([time]) => time > atMs);
  if (how === "REPEAT") return before?.[1];
  if (how === "LINEAR") {
    if (before === undefined || after === undefined) return undefined;
    return before[1] + ((after[1] - before[1]) * (atMs - before[0])) / (after[0] - before[0]);
  }
  if (typeof how === "string" || Array.isArray(how)) {
    throw refusal(context, "FILL takes a number, a time series, REPEAT or LINEAR as its second argument.");
  }
  return how.values.get(atMs);
}

/** IF(condition, whenTrue [, whenFalse]): without the last, periods in which the condition is false are left out. */
function choose([condition, whenTrue, whenFalse]: (MathValue | undefined)[], context: MathContext): MathValue {
  const isList = (value: MathValue | undefined): value is TimeSeries[] => Array.isArray(value);
  if (condition === undefined || isList(condition) || isList(whenTrue) || isList(whenFalse)) {
    throw refusal(context, "IF takes numbers and single time series.");
  }
  if (typeof condition === "number") return (condition !== 0 ? whenTrue : whenFalse) ?? [];
  const at = (value: MathValue | undefined, atMs: number) =>
    typeof value === "number" ? value : isList(value) ? undefined : value?.values.get(atMs);
  const entries = [...condition.values].flatMap(([atMs, holds]): [number, number][] => {
    const value = at(holds !== 0 ? whenTrue : whenFalse, atMs);
    return value === undefined ? [] : [[atMs, value]];
  });
  return { ...condition, values: finite(entries) };
}

/** From the second value on: its time, how much it is more than the one before, and how long after. */
function steps(values: ReadonlyMap<number, number>): [number, number, number][] {
  const entries = [...values];
  return entries.slice(1).map(([atMs, value], index) => {
    const [beforeMs, before] = entries[index] as [number, number];
    return [atMs, value - before, atMs - beforeMs];
  });
}

function finite(entries: Iterable<[number, number]>): Map<number, number> {
  return new Map([...entries].filter(([, value]) => Number.isFinite(value)));
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function refusal({ expression }: MathContext, message: string): Error {
  return invalidRequest(`Error in expression '${expression}': ${message}`);
}
