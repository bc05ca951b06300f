import { fitTemperature, type Measurement, measure, probabilitiesOf, temperatures } from "./metrics.ts";
import { type Goal, guaranteedThreshold, type RiskCoverage, riskCoverage, type Scored } from "./risk.ts";

// What a model is worth, calibrated: from logits and the truth of the pictures that it was trained on, that were kept away from it,
// and that it was only measured on.

export interface Evaluation {
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
  train: Measurement;
  /** Kept away from training. Calibration and early stopping look at these pictures, weights never. */
  heldOut?: Measurement;
  /** The validation channel: only measured, never chosen by. */
  validation?: Measurement;
  /** What each set of pictures proves about thresholds (`risk.ts`). */
  guarantees: { heldOut?: Guarantees; validation?: Guarantees };
}

export interface Guarantees extends RiskCoverage {
  /** Absent: the guarantee is sound. */
  unsoundBecause?: string;
  /** For a confidence of 0.95; `null` where these pictures prove no threshold. */
  table: { risk: number; confidence: number; threshold: number | null; accepted: number; wrong: number }[];
}

/** Fewer pictures than this say too little to calibrate by. */
const leastForCalibration = 20;
const shownRisks = [0.01, 0.02, 0.05, 0.1];

export interface EvaluationInput {
  labels: string[];
  train: Scored;
  heldOut: Scored;
  validation?: Scored;
  selection: string;
  /** Then these pictures prove nothing any more. */
  isSelectedByHeldOut: boolean;
  /** Pictures to calibrate by, where there are better ones than the held-out pictures. */
  calibration?: Scored & { name: string };
}

export function evaluationOf(input: EvaluationInput): Evaluation {
  const { labels, train, heldOut, validation } = input;
  const classes = labels.length;
  const calibration = input.calibration ?? { ...heldOut, name: "held-out pictures" };
  const isCalibrated = calibration.truth.length >= leastForCalibration;
  const temperature = isCalibrated ? fitTemperature(calibration.logits, calibration.truth, classes) : 1;
  const measured = ({ logits, truth }: Scored, heat = temperature) =>
    measure(probabilitiesOf(logits, classes, heat), truth, labels);
  const guarantees = (set: Scored, choices: number): Guarantees => {
    const coverage = riskCoverage(train, set, { classes, temperature, temperatures: choices });
    return { ...coverage, table: shownRisks.map((risk) => guaranteeRow(coverage, { risk, confidence: 0.95 })) };
  };
  const choices = isCalibrated && input.calibration === undefined ? temperatures.length : 1;
  const unsoundBecause = "early stopping chose the epoch by these pictures: what they prove is too good";
  return {
    format: "scones.evaluation/1",
    labels,
    selection: input.selection,
    calibration: {
      temperature,
      fittedOn: isCalibrated ? calibration.name : "nothing: too few pictures",
      pictures: isCalibrated ? calibration.truth.length : 0,
      expectedCalibrationError:
        calibration.truth.length === 0
          ? undefined
          : {
              before: measured(calibration, 1).expectedCalibrationError,
              after: measured(calibration).expectedCalibrationError,
            },
    },
    train: measured(train),
    heldOut: heldOut.truth.length > 0 ? measured(heldOut) : undefined,
    validation: validation && measured(validation),
    guarantees: {
      heldOut:
        heldOut.truth.length > 0
          ? { ...guarantees(heldOut, choices), ...(input.isSelectedByHeldOut ? { unsoundBecause } : {}) }
          : undefined,
      validation: validation && guarantees(validation, 1),
    },
  };
}

function guaranteeRow(coverage: RiskCoverage, goal: Goal): Guarantees["table"][number] {
  const found = guaranteedThreshold(coverage, goal);
  return { ...goal, threshold: found?.threshold ?? null, accepted: found?.accepted ?? 0, wrong: found?.wrong ?? 0 };
}
