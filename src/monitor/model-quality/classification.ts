import type { Judgement } from "./judgement.ts";

/** Counts of what was true (outer) and what was answered (inner), every class in both. */
export type ConfusionMatrix = Record<string, Record<string, number>>;

/** One metric per name, as `statistics.json` calls them. */
export type Metrics = Record<string, number>;

export interface ClassificationFigures {
  classes: string[];
  /** Of a two-class problem the class that is looked for: `1`, or the last one. */
  positive: string;
}

/** The classes of a data set in order: numbers by size, words by letters. */
export function classesOf(judgements: readonly Judgement[]): string[] {
  const found = new Set(judgements.flatMap(({ actual, predicted }) => [actual, predicted]));
  const areNumbers = [...found].every((name) => Number.isFinite(Number(name)));
  return [...found].sort((a, b) => (areNumbers ? Number(a) - Number(b) : a < b ? -1 : 1));
}

/** Data of one class alone says nothing of the other one: where its name allows it, that is 0 or 1. */
export function figuresOf(classes: readonly string[]): ClassificationFigures {
  const isZeroOne = classes.every((name) => name === "0" || name === "1");
  const all = isZeroOne ? ["0", "1"] : [...classes];
  return { classes: all, positive: all.includes("1") ? "1" : (all.at(-1) ?? "1") };
}

export function confusionOf(judgements: readonly Judgement[], classes: readonly string[]): ConfusionMatrix {
  const matrix: ConfusionMatrix = Object.fromEntries(
    classes.map((actual) => [actual, Object.fromEntries(classes.map((predicted) => [predicted, 0]))]),
  );
  for (const { actual, predicted } of judgements) {
    const row = matrix[actual] as Record<string, number>;
    row[predicted] = (row[predicted] as number) + 1;
  }
  return matrix;
}

/** Metrics of a two-class problem, without those that need probabilities. */
export function binaryMetrics(matrix: ConfusionMatrix, { classes, positive }: ClassificationFigures): Metrics {
  const counts = countsOf(matrix, classes, positive);
  const { truePositives, falsePositives, falseNegatives, trueNegatives } = counts;
  const all = truePositives + falsePositives + falseNegatives + trueNegatives;
  const falsePositiveRate = share(falsePositives, falsePositives + trueNegatives);
  const constant = { ...counts, truePositives: truePositives + falseNegatives, falseNegatives: 0 };
  constant.falsePositives = falsePositives + trueNegatives;
  return {
    recall: recallOf(counts),
    precision: precisionOf(counts),
    accuracy: share(truePositives + trueNegatives, all),
    true_positive_rate: recallOf(counts),
    true_negative_rate: falsePositives + trueNegatives === 0 ? 0 : 1 - falsePositiveRate,
    false_positive_rate: falsePositiveRate,
    false_negative_rate: share(falseNegatives, truePositives + falseNegatives),
    ...fScores(counts, ""),
    recall_best_constant_classifier: recallOf(constant),
    precision_best_constant_classifier: precisionOf(constant),
    accuracy_best_constant_classifier: share(constant.truePositives, all),
    ...fScores(constant, "_best_constant_classifier"),
  };
}

/** Metrics of any number of classes, weighted by the share of each class in the truth. */
export function multiclassMetrics(matrix: ConfusionMatrix, { classes, positive }: ClassificationFigures): Metrics {
  const all = sumOf(classes.map((actual) => sumOf(Object.values(matrix[actual] ?? {}))));
  const correct = sumOf(classes.map((name) => matrix[name]?.[name] ?? 0));
  const constantMatrix = Object.fromEntries(
    classes.map((actual) => [actual, { [positive]: sumOf(Object.values(matrix[actual] ?? {})) }]),
  );
  return {
    accuracy: share(correct, all),
    ...weightedScores(matrix, classes, ""),
    accuracy_best_constant_classifier: share(constantMatrix[positive]?.[positive] ?? 0, all),
    ...weightedScores(constantMatrix, classes, "_best_constant_classifier"),
  };
}

interface Counts {
  truePositives: number;
  falsePositives: number;
  falseNegatives: number;
  trueNegatives: number;
}

function countsOf(matrix: ConfusionMatrix, classes: readonly string[], name: string): Counts {
  const counts = { truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0 };
  for (const actual of classes) {
    for (const predicted of classes) {
      const count = matrix[actual]?.[predicted] ?? 0;
      if (actual === name) counts[predicted === name ? "truePositives" : "falseNegatives"] += count;
      else counts[predicted === name ? "falsePositives" : "trueNegatives"] += count;
    }
  }
  return counts;
}

function weightedScores(matrix: ConfusionMatrix, classes: readonly string[], suffix: string): Metrics {
  const perClass = classes.map((name) => countsOf(matrix, classes, name));
  const all = sumOf(perClass.map((counts) => counts.truePositives + counts.falseNegatives));
  const weighted = (score: (counts: Counts) => number): number =>
    sumOf(perClass.map((counts) => score(counts) * share(counts.truePositives + counts.falseNegatives, all)));
  return {
    [`weighted_recall${suffix}`]: weighted(recallOf),
    [`weighted_precision${suffix}`]: weighted(precisionOf),
    [`weighted_f0_5${suffix}`]: weighted((counts) => fScore(counts, 0.5)),
    [`weighted_f1${suffix}`]: weighted((counts) => fScore(counts, 1)),
    [`weighted_f2${suffix}`]: weighted((counts) => fScore(counts, 2)),
  };
}

function fScores(counts: Counts, suffix: string): Metrics {
  return {
    [`f0_5${suffix}`]: fScore(counts, 0.5),
    [`f1${suffix}`]: fScore(counts, 1),
    [`f2${suffix}`]: fScore(counts, 2),
  };
}

function fScore(counts: Counts, beta: number): number {
  const [precision, recall] = [precisionOf(counts), recallOf(counts)];
  return share((1 + beta * beta) * precision * recall, beta * beta * precision + recall);
}

function recallOf({ truePositives, falseNegatives }: Counts): number {
  return share(truePositives, truePositives + falseNegatives);
}

function precisionOf({ truePositives, falsePositives }: Counts): number {
  return share(truePositives, truePositives + falsePositives);
}

/** 0 of nothing, as the metrics of Spark have it. */
function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
