import { difference, type Steps } from "./distribution-steps.ts";
import { upperGamma } from "./gamma.ts";

/*
 * Is the window another distribution than the reference? p-values are calibrated for both sizes: a fixed threshold on a
 * distance is wrong at every window size.
 */

/** Above this many lattice points the exact count costs more than it is worth, and the approximation is good. */
const mostLatticePoints = 4_000_000;

export interface KolmogorovSmirnov {
  distance: number;
  p: number;
}

export function kolmogorovSmirnov(reference: Steps, window: Steps): KolmogorovSmirnov {
  const { distance } = difference(reference, window);
  return { distance, p: kolmogorovSmirnovP(distance, reference.total, window.total) };
}

/** How likely a distance at least as large is between samples of these sizes from one distribution. */
export function kolmogorovSmirnovP(distance: number, n: number, m: number): number {
  if (n === 0 || m === 0) return 1;
  return n * m <= mostLatticePoints ? exactP(n, m, distance) : approximateP(n, m, distance);
}

/** Population stability index over the reference's ten quantile buckets; half a count smooths empty ones. */
export function populationStability(reference: readonly number[], window: readonly number[], buckets = 10): number {
  const sorted = reference.toSorted((a, b) => a - b);
  if (sorted.length === 0 || window.length === 0) return 0;
  const edges = Array.from(
    { length: buckets - 1 },
    (_, i) => sorted[Math.min(sorted.length - 1, Math.floor(((i + 1) * sorted.length) / buckets))] as number,
  );
  const counted = (values: readonly number[]) => {
    const counts = new Array<number>(buckets).fill(0.5);
    for (const value of values) {
      const bucket = edges.findIndex((edge) => value < edge);
      const at = bucket === -1 ? buckets - 1 : bucket;
      counts[at] = (counts[at] as number) + 1;
    }
    return counts;
  };
  return stabilityOfBuckets(counted(window), counted(reference));
}

/** The same of two lists of counts of the same buckets. A bucket that is empty on one side makes it infinite. */
export function stabilityOfBuckets(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length)
    throw new RangeError(`${actual.length} and ${expected.length} buckets cannot be compared: give the same buckets`);
  const [all, before] = [sum(actual), sum(expected)];
  const terms = actual.map((count, i) => {
    const [a, e] = [count / all, (expected[i] as number) / before];
    return (a - e) * Math.log(a / e);
  });
  return sum(terms);
}

/** Pearson's test that two rows of counts come from the same shares; classes that neither has seen do not count. */
export function chiSquare(reference: readonly number[], window: readonly number[]): { statistic: number; p: number } {
  const seen = reference.map((count, i) => [count, window[i] ?? 0] as const).filter(([a, b]) => a + b > 0);
  const [n, m] = [sum(seen.map(([a]) => a)), sum(seen.map(([, b]) => b))];
  if (seen.length < 2 || n === 0 || m === 0) return { statistic: 0, p: 1 };
  const statistic = sum(
    seen.map(([a, b]) => {
      const [expectedA, expectedB] = [((a + b) * n) / (n + m), ((a + b) * m) / (n + m)];
      return (a - expectedA) ** 2 / expectedA + (b - expectedB) ** 2 / expectedB;
    }),
  );
  return { statistic, p: upperGamma((seen.length - 1) / 2, statistic / 2) };
}

// The share of all orders of both samples whose distance is at least as large: the chance that a path over the lattice leaves
// the band around its diagonal. A step back from (i, j) undoes a value of either sample as often as it has values. Only sums
// of positive numbers, so that small p-values keep their digits; row by row, so memory is one row.
function exactP(n: number, m: number, distance: number): number {
  const bound = (0.5 + Math.floor(distance * n * m - 1e-7)) / (n * m);
  const row = new Float64Array(m + 1);
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      if (Math.abs(i / n - j / m) > bound) row[j] = 1;
      else if (i + j > 0) row[j] = (i * (row[j] as number) + (j === 0 ? 0 : j * (row[j - 1] as number))) / (i + j);
    }
  }
  return clamp(row[m] as number);
}

// Kolmogorov's series with Stephens' correction for finite sizes.
function approximateP(n: number, m: number, distance: number): number {
  const effective = Math.sqrt((n * m) / (n + m));
  const x = (effective + 0.12 + 0.11 / effective) * distance;
  if (x < 0.2) return 1;
  let p = 0;
  for (let k = 1; k <= 100; k++) p += 2 * (-1) ** (k - 1) * Math.exp(-2 * k * k * x * x);
  return clamp(p);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function clamp(p: number): number {
  return Math.max(0, Math.min(1, p));
}
