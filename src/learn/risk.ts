// Which confidence must an answer reach, so that at most a given share of the accepted answers is wrong? An answer with a
// guarantee that holds for finitely many pictures and any distribution: Learn then Test (Angelopoulos, Bates, Candès, Jordan and
// Lei, "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk Control", 2021, arXiv:2110.01052). Each threshold is
// a hypothesis "more than RISK of what it accepts is wrong"; its p-value is exactly binomial, because the accepted pictures
// are independent and each is wrong or not (so the looser Hoeffding-Bentkus bound of the paper is not needed). Hypotheses
// are tested from strict to loose until one cannot be rejected: fixed-sequence testing, with several starts that share the
// permitted error, since the strictest thresholds accept too few pictures to prove anything.
//
// R1. What is tested, and in which order, is fixed before a calibration picture is looked at: thresholds are quantiles of the
//     *training* pictures' scores. With two classes the score is the difference of the logits, which no temperature
//     reorders. With more classes it is the probability that is served, and the temperature was fitted on the same
//     pictures: the permitted error is shared by all temperatures that could have been chosen.

export interface RiskPoint {
  /** Of the served probability. */
  threshold: number;
  accepted: number;
  wrong: number;
}

export interface RiskCoverage {
  pictures: number;
  /** From strict to loose. */
  points: RiskPoint[];
  /** Where sequences of tests begin: indices into `points`. */
  starts: number[];
  /** Temperatures that could have been chosen by these pictures; 1 where the choice changes no order. */
  temperatures: number;
}

export interface Goal {
  /** The largest share of wrong answers among the accepted ones. */
  risk: number;
  /** The probability, over the choice of calibration pictures, that the promise holds. */
  confidence: number;
}

export interface Scored {
  /** One row per picture. */
  logits: ArrayLike<number>;
  truth: ArrayLike<number>;
}

/** Shares of the training pictures that the thresholds accept; the last threshold accepts everything. */
const shares = Array.from({ length: 49 }, (_, i) => (i + 1) / 50);
/** Sequences begin where a threshold accepts these shares of the training pictures. */
const startShares = [0.4, 0.6, 0.8, 0.92];

export interface RiskOptions {
  classes: number;
  temperature: number;
  /** How many temperatures `temperature` was chosen from by looking at `calibration`; 1 for pictures it never saw. */
  temperatures: number;
}

/** How many answers pass at each threshold, and how many of them are wrong. Thresholds come from `training` alone. */
export function riskCoverage(training: Scored, calibration: Scored, options: RiskOptions): RiskCoverage {
  const { classes, temperature } = options;
  const scores = answersOf(training, options)
    .map(({ score }) => score)
    .sort((a, b) => b - a);
  const atShare = (share: number) => scores[Math.min(scores.length - 1, Math.ceil(share * scores.length))] ?? 0;
  const lowest = classes === 2 ? 0 : 1 / classes;
  const thresholds = [...new Set([...shares.map(atShare), lowest])];
  const answers = answersOf(calibration, options);
  return {
    pictures: answers.length,
    points: thresholds.map((threshold) => {
      const accepted = answers.filter(({ score }) => score >= threshold);
      return {
        threshold: classes === 2 ? 1 / (1 + Math.exp(-threshold / temperature)) : threshold,
        accepted: accepted.length,
        wrong: accepted.filter(({ isRight }) => !isRight).length,
      };
    }),
    starts: [...new Set(startShares.map((share) => thresholds.indexOf(atShare(share))))],
    temperatures: classes === 2 ? 1 : options.temperatures,
  };
}

/** R1. The order of the scores must not depend on what was fitted on the calibration pictures, or `temperatures` must count it. */
function answersOf({ logits, truth }: Scored, { classes, temperature }: RiskOptions) {
  return Array.from({ length: truth.length }, (_, n) => {
    const row = Array.from({ length: classes }, (_, k) => logits[n * classes + k]!);
    const most = Math.max(...row);
    const choice = row.indexOf(most);
    const sum = row.reduce((total, value) => total + Math.exp((value - most) / temperature), 0);
    const score = classes === 2 ? most - Math.min(...row) : 1 / sum;
    return { score, isRight: choice === truth[n] };
  });
}

/** The loosest threshold that is proven to keep the goal, or `undefined` where the pictures prove none. */
export function guaranteedThreshold(
  { points, starts, temperatures }: RiskCoverage,
  { risk, confidence }: Goal,
): RiskPoint | undefined {
  const permitted = (1 - confidence) / (starts.length * temperatures);
  let loosest = -1;
  for (const start of starts) {
    let i = start;
    while (i < points.length && binomialTail(points[i]!.wrong, { of: points[i]!.accepted, risk }) <= permitted) i++;
    if (i > start) loosest = Math.max(loosest, i - 1);
  }
  return points[loosest];
}

/**
 * The smallest risk, rounded up to four digits, that these pictures prove for any start of a sequence, and its threshold. The
 * bounds of the starts share the permitted error, so that all of them hold at once and the best may be taken.
 */
export function smallestGuaranteedRisk(
  { points, starts, temperatures }: RiskCoverage,
  confidence: number,
): (RiskPoint & { risk: number }) | undefined {
  const permitted = (1 - confidence) / (starts.length * temperatures);
  const bounds = starts.map((start) => {
    const point = points[start]!;
    const bound = upperBound(point.wrong, { of: point.accepted, confidence: 1 - permitted });
    return { ...point, risk: Math.ceil(bound * 1e4) / 1e4 };
  });
  return bounds.filter(({ risk }) => risk < 1).sort((a, b) => a.risk - b.risk)[0];
}

/** How many pictures must be accepted, without one wrong among them, before a goal can be proven. */
export function picturesNeeded({ starts, temperatures }: RiskCoverage, { risk, confidence }: Goal): number {
  return Math.ceil(Math.log((1 - confidence) / (starts.length * temperatures)) / Math.log(1 - risk));
}

/** The probability of at most `wrong` wrong answers among `of`, when each is wrong with probability `risk`. */
export function binomialTail(wrong: number, { of, risk }: { of: number; risk: number }): number {
  if (wrong >= of) return 1;
  let logTerm = of * Math.log1p(-risk);
  let sum = Math.exp(logTerm);
  for (let k = 1; k <= wrong; k++) {
    logTerm += Math.log((of - k + 1) / k) + Math.log(risk) - Math.log1p(-risk);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}

/** Clopper and Pearson's upper bound of a share: holds with the confidence for one threshold that was named beforehand. */
export function upperBound(wrong: number, { of, confidence }: { of: number; confidence: number }): number {
  if (wrong >= of) return 1;
  let [low, high] = [wrong / of, 1];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (binomialTail(wrong, { of, risk: middle }) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}
