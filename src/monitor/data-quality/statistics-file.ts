import type { Bucket, SketchData } from "./kll-sketch.ts";
import { type Fields, fieldsOf, monitoringFile } from "./monitoring-file.ts";

export type InferredType = "Integral" | "Fractional" | "String" | "Unknown";

/** `statistics.json`, in AWS's spelling. */
export interface Statistics {
  version: number;
  dataset: { item_count: number };
  features: FeatureStatistics[];
}

export interface FeatureStatistics {
  name: string;
  inferred_type: InferredType;
  /** Of Integral and Fractional features. */
  numerical_statistics?: NumericalStatistics;
  /** Of String features. */
  string_statistics?: StringStatistics;
}

export interface CommonStatistics {
  num_present: number;
  num_missing: number;
}

export interface NumericalStatistics {
  common: CommonStatistics;
  mean: number;
  sum: number;
  /** Of the population: divided by the count. */
  std_dev: number;
  min: number;
  max: number;
  distribution?: { kll: { buckets: Bucket[]; sketch: SketchData } };
}

export interface StringStatistics {
  common: CommonStatistics;
  distinct_count: number;
  distribution?: { categorical: { buckets: { value: string; count: number }[] } };
}

/** Reads a `statistics.json` of AWS's analyzer or ours; members that it does not know are left alone. Throws `MonitoringFileError`. */
export function parseStatistics(text: string): Statistics {
  const file = fieldsOf(monitoringFile("statistics.json", text));
  return {
    version: file.number("version") ?? 0,
    dataset: { item_count: file.object("dataset")?.number("item_count") ?? 0 },
    features: file.list("features").map(featureIn),
  };
}

function featureIn(feature: Fields): FeatureStatistics {
  const numerical = feature.object("numerical_statistics");
  const textual = feature.object("string_statistics");
  return {
    name: feature.required("name", feature.text("name")),
    inferred_type: inferredTypeIn(feature),
    ...(numerical && { numerical_statistics: numericalIn(numerical) }),
    ...(textual && { string_statistics: textualIn(textual) }),
  };
}

export function inferredTypeIn(feature: Fields): InferredType {
  return feature.choice("inferred_type", ["Integral", "Fractional", "String", "Unknown"]) ?? "Unknown";
}

function numericalIn(fields: Fields): NumericalStatistics {
  const kll = fields.object("distribution")?.object("kll");
  const sketch = kll?.object("sketch");
  return {
    common: commonIn(fields),
    mean: fields.number("mean") ?? 0,
    sum: fields.number("sum") ?? 0,
    std_dev: fields.number("std_dev") ?? 0,
    min: fields.number("min") ?? 0,
    max: fields.number("max") ?? 0,
    ...(sketch && { distribution: { kll: { buckets: bucketsIn(kll as Fields), sketch: sketchIn(sketch) } } }),
  };
}

function bucketsIn(kll: Fields): Bucket[] {
  return kll.list("buckets").map((bucket) => ({
    lower_bound: bucket.number("lower_bound") ?? 0,
    upper_bound: bucket.number("upper_bound") ?? 0,
    count: bucket.number("count") ?? 0,
  }));
}

function sketchIn(sketch: Fields): SketchData {
  const parameters = sketch.object("parameters");
  return {
    parameters: { c: parameters?.number("c") ?? 0.64, k: parameters?.number("k") ?? 2048 },
    data: sketch.numberLists("data"),
  };
}

function textualIn(fields: Fields): StringStatistics {
  const categorical = fields.object("distribution")?.object("categorical");
  return {
    common: commonIn(fields),
    distinct_count: fields.number("distinct_count") ?? 0,
    ...(categorical && {
      distribution: {
        categorical: {
          buckets: categorical.list("buckets").map((bucket) => ({
            value: bucket.required("value", bucket.text("value")),
            count: bucket.number("count") ?? 0,
          })),
        },
      },
    }),
  };
}

function commonIn(fields: Fields): CommonStatistics {
  const common = fields.object("common");
  return { num_present: common?.number("num_present") ?? 0, num_missing: common?.number("num_missing") ?? 0 };
}
