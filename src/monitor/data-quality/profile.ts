import { type CategoryTally, createTally, type TallyBudget } from "./category-counts.ts";
import { bucketsOf, createKllSketch, type KllSketch } from "./kll-sketch.ts";
import { createMoments, type Moments } from "./moments.ts";
import { type CellType, type Row, type TypedCell, typedCell } from "./row.ts";
import type { FeatureStatistics, InferredType, Statistics } from "./statistics-file.ts";

/*
 * What is known of a data set after its rows went by once. Memory does not grow with the rows: per column one sketch, one
 * bounded tally and a handful of sums.
 */

/** A 32 x 32 picture as one column per value has 3,072. */
const mostColumns = 4096;
/** Over all columns together. */
const mostListedValues = 200_000;
/** Numbers are counted one by one, too, in case texts follow and the column turns out to be one of codes; codes are few. */
const mostNumericValues = 200;
/** Of one column in `statistics.json`, the most frequent first: a file for people and charts. */
const mostListedBuckets = 1000;

export interface Profile {
  /** `statistics.json`. */
  statistics: Statistics;
  rowCount: number;
  /** In the order of their first appearance. */
  features: ReadonlyMap<string, FeatureProfile>;
}

/** One column. */
export interface FeatureProfile {
  statistics: FeatureStatistics;
  present: number;
  missing: number;
  /** How many present values are of each type. */
  types: Readonly<Record<CellType, number>>;
  numbers: Moments;
  sketch: KllSketch;
  categories: CategoryTally;
}

export interface ProfileBuilder {
  /** Throws `RangeError` for the row that brings more columns than are profiled. */
  add(row: Row): void;
  finish(): Profile;
}

/** Profiles rows in the order they come: the same rows in the same order give the same statistics, to the last digit. */
export function createProfile(): ProfileBuilder {
  const columns = new Map<string, Column>();
  const budget: TallyBudget = { valuesLeft: mostListedValues };
  let rowCount = 0;
  const addColumn = (name: string): Column => {
    if (columns.size === mostColumns)
      throw new RangeError(`the data has more than ${mostColumns} columns: select the ones to monitor`);
    const column = newColumn(budget);
    columns.set(name, column);
    return column;
  };
  return {
    add(row) {
      for (const [name, cell] of row) {
        const column = columns.get(name) ?? addColumn(name);
        const typed = typedCell(cell);
        if (typed === undefined) continue;
        column.types[typed.type]++;
        countCategory(column, typed);
        if (typed.number === undefined) continue;
        column.numbers.add(typed.number);
        column.sketch.add(typed.number);
      }
      rowCount++;
    },
    finish() {
      const features = new Map([...columns].map(([name, column]) => [name, finished(name, column, rowCount)] as const));
      const statistics = {
        version: 0,
        dataset: { item_count: rowCount },
        features: [...features.values()].map((feature) => feature.statistics),
      };
      return { statistics, rowCount, features };
    },
  };
}

/** Profiles rows as they arrive. */
export async function profileOf(rows: AsyncIterable<Row>): Promise<Profile> {
  const profile = createProfile();
  for await (const row of rows) profile.add(row);
  return profile.finish();
}

interface Column {
  types: Record<CellType, number>;
  numbers: Moments;
  sketch: KllSketch;
  categories: CategoryTally;
  /** It has more different numbers than any set of codes. */
  isMeasured: boolean;
}

/** Of a column of measurements nothing is counted one by one; where a text comes late, counting begins with it. */
function countCategory(column: Column, { number, text }: TypedCell): void {
  const isNumeric = number !== undefined && column.types.String === 0;
  if (isNumeric && column.isMeasured) return;
  column.categories.add(text);
  if (!isNumeric || column.categories.size <= mostNumericValues) return;
  column.isMeasured = true;
  column.categories.clear();
}

function newColumn(budget: TallyBudget): Column {
  return {
    types: { Integral: 0, Fractional: 0, String: 0 },
    numbers: createMoments(),
    sketch: createKllSketch(),
    categories: createTally(budget),
    isMeasured: false,
  };
}

function finished(name: string, column: Column, rowCount: number): FeatureProfile {
  const { Integral, Fractional, String: texts } = column.types;
  const present = Integral + Fractional + texts;
  const missing = rowCount - present;
  const inferred_type = inferredType(column.types);
  const common = { num_present: present, num_missing: missing };
  const statistics: FeatureStatistics = { name, inferred_type };
  const isNumeric = inferred_type === "Integral" || inferred_type === "Fractional";
  if (isNumeric) statistics.numerical_statistics = numerical(column, common);
  else statistics.string_statistics = textual(column.categories, common);
  return { ...column, statistics, present, missing };
}

/** One text makes a column text, one fraction makes whole numbers fractions. */
function inferredType({ Integral, Fractional, String: texts }: Readonly<Record<CellType, number>>): InferredType {
  if (texts > 0) return "String";
  if (Fractional > 0) return "Fractional";
  return Integral > 0 ? "Integral" : "Unknown";
}

function numerical({ numbers, sketch }: Column, common: { num_present: number; num_missing: number }) {
  const { mean, sum, deviation, min, max } = numbers;
  const data = sketch.data();
  return {
    common,
    mean,
    sum,
    std_dev: deviation,
    min,
    max,
    distribution: { kll: { buckets: bucketsOf(data, { min, max }), sketch: data } },
  };
}

function textual(categories: CategoryTally, common: { num_present: number; num_missing: number }) {
  const counts = categories.counts().slice(0, mostListedBuckets);
  return {
    common,
    distinct_count: categories.distinct(),
    distribution: { categorical: { buckets: counts.map(([value, count]) => ({ value, count })) } },
  };
}
