import type { Layout } from "./network.ts";
import { type Random, randomFrom } from "./random.ts";

export interface InitialWeights {
  parameters: Float32Array;
  /** Means 0 and variances 1. */
  statistics: Float32Array;
}

/** Random weights in plain order: normal with the deviation that keeps the signal's size, small for the last layer. */
export function initialWeights(layout: Layout, seed: number): InitialWeights {
  const parameters = new Float32Array(layout.total);
  layout.parameters.forEach((one, index) => {
    const random = randomFrom(seed, 1, index);
    const values = parameters.subarray(one.offset, one.offset + one.size);
    const fanIn = one.shape.slice(1).reduce((a, b) => a * b, 1);
    if (one.kind === "convolution") fillNormal(values, { random, deviation: Math.sqrt(2 / fanIn) });
    else if (one.kind === "linear") fillNormal(values, { random, deviation: 0.05 });
    else if (one.kind === "scale") values.fill(1);
  });
  const statistics = new Float32Array(layout.statistics);
  for (const { offset, channels } of layout.norms) statistics.fill(1, offset + channels, offset + 2 * channels);
  return { parameters, statistics };
}

function fillNormal(values: Float32Array, { random, deviation }: { random: Random; deviation: number }): void {
  for (let i = 0; i < values.length; i++) values[i] = random.normal() * deviation;
}

/**
 * Whitening filters for the first layer, from 3 x 3 patches (27 numbers, channel by channel) of normalised pictures:
 * the eigenvectors with the largest eigenvalues, scaled to unit variance, then their negatives.
 */
export function whiteningFilters(patches: Float32Array, filters: number): Float32Array {
  const length = 27;
  const count = patches.length / length;
  const covariance = Array.from({ length }, () => new Float64Array(length));
  for (let patch = 0; patch < count; patch++) {
    const at = patch * length;
    for (let i = 0; i < length; i++) {
      for (let j = 0; j <= i; j++) covariance[i]![j]! += (patches[at + i]! * patches[at + j]!) / count;
    }
  }
  for (let i = 0; i < length; i++) for (let j = i + 1; j < length; j++) covariance[i]![j] = covariance[j]![i]!;
  const { values, vectors } = eigenOfSymmetric(covariance);
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!);
  const half = Math.min(length, Math.floor(filters / 2));
  const result = new Float32Array(2 * half * length);
  for (let filter = 0; filter < half; filter++) {
    const from = order[filter]!;
    const scale = 1 / Math.sqrt(Math.max(0, values[from]!) + 5e-3);
    for (let i = 0; i < length; i++) {
      const value = vectors[i]![from]! * scale;
      result[filter * length + i] = value;
      result[(half + filter) * length + i] = -value;
    }
  }
  return result;
}

/** Jacobi's rotations: slow for large matrices, exact and short for small ones. Eigenvectors are columns. */
function eigenOfSymmetric(matrix: readonly Float64Array[]): { values: number[]; vectors: Float64Array[] } {
  const size = matrix.length;
  const a = matrix.map((row) => row.slice());
  const vectors = a.map((_, i) => Float64Array.from({ length: size }, (_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = 0; q < p; q++) off += a[p]![q]! ** 2;
    if (off < 1e-20) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(a[p]![q]!) < 1e-300) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let i = 0; i < size; i++) {
          const [x, y] = [a[i]![p]!, a[i]![q]!];
          a[i]![p] = c * x - s * y;
          a[i]![q] = s * x + c * y;
        }
        for (let i = 0; i < size; i++) {
          const [x, y] = [a[p]![i]!, a[q]![i]!];
          a[p]![i] = c * x - s * y;
          a[q]![i] = s * x + c * y;
          const [u, v] = [vectors[i]![p]!, vectors[i]![q]!];
          vectors[i]![p] = c * u - s * v;
          vectors[i]![q] = s * u + c * v;
        }
      }
    }
  }
  return { values: a.map((row, i) => row[i]!), vectors };
}
