/*
 * Gaussian process regression with a Matérn 5/2 kernel (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006,
 * algorithm 2.1). Values are standardised. Noise and a length scale per coordinate are chosen from a small grid, one after the other, so
 * that the observations become most likely: what does not matter gets a long one. The cost grows with the third power of the number of
 * observations: callers bound it.
 */

export interface Prediction {
  mean: number;
  deviation: number;
}

const lengthScales = [0.1, 0.2, 0.4, 0.8, 1.6, 6.4];
const noises = [1e-5, 1e-3, 1e-1];

interface Kernel {
  /** One per coordinate. */
  scales: readonly number[];
  noise: number;
}

/** A model of `values` (length n) at `points` (n rows of equal length); predicts mean and standard deviation at any point. */
export function fitGaussianProcess(
  points: readonly (readonly number[])[],
  values: readonly number[],
): (point: readonly number[]) => Prediction {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) || 1;
  const targets = values.map((value) => (value - mean) / spread);
  const { lower, weights, kernel } = mostLikely(points, targets);
  return (point) => {
    const similar = points.map((other) => matern(point, other, kernel.scales));
    const solved = solveLower(lower, similar);
    const variance = 1 - solved.reduce((sum, value) => sum + value * value, 0);
    const predicted = similar.reduce((sum, value, i) => sum + value * (weights[i] as number), 0);
    return { mean: mean + spread * predicted, deviation: spread * Math.sqrt(Math.max(variance, 1e-12)) };
  };
}

type Conditioned = ReturnType<typeof condition>;

function mostLikely(points: readonly (readonly number[])[], targets: readonly number[]): Conditioned {
  const better = (best: Conditioned, kernel: Kernel): Conditioned => {
    const candidate = condition(points, targets, kernel);
    return candidate.logLikelihood > best.logLikelihood ? candidate : best;
  };
  const dimensions = points[0]?.length ?? 0;
  const evenly = (scale: number): Kernel => ({ scales: new Array<number>(dimensions).fill(scale), noise: 1e-3 });
  let best = condition(points, targets, evenly(lengthScales[2] as number));
  for (const scale of lengthScales) best = better(best, evenly(scale));
  for (let i = 0; i < dimensions; i++) {
    for (const scale of lengthScales)
      best = better(best, { ...best.kernel, scales: best.kernel.scales.with(i, scale) });
  }
  for (const noise of noises) best = better(best, { ...best.kernel, noise });
  return best;
}

/** The process given the observations, with how likely they are. */
function condition(points: readonly (readonly number[])[], targets: readonly number[], kernel: Kernel) {
  const covariance = points.map((one, i) =>
    points.map((other, j) => (j > i ? 0 : matern(one, other, kernel.scales) + (i === j ? kernel.noise : 0))),
  );
  const lower = cholesky(covariance);
  const half = solveLower(lower, targets);
  const weights = solveUpper(lower, half);
  const fit = half.reduce((sum, value) => sum + value * value, 0);
  const logDeterminant = lower.reduce((sum, row, i) => sum + Math.log(row[i] as number), 0);
  return { lower, weights, kernel, logLikelihood: -0.5 * fit - logDeterminant };
}

function matern(a: readonly number[], b: readonly number[], scales: readonly number[]): number {
  let squared = 0;
  for (let i = 0; i < a.length; i++) squared += (((a[i] as number) - (b[i] as number)) / (scales[i] as number)) ** 2;
  const apart = Math.sqrt(5 * squared);
  return (1 + apart + (apart * apart) / 3) * Math.exp(-apart);
}

/** The lower triangle L with L·Lᵀ = `matrix`, of which the lower triangle is read; what rounding makes negative counts as almost zero. */
function cholesky(matrix: readonly (readonly number[])[]): number[][] {
  const lower: number[][] = [];
  for (const [i, given] of matrix.entries()) {
    const row: number[] = [];
    for (let j = 0; j <= i; j++) {
      const other = j === i ? row : (lower[j] as number[]);
      let sum = given[j] as number;
      for (let k = 0; k < j; k++) sum -= (row[k] as number) * (other[k] as number);
      row.push(i === j ? Math.sqrt(Math.max(sum, 1e-10)) : sum / (other[j] as number));
    }
    lower.push(row);
  }
  return lower;
}

function solveLower(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const solved: number[] = [];
  for (const [i, row] of lower.entries()) {
    let sum = right[i] as number;
    for (let k = 0; k < i; k++) sum -= (row[k] as number) * (solved[k] as number);
    solved.push(sum / (row[i] as number));
  }
  return solved;
}

/** Solves Lᵀ·x = `right`. */
function solveUpper(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const solved = new Array<number>(right.length).fill(0);
  for (let i = right.length - 1; i >= 0; i--) {
    let sum = right[i] as number;
    for (let k = i + 1; k < right.length; k++) sum -= (lower[k]?.[i] as number) * (solved[k] as number);
    solved[i] = sum / (lower[i]?.[i] as number);
  }
  return solved;
}
