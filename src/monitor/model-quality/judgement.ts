import type { Cell, Row } from "../data-quality/row.ts";

export type ProblemType = "BinaryClassification" | "MulticlassClassification" | "Regression";

/** What a model answered and what was true. */
export interface Judgement {
  actual: string;
  predicted: string;
  /** Of the positive class, where the data tells it. */
  probability?: number;
}

/** Where the columns of a labelled record are. */
export interface JudgementColumns {
  problemType: ProblemType;
  /** A column, its index among the unnamed ones, or a path such as `$.predictions[0].score`. */
  inferenceAttribute?: string;
  probabilityAttribute?: string;
  /** From here on a probability means the positive class; .5 where nobody says. */
  probabilityThreshold?: number;
  groundTruthAttribute: string;
  /** What the model calls its classes, by index: then a number on either side is one of these names. */
  classLabels?: readonly string[];
}

/** The judgement in a row, or the sentence that says why there is none. */
export function judgementIn(row: Row, columns: JudgementColumns): Judgement | string {
  const truth = textIn(row, columns.groundTruthAttribute);
  if (truth === undefined) return `the ground truth ${columns.groundTruthAttribute} is missing`;
  const probability = probabilityIn(row, columns);
  if (typeof probability === "string") return probability;
  const predicted = predictedIn(row, columns, probability);
  if (predicted === undefined)
    return `the prediction ${columns.inferenceAttribute ?? columns.probabilityAttribute ?? ""} is missing: name it with the inference or probability attribute`;
  if (columns.problemType === "Regression") {
    for (const text of [truth, predicted])
      if (!Number.isFinite(Number(text))) return `regression needs numbers and got ${JSON.stringify(text)}`;
  }
  const labels = columns.classLabels ?? [];
  // Numbers against names would be wrong every time, and look like a bad model.
  if (isCaptured(row, columns) && labels.length === 0 && !/^\d+$/.test(truth))
    return `the model answers numbers of classes and the ground truth is ${JSON.stringify(truth)}: write labels as numbers, too`;
  return {
    actual: labels[Number(truth)] ?? truth,
    predicted: labels[Number(predicted)] ?? predicted,
    ...(probability !== undefined && { probability }),
  };
}

function probabilityIn(row: Row, columns: JudgementColumns): number | string | undefined {
  const text = textIn(row, columns.probabilityAttribute ?? (isCaptured(row, columns) ? "probability_1" : undefined));
  if (text === undefined || columns.problemType !== "BinaryClassification") return undefined;
  const probability = Number(text);
  return Number.isFinite(probability) ? probability : `the probability is no number: ${JSON.stringify(text)}`;
}

/** Whether the prediction is in our own columns of a classifier's captured answer, since nobody named another one. */
function isCaptured(row: Row, { inferenceAttribute, probabilityAttribute }: JudgementColumns): boolean {
  return inferenceAttribute === undefined && probabilityAttribute === undefined && row.has("predicted_class");
}

function predictedIn(row: Row, columns: JudgementColumns, probability: number | undefined): string | undefined {
  if (columns.inferenceAttribute !== undefined) return textIn(row, columns.inferenceAttribute);
  // The number alone, as labels are written.
  if (isCaptured(row, columns) && columns.probabilityThreshold === undefined)
    return textIn(row, "predicted_class")?.replace(/^class_(?=\d+$)/, "");
  if (probability === undefined) return undefined;
  return probability >= (columns.probabilityThreshold ?? 0.5) ? "1" : "0";
}

function textIn(row: Row, attribute: string | undefined): string | undefined {
  if (attribute === undefined) return undefined;
  const cell = row.get(attribute) ?? row.get(flatName(attribute)) ?? row.get(probabilityName(row, attribute) ?? "");
  return cell === undefined || cell === "" ? undefined : normal(cell);
}

/** A list of class probabilities has columns of our own: its last index tells which. */
function probabilityName(row: Row, attribute: string): string | undefined {
  const index = /(?:^|[[_.])(\d+)\]?$/.exec(attribute)?.[1];
  return index !== undefined && row.has("predicted_class") ? `probability_${index}` : undefined;
}

/** `$.predictions[0].score` and `predictions_0.score` are the same column, `0` is the first one without a name. */
function flatName(attribute: string): string {
  if (/^\d+$/.test(attribute)) return `_c${attribute}`;
  const name = attribute.replace(/^\$\.?/, "").replace(/\[["']?([^\]"']+)["']?\]/g, "_$1");
  return /^_\d+$/.test(name) ? `_c${name.slice(1)}` : name;
}

/** `1`, `1.0` and `true` of different writers mean the same label. */
function normal(cell: Exclude<Cell, undefined>): string {
  const text = String(cell).trim();
  return /^[-+]?\d+\.0*$/.test(text) ? String(Number(text)) : text;
}
