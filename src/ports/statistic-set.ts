/** What is kept of many observations: enough for every statistic, and never more than a few kilobytes. */
export interface StatisticSet {
  count: number;
  sum: number;
  minimum: number;
  maximum: number;
  /**
   * Distinct values and how often each occurred, in ascending order; close ones share an entry once there are many.
   * `undefined` when whoever sent it knew only the four numbers above, so that there are no percentiles.
   */
  values: readonly ValueCount[] | undefined;
}

export type ValueCount = readonly [value: number, count: number];

/** Beyond this close values are put together, first those within 1 % of each other: some 4 KB as text. */
export const mostDistinctValues = 250;

/** At least one value is given. */
export function statisticSet(values: readonly ValueCount[]): StatisticSet {
  const counts = new Map<number, number>();
  for (const [value, count] of values) counts.set(value, (counts.get(value) ?? 0) + count);
  const distinct = [...counts].sort(([a], [b]) => a - b);
  return {
    count: distinct.reduce((sum, [, count]) => sum + count, 0),
    sum: distinct.reduce((sum, [value, count]) => sum + value * count, 0),
    minimum: distinct[0]?.[0] as number,
    maximum: distinct.at(-1)?.[0] as number,
    values: compact(distinct),
  };
}

/** The set of all sets' observations. At least one is given. */
export function mergeSets(sets: readonly StatisticSet[]): StatisticSet {
  const isKnown = sets.every(({ values }) => values !== undefined);
  return {
    count: sets.reduce((sum, set) => sum + set.count, 0),
    sum: sets.reduce((sum, set) => sum + set.sum, 0),
    minimum: sets.reduce((least, { minimum }) => Math.min(least, minimum), Number.POSITIVE_INFINITY),
    maximum: sets.reduce((most, { maximum }) => Math.max(most, maximum), Number.NEGATIVE_INFINITY),
    values: isKnown ? statisticSet(sets.flatMap(({ values = [] }) => values)).values : undefined,
  };
}

/** Values of one logarithmic step share the entry of the first of them; steps grow until few enough are left. */
function compact(ascending: readonly ValueCount[]): readonly ValueCount[] {
  let compacted = ascending;
  for (let width = 0.01; compacted.length > mostDistinctValues; width *= 2) {
    const steps = new Map<string, [number, number]>();
    for (const [value, count] of ascending) {
      const step =
        value === 0 ? "0" : `${Math.sign(value)} ${Math.floor(Math.log(Math.abs(value)) / Math.log1p(width))}`;
      const entry = steps.get(step);
      if (entry === undefined) steps.set(step, [value, count]);
      else entry[1] += count;
    }
    compacted = [...steps.values()];
  }
  return compacted;
}
