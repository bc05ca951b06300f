import {
  binaryMetrics,
  type ClassificationFigures,
  type ConfusionMatrix,
  classesOf,
  confusionOf,
  figuresOf,
  type Metrics,
  multiclassMetrics,
} from "./classification.ts";
import { type Curves, curvesOf } from "./curves.ts";
import type { Judgement, ProblemType } from "./judgement.ts";
import { regressionMetrics } from "./regression.ts";

/** `statistics.json` of a model quality job, in AWS's spelling; one of the three groups is there. */
export interface QualityReport {
  version: number;
  dataset: { item_count: number };
  binary_classification_metrics?: QualityMetrics;
  multiclass_classification_metrics?: QualityMetrics;
  regression_metrics?: QualityMetrics;
}

export type MetricsGroup = `${"binary_classification" | "multiclass_classification" | "regression"}_metrics`;

export type QualityMetrics = Record<string, Metric | ConfusionMatrix | Record<string, number[]>>;

export interface Metric {
  value: number;
  /** Of the metric over random parts of the data; the text "NaN" where there are too few records to tell. */
  standard_deviation: number | "NaN";
}

export const groupNames: Record<ProblemType, MetricsGroup> = {
  BinaryClassification: "binary_classification_metrics",
  MulticlassClassification: "multiclass_classification_metrics",
  Regression: "regression_metrics",
};

/** Below this AWS's analyzer gives no deviation: 80 % of less says little. */
const fewestForDeviation = 200;
const samples = 5;
const sampleShare = 0.8;

export interface QualityReportOptions {
  problemType: ProblemType;
  /** Uniform in [0, 1): which records are in the samples. A seeded one makes a report that can be repeated. */
  random: () => number;
}

/** What the judgements of a window say about the model; throws `RangeError` when there are none. */
export function qualityReport(judgements: readonly Judgement[], options: QualityReportOptions): QualityReport {
  if (judgements.length === 0)
    throw new RangeError("there is no record with a prediction and a ground truth: check ids, offsets and attributes");
  return {
    version: 0,
    dataset: { item_count: judgements.length },
    [groupNames[options.problemType]]: metricsOf(judgements, options),
  };
}

function metricsOf(judgements: readonly Judgement[], { problemType, random }: QualityReportOptions): QualityMetrics {
  if (problemType === "Regression") return withDeviations(judgements, random, regressionMetrics);
  const figures = figuresOf(classesOf(judgements));
  const confusion_matrix = confusionOf(judgements, figures.classes);
  if (problemType === "MulticlassClassification") {
    const metrics = withDeviations(judgements, random, (part) =>
      multiclassMetrics(confusionOf(part, figures.classes), figures),
    );
    return { confusion_matrix, ...metrics };
  }
  if (figures.classes.length > 2)
    throw new RangeError(
      `a binary problem has two classes and the data has ${figures.classes.length} (${figures.classes.slice(0, 5).join(", ")}): choose MulticlassClassification`,
    );
  const metrics = withDeviations(judgements, random, (part) => ({
    ...binaryMetrics(confusionOf(part, figures.classes), figures),
    ...areas(curves(part, figures)),
  }));
  return { confusion_matrix, ...metrics, ...drawn(curves(judgements, figures)) };
}

function curves(judgements: readonly Judgement[], { positive }: ClassificationFigures): Curves | undefined {
  const scored = judgements.flatMap(({ actual, probability }) =>
    probability === undefined ? [] : [{ probability, isPositive: actual === positive }],
  );
  return scored.length === judgements.length ? curvesOf(scored) : undefined;
}

function areas(found: Curves | undefined): Metrics {
  return found === undefined ? {} : { auc: found.auc, au_prc: found.auPrc };
}

function drawn(found: Curves | undefined): QualityMetrics {
  if (found === undefined) return {};
  return {
    receiver_operating_characteristic_curve: {
      false_positive_rates: found.falsePositiveRates,
      true_positive_rates: found.truePositiveRates,
    },
    precision_recall_curve: { precisions: found.precisions, recalls: found.recalls },
  };
}

function withDeviations(
  judgements: readonly Judgement[],
  random: () => number,
  measure: (part: readonly Judgement[]) => Metrics,
): Record<string, Metric> {
  const isEnough = judgements.length >= fewestForDeviation;
  const parts = isEnough ? Array.from({ length: samples }, () => measure(sampleOf(judgements, random))) : [];
  return Object.fromEntries(
    Object.entries(measure(judgements)).map(([name, value]) => {
      // A part without one of the classes has no area under a curve.
      const values = parts.flatMap((part) => part[name] ?? []);
      return [name, { value, standard_deviation: values.length < samples ? "NaN" : deviationOf(values) }];
    }),
  );
}

function sampleOf(judgements: readonly Judgement[], random: () => number): Judgement[] {
  const pool = [...judgements];
  const size = Math.floor(pool.length * sampleShare);
  for (let i = 0; i < size; i++) {
    const other = i + Math.floor(random() * (pool.length - i));
    [pool[i], pool[other]] = [pool[other] as Judgement, pool[i] as Judgement];
  }
  return pool.slice(0, size);
}

/** Of a sample: divided by one less than the count. */
function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
