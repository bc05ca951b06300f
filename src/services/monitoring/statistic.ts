import type { StatisticSet, ValueCount } from "../../ports/statistic-set.ts";

/** Answers `undefined` where the statistic cannot be told, such as a percentile of sets without values. */
export type Statistic = (set: StatisticSet) => number | undefined;

const simple: Record<string, Statistic> = {
  SampleCount: ({ count }) => count,
  Average: ({ sum, count }) => sum / count,
  Sum: ({ sum }) => sum,
  Minimum: ({ minimum }) => minimum,
  Maximum: ({ maximum }) => maximum,
};

/** By CloudWatch's name of it (`Average`, `p99.9`, `TM(10%:90%)`, `PR(:300)`, `IQM` ...); `undefined` for what is none. */
export function statisticOf(name: string): Statistic | undefined {
  if (Object.hasOwn(simple, name)) return simple[name];
  if (name === "IQM") return ranged("TM", { isPercent: true, low: 25, high: 75 });
  const short = /^(p|tm|wm|tc|ts)(\d{1,3}(?:\.\d{1,10})?)$/i.exec(name);
  if (short !== null) {
    const [, kind = "", digits] = short;
    const high = Number(digits);
    if (high > 100) return undefined;
    return kind.toLowerCase() === "p"
      ? percentile(high)
      : ranged(kind.toUpperCase(), { isPercent: true, low: 0, high });
  }
  const long = /^(TM|WM|TC|TS|PR)\(([\d.]*)(%?):([\d.]*)(%?)\)$/i.exec(name);
  if (long === null) return undefined;
  const [, kind = "", low = "", lowSign, high = "", highSign] = long;
  const isPercent = lowSign === "%" || highSign === "%";
  if ((low === "" && high === "") || (kind.toUpperCase() === "PR" && isPercent)) return undefined;
  const bounds = {
    isPercent,
    low: low === "" ? Number.NEGATIVE_INFINITY : Number(low),
    high: high === "" ? Number.POSITIVE_INFINITY : Number(high),
  };
  return Number.isNaN(bounds.low) || Number.isNaN(bounds.high) ? undefined : ranged(kind.toUpperCase(), bounds);
}

function percentile(percent: number): Statistic {
  return ({ values, maximum }) => {
    if (values === undefined) return undefined;
    const total = values.reduce((sum, [, count]) => sum + count, 0);
    const rank = (percent / 100) * total;
    let seen = 0;
    for (const [value, count] of values) {
      seen += count;
      // A billionth is lost in adding up counts that are no whole numbers.
      if (seen >= rank - 1e-9) return value;
    }
    return maximum;
  };
}

/** Trimmed mean, count and sum, winsorized mean and percentile rank: what lies between two bounds. */
function ranged(kind: string, { isPercent, low, high }: { isPercent: boolean; low: number; high: number }): Statistic {
  return ({ values }) => {
    if (values === undefined) return undefined;
    const total = countOf(values);
    const inside = isPercent
      ? slice(values, (Math.max(0, low) / 100) * total, (Math.min(100, high) / 100) * total)
      : values.filter(([value]) => value > low && value <= high);
    const count = countOf(inside);
    const sum = inside.reduce((running, [value, times]) => running + value * times, 0);
    switch (kind) {
      case "TC":
        return count;
      case "TS":
        return count === 0 ? undefined : sum;
      case "PR":
        return (count / total) * 100;
      case "TM":
        return count === 0 ? undefined : sum / count;
      default:
        return winsorizedMean(values, inside);
    }
  };
}

/** Values outside count as the nearest one inside. */
function winsorizedMean(values: readonly ValueCount[], inside: readonly ValueCount[]): number | undefined {
  const [least, most] = [inside[0]?.[0], inside.at(-1)?.[0]];
  if (least === undefined || most === undefined) return undefined;
  const sum = values.reduce((running, [value, count]) => running + Math.min(most, Math.max(least, value)) * count, 0);
  return sum / countOf(values);
}

/** The observations from rank `from` to rank `to`; an entry on the border counts by its share inside. */
function slice(values: readonly ValueCount[], from: number, to: number): ValueCount[] {
  let seen = 0;
  return values.flatMap(([value, count]) => {
    const begin = Math.max(seen, from);
    seen += count;
    const share = Math.min(seen, to) - begin;
    return share > 0 ? [[value, share] as const] : [];
  });
}

function countOf(values: readonly ValueCount[]): number {
  return values.reduce((sum, [, count]) => sum + count, 0);
}
