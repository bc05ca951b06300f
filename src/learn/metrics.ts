import { upperBound } from "./risk.ts";

// What a classifier is worth, from its probabilities and the truth. Nothing here knows where they came from.

export interface Measurement {
  pictures: number;
  correct: number;
  accuracy: number;
  /** Wilson's 95 % interval: what the accuracy says about pictures that were not measured. */
  accuracyInterval95: [number, number];
  /** Mean cross-entropy. */
  loss: number;
  perClass: ClassMeasurement[];
  /** Rows are true classes, columns predicted ones. */
  confusionMatrix: number[][];
  /** Expected calibration error over 15 bins of equal width. */
  expectedCalibrationError: number;
  /** How often answers are right, by how sure they are: the bins of that error. */
  reliability: ReliabilityBin[];
  /** What happens when only answers of at least this confidence count. */
  thresholds: ThresholdMeasurement[];
}

export interface ReliabilityBin {
  pictures: number;
  confidence: number;
  accuracy: number;
}

export interface ThresholdMeasurement {
  threshold: number;
  coverage: number;
  accepted: number;
  wrong: number;
  accuracy: number | null;
  /** Share of wrong answers among the accepted ones. */
  risk: number | null;
  /** With a confidence of 95 % for this threshold alone, the risk on further pictures is not above this. */
  riskBound95: number;
}

interface ClassMeasurement {
  label: string;
  pictures: number;
  /** Absent (null) where nothing was predicted, or nothing was there to be found. */
  precision: number | null;
  recall: number | null;
  f1: number | null;
}

const thresholds = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.99];
const calibrationBins = 15;

/** Measures rows of probabilities against true labels. */
export function measure(
  probabilities: ArrayLike<number>,
  truth: ArrayLike<number>,
  labels: readonly string[],
): Measurement {
  const classes = labels.length;
  const pictures = truth.length;
  const confusionMatrix = labels.map(() => labels.map(() => 0));
  const answers: { confidence: number; isRight: boolean }[] = [];
  let loss = 0;
  for (let n = 0; n < pictures; n++) {
    let choice = 0;
    for (let k = 1; k < classes; k++) {
      if (probabilities[n * classes + k]! > probabilities[n * classes + choice]!) choice = k;
    }
    const actual = truth[n]!;
    confusionMatrix[actual]![choice]!++;
    answers.push({ confidence: probabilities[n * classes + choice]!, isRight: choice === actual });
    loss -= Math.log(Math.max(1e-12, probabilities[n * classes + actual]!));
  }
  const correct = answers.filter((answer) => answer.isRight).length;
  const reliability = reliabilityOf(answers);
  return {
    pictures,
    correct,
    accuracy: share(correct, pictures) ?? 0,
    accuracyInterval95: wilsonInterval(correct, pictures),
    loss: loss / Math.max(1, pictures),
    perClass: labels.map((label, k) => classMeasurement(label, k, confusionMatrix)),
    confusionMatrix,
    expectedCalibrationError: calibrationError(reliability, pictures),
    reliability,
    thresholds: thresholds.map((threshold) => {
      const passed = answers.filter((answer) => answer.confidence >= threshold);
      const accepted = passed.length;
      const wrong = passed.filter((answer) => !answer.isRight).length;
      return {
        threshold,
        coverage: share(accepted, pictures) ?? 0,
        accepted,
        wrong,
        accuracy: share(accepted - wrong, accepted),
        risk: share(wrong, accepted),
        riskBound95: upperBound(wrong, { of: accepted, confidence: 0.95 }),
      };
    }),
  };
}

/** The 95 % interval of a share, after Wilson: honest for few pictures and for shares near 0 and 1. */
export function wilsonInterval(correct: number, pictures: number): [number, number] {
  if (pictures === 0) return [0, 1];
  const z = 1.959963984540054;
  const p = correct / pictures;
  const centre = p + (z * z) / (2 * pictures);
  const spread = z * Math.sqrt((p * (1 - p)) / pictures + (z * z) / (4 * pictures * pictures));
  const scale = 1 + (z * z) / pictures;
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}

/** Softmax of rows of logits, divided by the temperature first. */
export function probabilitiesOf(logits: ArrayLike<number>, classes: number, temperature = 1): Float64Array {
  const result = new Float64Array(logits.length);
  for (let row = 0; row < logits.length; row += classes) {
    let most = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) most = Math.max(most, logits[row + k]!);
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      result[row + k] = Math.exp((logits[row + k]! - most) / temperature);
      sum += result[row + k]!;
    }
    for (let k = 0; k < classes; k++) result[row + k]! /= sum;
  }
  return result;
}

/** What a temperature may be: 17 steps from a quarter to four. A finite choice is what guarantees can account for. */
export const temperatures: readonly number[] = Array.from({ length: 17 }, (_, i) => 2 ** ((i - 8) / 4));

/**
 * The temperature that makes held-out answers most likely. Few pictures say little about it: as if by a prior, a factor of
 * 1.65 away from 1 costs half a unit of log-likelihood.
 */
export function fitTemperature(logits: ArrayLike<number>, truth: ArrayLike<number>, classes: number): number {
  return bestTemperature((temperature) => {
    const probabilities = probabilitiesOf(logits, classes, temperature);
    let loss = 0;
    for (let n = 0; n < truth.length; n++) loss -= Math.log(Math.max(1e-12, probabilities[n * classes + truth[n]!]!));
    return loss;
  });
}

/** The one of least loss, which is of all pictures together, and least distance from 1. */
export function bestTemperature(lossAt: (temperature: number) => number): number {
  const costOf = (temperature: number) => lossAt(temperature) + 2 * Math.log(temperature) ** 2;
  return temperatures.reduce((best, one) => (costOf(one) < costOf(best) ? one : best), 1);
}

function classMeasurement(label: string, k: number, matrix: readonly (readonly number[])[]): ClassMeasurement {
  const right = matrix[k]![k]!;
  const pictures = matrix[k]!.reduce((a, b) => a + b, 0);
  const predicted = matrix.reduce((sum, row) => sum + row[k]!, 0);
  return {
    label,
    pictures,
    precision: share(right, predicted),
    recall: share(right, pictures),
    f1: share(2 * right, predicted + pictures),
  };
}

/** Answers in bins of equal width of their confidence; those without any are left out. */
export function reliabilityOf(answers: Iterable<{ confidence: number; isRight: boolean }>): ReliabilityBin[] {
  const bins = Array.from({ length: calibrationBins }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const { confidence, isRight } of answers) {
    const bin = bins[Math.min(calibrationBins - 1, Math.floor(confidence * calibrationBins))]!;
    bin.count++;
    bin.confidence += confidence;
    bin.right += isRight ? 1 : 0;
  }
  return bins
    .filter(({ count }) => count > 0)
    .map(({ count, confidence, right }) => ({
      pictures: count,
      confidence: confidence / count,
      accuracy: right / count,
    }));
}

export function calibrationError(bins: readonly ReliabilityBin[], answers: number): number {
  const sum = bins.reduce((total, bin) => total + bin.pictures * Math.abs(bin.confidence - bin.accuracy), 0);
  return sum / Math.max(1, answers);
}

export function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
