/** A curve of a report has at most this many points; the areas are of all of them. */
const mostPoints = 1000;

export interface Curves {
  /** Area under the receiver operating characteristic: how often a positive scores higher than a negative; ties are half. */
  auc: number;
  /** Area under precision over recall. */
  auPrc: number;
  falsePositiveRates: number[];
  truePositiveRates: number[];
  precisions: number[];
  recalls: number[];
}

export interface Scored {
  probability: number;
  isPositive: boolean;
}

/** Undefined where one of the two classes is absent: then nothing can be ranked. */
export function curvesOf(scored: readonly Scored[]): Curves | undefined {
  const positives = scored.filter(({ isPositive }) => isPositive).length;
  const negatives = scored.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  const points = operatingPoints(scored);
  const rates = points.map(({ hits, alarms }) => [alarms / negatives, hits / positives] as const);
  // Precision begins where its first threshold puts it: at recall 0 nothing is answered yet.
  const first = points[1] as OperatingPoint;
  const precision = ({ hits, alarms }: OperatingPoint): number => hits / (hits + alarms);
  const precisionRecall = [
    [0, precision(first)] as const,
    ...points.slice(1).map((point) => [point.hits / positives, precision(point)] as const),
  ];
  const [shownRates, shownPrecision] = [thinned(rates), thinned(precisionRecall)];
  return {
    auc: areaUnder(rates),
    auPrc: areaUnder(precisionRecall),
    falsePositiveRates: shownRates.map(([x]) => x),
    truePositiveRates: shownRates.map(([, y]) => y),
    precisions: shownPrecision.map(([, y]) => y),
    recalls: shownPrecision.map(([x]) => x),
  };
}

interface OperatingPoint {
  hits: number;
  alarms: number;
}

/** What every threshold would answer, from none to all; equal scores are answered together. */
function operatingPoints(scored: readonly Scored[]): OperatingPoint[] {
  const sorted = scored.toSorted((a, b) => b.probability - a.probability);
  const points: OperatingPoint[] = [{ hits: 0, alarms: 0 }];
  let [hits, alarms] = [0, 0];
  sorted.forEach(({ probability, isPositive }, i) => {
    if (isPositive) hits++;
    else alarms++;
    if (sorted[i + 1]?.probability !== probability) points.push({ hits, alarms });
  });
  return points;
}

function areaUnder(points: readonly (readonly [number, number])[]): number {
  return points.slice(1).reduce((area, [x, y], i) => {
    const [before, height] = points[i] as readonly [number, number];
    return area + ((x - before) * (y + height)) / 2;
  }, 0);
}

function thinned<Point>(points: readonly Point[]): Point[] {
  if (points.length <= mostPoints) return [...points];
  const step = (points.length - 1) / (mostPoints - 1);
  return Array.from({ length: mostPoints }, (_, i) => points[Math.round(i * step)] as Point);
}
