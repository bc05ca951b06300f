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

export function kolmogorovSmirnov(reference: readonly number[], window: readonly number[]): KolmogorovSmirnov {
  const [a, b] = [ascending(reference), ascending(window)];
  if (a.length === 0 || b.length === 0) return { distance: 0, p: 1 };
  let [i, j, distance] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    // Ties step together: the distance is taken between values, not inside them.
    const value = Math.min(a[i] as number, b[j] as number);
    while (i < a.length && (a[i] as number) <= value) i++;
    while (j < b.length && (b[j] as number) <= value) j++;
    distance = Math.max(distance, Math.abs(i / a.length - j / b.length));
  }
  const isExact = a.length * b.length <= mostLatticePoints;
  return { distance, p: isExact ? exactP(a.length, b.length, distance) : approximateP(a.length, b.length, distance) };
}

/** Area between the two distribution functions, in the unit of the values. */
export function wasserstein(reference: readonly number[], window: readonly number[]): number {
  const [a, b] = [ascending(reference), ascending(window)];
  if (a.length === 0 || b.length === 0) return 0;
  const all = ascending([...a, ...b]);
  let [i, j, area] = [0, 0, 0];
  for (let k = 0; k + 1 < all.length; k++) {
    const value = all[k] as number;
    while (i < a.length && (a[i] as number) <= value) i++;
    while (j < b.length && (b[j] as number) <= value) j++;
    area += Math.abs(i / a.length - j / b.length) * ((all[k + 1] as number) - value);
  }
  return area;
}

/** Population stability index over the reference's ten quantile buckets; half a count smooths empty ones. */
export function populationStability(reference: readonly number[], window: readonly number[], buckets = 10): number {
  const sorted = ascending(reference);
  if (sorted.length === 0 || window.length === 0) return 0;
  const edges = Array.from(
    { length: buckets - 1 },
    (_, i) => sorted[Math.min(sorted.length - 1, Math.floor(((i + 1) * sorted.length) / buckets))] as number,
  );
  const shares = (values: readonly number[]) => {
    const counts = new Array<number>(buckets).fill(0.5);
    for (const value of values) {
      const bucket = edges.findIndex((edge) => value < edge);
      const at = bucket === -1 ? buckets - 1 : bucket;
      counts[at] = (counts[at] as number) + 1;
    }
    return counts.map((count) => count / (values.length + buckets / 2));
  };
  const [expected, actual] = [shares(reference), shares(window)];
  return actual.reduce(
    (sum, share, i) => sum + (share - (expected[i] as number)) * Math.log(share / (expected[i] as number)),
    0,
  );
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

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function clamp(p: number): number {
  return Math.max(0, Math.min(1, p));
}
