/** What a feature is about. Families share the chance of a false alarm equally: each sees what the others cannot. */
export type DriftFamily = "picture" | "layout" | "prediction" | "data";

/** One verdict over a window of requests. */
export interface DriftReport {
  isDrifting: boolean;
  referenceCount: number;
  windowCount: number;
  /** The chance of a false alarm per window, over all features together. */
  alpha: number;
  /** What drifts comes first, then the larger effect. */
  features: FeatureDrift[];
}

export interface FeatureDrift extends MeasuredDrift {
  /** p must be below this to count. */
  threshold: number;
  isDrifting: boolean;
}

export interface MeasuredDrift {
  feature: string;
  family: DriftFamily;
  /** The chance of a difference like this between samples of these sizes from one distribution. */
  p: number;
  /** How far the distribution moved, in deviations of the reference. */
  effect: number;
  /** Sign of the change of the mean; 0 for layout and categories. */
  direction: -1 | 0 | 1;
  /** Means in reference and window; of categories the shares of the one that changed most. Absent for the layout. */
  before?: number;
  after?: number;
  /** The category whose share changed most. */
  category?: string;
  /** Population stability index, where single numbers are known. */
  stability?: number;
}

export function driftVerdict(
  measured: readonly MeasuredDrift[],
  { alpha = 0.05, ...counts }: { alpha?: number; referenceCount: number; windowCount: number },
): DriftReport {
  const sizes = new Map<DriftFamily, number>();
  for (const { family } of measured) sizes.set(family, (sizes.get(family) ?? 0) + 1);
  const features = measured.map((row): FeatureDrift => {
    const threshold = alpha / sizes.size / (sizes.get(row.family) as number);
    return { ...row, threshold, isDrifting: row.p < threshold };
  });
  return {
    isDrifting: features.some((row) => row.isDrifting),
    ...counts,
    alpha,
    features: features.sort((a, b) => Number(b.isDrifting) - Number(a.isDrifting) || b.effect - a.effect),
  };
}

/** The verdict for a log, with how many requests it is about and the strongest reasons. */
export function verdictSentence({ isDrifting, referenceCount, windowCount, features }: DriftReport): string {
  const compared = `${windowCount} records against ${referenceCount} of the baseline`;
  if (!isDrifting) return `no drift in ${features.length} tests of ${compared}`;
  const reasons = features.filter((row) => row.isDrifting);
  const shown = reasons.slice(0, mostReasons).map(({ feature, direction, effect, p }) => {
    const arrow = direction === 0 ? "" : direction < 0 ? "down " : "up ";
    return `${feature} ${arrow}by ${effect.toFixed(2)} deviations (p ${p.toExponential(0)})`;
  });
  const rest = reasons.length > shown.length ? ` and ${reasons.length - shown.length} more` : "";
  return `drift in ${compared}: ${shown.join(", ")}${rest}`;
}

const mostReasons = 3;
