import { deviationOf, meanOf } from "./spread.ts";

/** Points per side: the test compares every point with every other one. */
const mostReferencePoints = 300;
const mostWindowPoints = 200;
const permutations = 499;
/** Once so many permutations differ at least as much, the rest would not make it rare: most clean windows end after some fifty. */
const enoughExceedances = 25;

export interface MeanDiscrepancy {
  /** How many random divisions of all points differ at least as much; 1/500 is the smallest. */
  p: number;
  /** How far the means of both sides are apart: the root of the mean square over all numbers, in deviations of the reference. */
  effect: number;
}

/**
 * Do two sets of points come from one distribution, whatever it looks like? The maximum mean discrepancy under a Gaussian kernel
 * as wide as the median distance, judged by permutations. `random` is uniform in [0, 1).
 */
export function meanDiscrepancy(
  reference: readonly Float64Array[],
  window: readonly Float64Array[],
  { random }: { random: () => number },
): MeanDiscrepancy {
  const [a, b] = [spread(reference, mostReferencePoints), spread(window, mostWindowPoints)];
  if (a.length < 2 || b.length < 2) return { p: 1, effect: 0 };
  const { points, effect } = inDeviations(a, b);
  const kernel = kernelOf(points);
  const weights = Float64Array.from(points, (_, i) => (i < a.length ? 1 / a.length : -1 / b.length));
  const observed = discrepancy(kernel, weights);
  let exceedances = 0;
  for (let i = 1; i <= permutations; i++) {
    shuffle(weights, random);
    // What is equal up to rounding is equal: constant data must not look rare.
    if (discrepancy(kernel, weights) >= observed - 1e-12) exceedances++;
    if (exceedances === enoughExceedances) return { p: exceedances / i, effect };
  }
  return { p: (exceedances + 1) / (permutations + 1), effect };
}

/** At even distances, so that the whole time is looked at. */
function spread(points: readonly Float64Array[], most: number): Float64Array[] {
  if (points.length <= most) return [...points];
  return Array.from({ length: most }, (_, i) => points[Math.floor((i * points.length) / most)] as Float64Array);
}

function inDeviations(a: readonly Float64Array[], b: readonly Float64Array[]) {
  const size = (a[0] as Float64Array).length;
  const [scale, difference] = [new Float64Array(size), new Float64Array(size)];
  for (let k = 0; k < size; k++) {
    const [first, second] = [a.map((point) => point[k] as number), b.map((point) => point[k] as number)];
    // Where the reference is constant, the spread of all has to do.
    const deviation = deviationOf(first) || deviationOf([...first, ...second]);
    scale[k] = deviation === 0 ? 0 : 1 / deviation;
    difference[k] = (meanOf(second) - meanOf(first)) * (scale[k] as number);
  }
  const points = [...a, ...b].map((point) => point.map((value, k) => value * (scale[k] as number)));
  return { points, effect: Math.sqrt(meanOf([...difference].map((value) => value * value))) };
}

/** Row by row, all against all. */
function kernelOf(points: readonly Float64Array[]): Float64Array {
  const count = points.length;
  const kernel = new Float64Array(count * count);
  const distances: number[] = [];
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) {
      const squared = squaredDistance(points[i] as Float64Array, points[j] as Float64Array);
      kernel[i * count + j] = squared;
      kernel[j * count + i] = squared;
      distances.push(squared);
    }
  }
  const median = distances.sort((x, y) => x - y)[distances.length >> 1] || 1;
  return kernel.map((squared) => Math.exp(-squared / median));
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += ((a[k] as number) - (b[k] as number)) ** 2;
  return sum;
}

function discrepancy(kernel: Float64Array, weights: Float64Array): number {
  const count = weights.length;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    let row = 0;
    for (let j = 0; j < i; j++) row += (kernel[i * count + j] as number) * (weights[j] as number);
    sum += (weights[i] as number) * (2 * row + (kernel[i * count + i] as number) * (weights[i] as number));
  }
  return sum;
}

function shuffle(values: Float64Array, random: () => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [values[i], values[j]] = [values[j] as number, values[i] as number];
  }
}
