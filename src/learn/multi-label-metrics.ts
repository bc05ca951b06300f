import {
  bestTemperature,
  calibrationError,
  type ReliabilityBin,
  reliabilityOf,
  share,
  wilsonInterval,
} from "./metrics.ts";

// What answers are worth where a picture may show any number of the classes: each class is a question of its own, answered with yes from a
// probability of a half on. Rows of answers and of truth have one number per class.

export interface MultiLabelMeasurement {
  pictures: number;
  /** Pictures of which the answers for all classes are right, and their share with Wilson's 95 % interval. */
  correct: number;
  exactMatch: number;
  exactMatchInterval95: [number, number];
  /** Share of right answers over all classes, which is what AWS logs. Easy to get where classes are rare: nothing but no is mostly right. */
  accuracy: number;
  /** As if the answers for one picture were right or wrong together: never too narrow. */
  accuracyInterval95: [number, number];
  /** Mean over the pictures of what all their classes lose together. */
  loss: number;
  /** Mean over the classes that have one. */
  meanAveragePrecision: number | null;
  perClass: LabelMeasurement[];
  /** Expected calibration error over 15 bins of equal width, of the answers for all classes. */
  expectedCalibrationError: number;
  /** How often a class is there (`accuracy`), by the probability that was answered: the bins of that error. */
  reliability: ReliabilityBin[];
}

interface LabelMeasurement {
  label: string;
  /** That show the class. */
  pictures: number;
  accuracy: number;
  /** Absent (null) where nobody said yes, or no picture shows the class. */
  precision: number | null;
  recall: number | null;
  f1: number | null;
  /** Of pictures in the order of their probabilities, whatever the threshold: the area under precision by recall. */
  averagePrecision: number | null;
  expectedCalibrationError: number;
}

const threshold = 0.5;

export interface Weighing {
  classes: number;
  /** Of the outcomes: each class is there, then each is not; absent: 1. */
  weights?: readonly number[];
}

/** Measures rows of logits, divided by the temperature, against rows of 0 and 1. */
export function measureLabels(
  logits: ArrayLike<number>,
  truth: ArrayLike<number>,
  { labels, weights, temperature }: { labels: readonly string[]; weights?: readonly number[]; temperature?: number },
): MultiLabelMeasurement {
  const probabilities = labelProbabilities(logits, temperature);
  const classes = labels.length;
  const pictures = truth.length / classes;
  const answerAt = (i: number): Answer => ({ confidence: probabilities[i]!, isThere: truth[i] === 1 });
  // One class at a time, and one answer: of a large set nobody needs all of them at once.
  const perClass = labels.map((label, k) =>
    measurementOf(
      label,
      Array.from({ length: pictures }, (_, n) => answerAt(n * classes + k)),
    ),
  );
  function* allAnswers() {
    for (let i = 0; i < truth.length; i++) yield answerAt(i);
  }
  let [right, correct] = [0, 0];
  for (let n = 0; n < pictures; n++) {
    let rightOfPicture = 0;
    for (let i = n * classes; i < (n + 1) * classes; i++) if (isRight(answerAt(i))) rightOfPicture++;
    right += rightOfPicture;
    if (rightOfPicture === classes) correct++;
  }
  const precisions = perClass.flatMap(({ averagePrecision: one }) => (one === null ? [] : [one]));
  const reliability = reliabilityOf(asYes(allAnswers()));
  const accuracy = share(right, truth.length) ?? 0;
  return {
    pictures,
    correct,
    exactMatch: share(correct, pictures) ?? 0,
    exactMatchInterval95: wilsonInterval(correct, pictures),
    accuracy,
    accuracyInterval95: wilsonInterval(accuracy * pictures, pictures),
    loss: lossOfLabels(logits, truth, { classes, weights, temperature }) / Math.max(1, pictures),
    meanAveragePrecision: share(
      precisions.reduce((sum, one) => sum + one, 0),
      precisions.length,
    ),
    perClass,
    expectedCalibrationError: calibrationError(reliability, truth.length),
    reliability,
  };
}

/** Sum over all pictures and classes; infinite where a logit is, and wrong. */
export function lossOfLabels(
  logits: ArrayLike<number>,
  truth: ArrayLike<number>,
  { classes, weights, temperature = 1 }: Weighing & { temperature?: number },
): number {
  let loss = 0;
  for (let i = 0; i < truth.length; i++) {
    const isThere = truth[i] === 1;
    const weight = weights?.[(i % classes) + (isThere ? 0 : classes)] ?? 1;
    const wrongness = ((isThere ? -1 : 1) * logits[i]!) / temperature;
    loss += weight * (Math.max(wrongness, 0) + Math.log1p(Math.exp(-Math.abs(wrongness))));
  }
  return loss;
}

/** The temperature that makes held-out answers most likely, of all classes together. */
export function fitLabelTemperature(logits: ArrayLike<number>, truth: ArrayLike<number>, weighing: Weighing): number {
  return bestTemperature((temperature) => lossOfLabels(logits, truth, { ...weighing, temperature }));
}

/** The sigmoid of each logit, divided by the temperature first. */
export function labelProbabilities(logits: ArrayLike<number>, temperature = 1): Float64Array {
  return Float64Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit / temperature)));
}

/** Of one class for one picture: its probability, and whether it is there. */
interface Answer {
  confidence: number;
  isThere: boolean;
}

function isYes({ confidence }: Answer): boolean {
  return confidence >= threshold;
}

/** Of yes and of no. */
function isRight(answer: Answer): boolean {
  return isYes(answer) === answer.isThere;
}

/** As if every answer were yes: then its probability is how sure it is. */
function* asYes(answers: Iterable<Answer>): Generator<{ confidence: number; isRight: boolean }, void> {
  for (const { confidence, isThere } of answers) yield { confidence, isRight: isThere };
}

function measurementOf(label: string, answers: readonly Answer[]): LabelMeasurement {
  const pictures = answers.filter((answer) => answer.isThere).length;
  const said = answers.filter(isYes);
  const found = said.filter((answer) => answer.isThere).length;
  return {
    label,
    pictures,
    accuracy: share(answers.filter(isRight).length, answers.length) ?? 0,
    precision: share(found, said.length),
    recall: share(found, pictures),
    f1: share(2 * found, said.length + pictures),
    averagePrecision: pictures === 0 ? null : averagePrecision(answers, pictures),
    expectedCalibrationError: calibrationError(reliabilityOf(asYes(answers)), answers.length),
  };
}

/** The mean, over the pictures that show the class, of the precision where recall comes to them; equal probabilities come together. */
function averagePrecision(answers: readonly Answer[], pictures: number): number {
  const sorted = answers.toSorted((a, b) => b.confidence - a.confidence);
  let [area, found] = [0, 0];
  for (let from = 0; from < sorted.length; ) {
    let [to, more] = [from, 0];
    for (; to < sorted.length && sorted[to]!.confidence === sorted[from]!.confidence; to++) {
      if (sorted[to]!.isThere) more++;
    }
    found += more;
    area += (more / pictures) * (found / to);
    from = to;
  }
  return area;
}
