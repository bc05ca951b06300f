import type { Image } from "./image.ts";

/*
 * Resizing with a triangle filter that widens when shrinking (each target pixel averages the source area under it), and is
 * plain bilinear interpolation when enlarging. Training and serving both use it: the same picture must become the same
 * numbers on both sides, on every machine, so the arithmetic is spelled out here and not left to a native library.
 */

/** The picture at the given size; the same object when it has that size already. */
export function resize(image: Image, width: number, height: number): Image {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new RangeError(`a picture cannot be resized to ${width}x${height}`);
  }
  if (image.width === width && image.height === height) return image;
  const columns = weightsOf(image.width, width);
  const rows = weightsOf(image.height, height);
  const { data } = image;
  const resized = new Uint8Array(width * height * 3);
  const rowLength = width * 3;
  // Source rows of the new width: only as many as one target row looks at are kept, so that large pictures cost no more.
  const keptRows = Math.max(...rows.map(({ weights }) => weights.length));
  const narrow = new Float64Array(rowLength * keptRows);
  let known = 0;
  const sum = new Float64Array(rowLength);
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y] as Weights;
    for (; known < first + weights.length; known++) {
      const at = (known % keptRows) * rowLength;
      narrowRow(data, known * image.width, { columns, row: narrow.subarray(at, at + rowLength) });
    }
    sum.fill(0);
    for (let i = 0; i < weights.length; i++) {
      const from = ((first + i) % keptRows) * rowLength;
      const weight = weights[i] as number;
      for (let x = 0; x < rowLength; x++) sum[x] = (sum[x] as number) + weight * (narrow[from + x] as number);
    }
    for (let x = 0; x < rowLength; x++) resized[y * rowLength + x] = Math.floor((sum[x] as number) + 0.5);
  }
  return { width, height, data: resized };
}

/** One row of pixels, beginning at pixel `start`, in the new width. */
function narrowRow(
  data: Uint8Array,
  start: number,
  { columns, row }: { columns: readonly Weights[]; row: Float64Array },
): void {
  for (let x = 0; x < columns.length; x++) {
    const { first, weights } = columns[x] as Weights;
    let red = 0;
    let green = 0;
    let blue = 0;
    let from = (start + first) * 3;
    for (let i = 0; i < weights.length; i++, from += 3) {
      const weight = weights[i] as number;
      red += weight * (data[from] as number);
      green += weight * (data[from + 1] as number);
      blue += weight * (data[from + 2] as number);
    }
    row[x * 3] = red;
    row[x * 3 + 1] = green;
    row[x * 3 + 2] = blue;
  }
}

interface Weights {
  /** Index of the first source pixel that counts. */
  first: number;
  /** Their shares; the sum is 1. */
  weights: Float64Array;
}

function weightsOf(source: number, target: number): Weights[] {
  const scale = source / target;
  const radius = Math.max(1, scale);
  return Array.from({ length: target }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(center - radius));
    const last = Math.min(source - 1, Math.ceil(center + radius) - 1);
    const weights = new Float64Array(last - first + 1);
    let total = 0;
    for (let j = first; j <= last; j++) {
      const weight = Math.max(0, 1 - Math.abs((j + 0.5 - center) / radius));
      weights[j - first] = weight;
      total += weight;
    }
    return { first, weights: weights.map((weight) => weight / total) };
  });
}
