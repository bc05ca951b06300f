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
  /** What happens when only answers of at least this confidence count. */
  thresholds: { threshold: number; coverage: number; accepted: number; accuracy: number | null; risk: number | null }[];
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
  return {
    pictures,
    correct,
    accuracy: share(correct, pictures) ?? 0,
    accuracyInterval95: wilsonInterval(correct, pictures),
    loss: loss / Math.max(1, pictures),
    perClass: labels.map((label, k) => classMeasurement(label, k, confusionMatrix)),
    confusionMatrix,
    expectedCalibrationError: calibrationError(answers),
    thresholds: thresholds.map((threshold) => {
      const accepted = answers.filter((answer) => answer.confidence >= threshold);
      const accuracy = share(accepted.filter((answer) => answer.isRight).length, accepted.length);
      const risk = accuracy === null ? null : 1 - accuracy;
      return { threshold, coverage: share(accepted.length, pictures) ?? 0, accepted: accepted.length, accuracy, risk };
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

/** The temperature that makes held-out answers most likely; found by golden section on its logarithm, within 0.1 to 10. */
export function fitTemperature(logits: ArrayLike<number>, truth: ArrayLike<number>, classes: number): number {
  const lossAt = (logarithm: number) => {
    const probabilities = probabilitiesOf(logits, classes, Math.exp(logarithm));
    let loss = 0;
    for (let n = 0; n < truth.length; n++) loss -= Math.log(Math.max(1e-12, probabilities[n * classes + truth[n]!]!));
    return loss;
  };
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(0.1), Math.log(10)];
  for (let i = 0; i < 40; i++) {
    const left = high - ratio * (high - low);
    const right = low + ratio * (high - low);
    if (lossAt(left) < lossAt(right)) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
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

function calibrationError(answers: readonly { confidence: number; isRight: boolean }[]): number {
  const bins = Array.from({ length: calibrationBins }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const { confidence, isRight } of answers) {
    const bin = bins[Math.min(calibrationBins - 1, Math.floor(confidence * calibrationBins))]!;
    bin.count++;
    bin.confidence += confidence;
    bin.right += isRight ? 1 : 0;
  }
  return bins.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.right), 0) / Math.max(1, answers.length);
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
