import { fitTemperature, type Measurement, measure, probabilitiesOf, temperatures } from "./metrics.ts";
import {
  fitLabelTemperature,
  type MultiLabelMeasurement,
  measureLabels,
  type Weighing,
} from "./multi-label-metrics.ts";
import { type Goal, guaranteedThreshold, type RiskCoverage, riskCoverage, type Scored } from "./risk.ts";

// What a model is worth, calibrated: from logits and the truth of the pictures that it was trained on, that were kept away from it,
// and that it was only measured on.

interface MeasuredSets<Measured> {
  format: "scones.evaluation/1";
  labels: string[];
  /** How the stored weights were chosen, and what they were never chosen by. */
  selection: string;
  calibration: {
    temperature: number;
    fittedOn: string;
    pictures: number;
    /** Of the same pictures with a temperature of 1 and with the one that was fitted. */
    expectedCalibrationError?: { before: number; after: number };
  };
  train: Measured;
  /** Kept away from training. Calibration and early stopping look at these pictures, weights never. */
  heldOut?: Measured;
  /** The validation channel: only measured, never chosen by. */
  validation?: Measured;
}

export interface Evaluation extends MeasuredSets<Measurement> {
  task?: undefined;
  /** What each set of pictures proves about thresholds (`risk.ts`). */
  guarantees: { heldOut?: Guarantees; validation?: Guarantees };
}

export interface MultiLabelEvaluation extends MeasuredSets<MultiLabelMeasurement> {
  task: "multi_label";
  /** What probabilities say. */
  probabilities: string;
  /** What is of pictures with one label, and therefore not here. */
  notMeasured: string;
}

export interface Guarantees extends RiskCoverage {
  /** Absent: the guarantee is sound. */
  unsoundBecause?: string;
  /** For a confidence of 0.95; `null` where these pictures prove no threshold. */
  table: { risk: number; confidence: number; threshold: number | null; accepted: number; wrong: number }[];
}

/** Fewer pictures than this say too little to calibrate by. */
const leastForCalibration = 20;
const unsoundBecause = {
  heldOut: "early stopping chose the epoch by these pictures: what they prove is too good",
  validation: "the epoch was chosen by these pictures (select_by_validation): what they prove is too good",
};
const shownRisks = [0.01, 0.02, 0.05, 0.1];

export interface EvaluationInput {
  labels: string[];
  train: Scored;
  heldOut: Scored;
  validation?: Scored;
  selection: string;
  /** The pictures by which an epoch was chosen: they prove nothing any more. */
  selectedBy?: "heldOut" | "validation";
  /** Pictures to calibrate by, where there are better ones than the held-out pictures. */
  calibration?: Scored & { name: string };
}

export function evaluationOf(input: EvaluationInput): Evaluation {
  const { labels, train, heldOut, validation } = input;
  const classes = labels.length;
  const sets = measuredSets(input, {
    columns: 1,
    fit: ({ logits, truth }) => fitTemperature(logits, truth, classes),
    measured: ({ logits, truth }, temperature) => measure(probabilitiesOf(logits, classes, temperature), truth, labels),
  });
  const { temperature, pictures } = sets.calibration;
  const guarantees = (name: "heldOut" | "validation", set: Scored, choices: number): Guarantees => {
    const coverage = riskCoverage(train, set, { classes, temperature, temperatures: choices });
    const table = shownRisks.map((risk) => guaranteeRow(coverage, { risk, confidence: 0.95 }));
    return { ...coverage, table, ...(input.selectedBy === name && { unsoundBecause: unsoundBecause[name] }) };
  };
  const choices = pictures > 0 && input.calibration === undefined ? temperatures.length : 1;
  return {
    ...sets,
    guarantees: {
      heldOut: heldOut.truth.length > 0 ? guarantees("heldOut", heldOut, choices) : undefined,
      validation: validation && guarantees("validation", validation, 1),
    },
  };
}

/** Where a picture may show any number of the classes. One temperature for all of them: few pictures show a rare one. */
export function multiLabelEvaluationOf(input: EvaluationInput, weighing: Weighing): MultiLabelEvaluation {
  const { labels } = input;
  const { weights } = weighing;
  return {
    task: "multi_label",
    probabilities:
      weights === undefined
        ? "of each class, that a picture shows it; they do not add up to 1"
        : "of each class, as if every second picture showed it, since the loss was weighted: higher for rare classes than they are found, which the calibration error tells; they do not add up to 1",
    notMeasured:
      "confusion matrix, risk and coverage by threshold, guaranteed thresholds: they are of pictures with one label each",
    ...measuredSets(input, {
      columns: weighing.classes,
      fit: ({ logits, truth }) => fitLabelTemperature(logits, truth, weighing),
      measured: ({ logits, truth }, temperature) => measureLabels(logits, truth, { labels, weights, temperature }),
    }),
  };
}

function measuredSets<Measured extends { expectedCalibrationError: number }>(
  input: EvaluationInput,
  how: { columns: number; fit(set: Scored): number; measured(set: Scored, temperature: number): Measured },
): MeasuredSets<Measured> {
  const { train, heldOut, validation } = input;
  const calibration = input.calibration ?? { ...heldOut, name: "held-out pictures" };
  const pictures = calibration.truth.length / how.columns;
  const isCalibrated = pictures >= leastForCalibration;
  const temperature = isCalibrated ? how.fit(calibration) : 1;
  const measured = (set: Scored, heat = temperature) => how.measured(set, heat);
  return {
    format: "scones.evaluation/1",
    labels: input.labels,
    selection: input.selection,
    calibration: {
      temperature,
      fittedOn: isCalibrated ? calibration.name : "nothing: too few pictures",
      pictures: isCalibrated ? pictures : 0,
      expectedCalibrationError:
        pictures === 0
          ? undefined
          : {
              before: measured(calibration, 1).expectedCalibrationError,
              after: measured(calibration).expectedCalibrationError,
            },
    },
    train: measured(train),
    heldOut: heldOut.truth.length > 0 ? measured(heldOut) : undefined,
    validation: validation && measured(validation),
  };
}

function guaranteeRow(coverage: RiskCoverage, goal: Goal): Guarantees["table"][number] {
  const found = guaranteedThreshold(coverage, goal);
  return { ...goal, threshold: found?.threshold ?? null, accepted: found?.accepted ?? 0, wrong: found?.wrong ?? 0 };
}
