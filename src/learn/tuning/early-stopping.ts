/*
 * When a training job is stopped before its end because others did better. Curves are objective values in the order in which they were
 * reported, one per epoch, turned so that more is better; the job in question may be among the others.
 */

/**
 * The median stopping rule (Golovin et al., "Google Vizier: A Service for Black-Box Optimization", 2017), which is what SageMaker's `Auto`
 * does: a job ends when its best value so far is below the median of the running averages of the ended jobs up to the same epoch.
 */
export function isBelowMedian(curve: readonly number[], ended: readonly (readonly number[])[]): boolean {
  const epochs = curve.length;
  const averages = ended.filter((other) => other.length >= epochs).map((other) => average(other.slice(0, epochs)));
  if (epochs === 0 || averages.length < leastCompared) return false;
  return Math.max(...curve) < median(averages);
}

/** Fewer say nothing of what is usual. */
const leastCompared = 2;

export interface Rungs {
  /** Epochs before the first decision. */
  least: number;
  /** Epochs of a job that is never stopped. */
  most: number;
}

/** How many times more epochs each rung has than the one before, and the share of jobs that goes on. */
const reduction = 3;

/**
 * Hyperband without waiting (the stopping form of ASHA: Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020): at
 * `least`, 3·`least`, 9·`least` ... epochs a job goes on when it is in the best third of all that came so far.
 */
export function fallsBehind(
  curve: readonly number[],
  others: readonly (readonly number[])[],
  { least, most }: Rungs,
): boolean {
  const epochs = curve.length;
  if (!isRung(epochs, { least, most })) return false;
  const value = Math.max(...curve);
  const rivals = others.filter((other) => other.length >= epochs).map((other) => Math.max(...other.slice(0, epochs)));
  const better = rivals.filter((rival) => rival > value).length;
  return rivals.length >= reduction - 1 && better >= Math.ceil((rivals.length + 1) / reduction);
}

function isRung(epochs: number, { least, most }: Rungs): boolean {
  for (let rung = least; rung < most; rung *= reduction) if (rung === epochs) return true;
  return false;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
