import type { Image } from "../images/image.ts";

/** Nine numbers that say how a picture was taken, not what is on it. All from values 0..1. */
export interface PictureStatistics {
  luminance: number;
  contrast: number;
  /** Logarithm of the variance of the Laplacian: falls with defocus and motion. */
  sharpness: number;
  /** Logarithm of the median distance to the local median: rises with sensor noise. */
  noise: number;
  saturation: number;
  gradient: number;
  clipped: number;
  redMinusBlue: number;
  /** Share of the horizontal steps that falls on the borders of 8-pixel blocks. */
  blockiness: number;
}

export const statisticNames = [
  "luminance",
  "contrast",
  "sharpness",
  "noise",
  "saturation",
  "gradient",
  "clipped",
  "redMinusBlue",
  "blockiness",
] as const satisfies readonly (keyof PictureStatistics)[];

export function pictureStatistics({ width, height, data }: Image): PictureStatistics {
  const count = width * height;
  const grey = new Float64Array(count);
  let [saturation, clipped, redMinusBlue] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const red = (data[3 * i] as number) / 255;
    const green = (data[3 * i + 1] as number) / 255;
    const blue = (data[3 * i + 2] as number) / 255;
    grey[i] = 0.299 * red + 0.587 * green + 0.114 * blue;
    const highest = Math.max(red, green, blue);
    saturation += highest === 0 ? 0 : (highest - Math.min(red, green, blue)) / highest;
    redMinusBlue += red - blue;
    clipped += Number(isClipped(red)) + Number(isClipped(green)) + Number(isClipped(blue));
  }
  const luminance = mean(grey);
  const { laplacians, noises } = neighbourhoods(grey, width, height);
  const { gradient, blockiness } = steps(grey, width, height);
  return {
    luminance,
    contrast: Math.sqrt(variance(grey)),
    sharpness: Math.log(variance(laplacians) + 1e-6),
    noise: Math.log(median(noises) + 1e-4),
    saturation: saturation / count,
    gradient,
    clipped: clipped / (3 * count),
    redMinusBlue: redMinusBlue / count,
    blockiness,
  };
}

function isClipped(value: number): boolean {
  return value >= 0.998 || value <= 0.002;
}

// The loops over pixels make no arrays: collecting those cost more than the arithmetic.
function neighbourhoods(grey: Float64Array, width: number, height: number) {
  const inner = Math.max(0, width - 2) * Math.max(0, height - 2);
  const [laplacians, noises] = [new Float64Array(inner), new Float64Array(inner)];
  let at = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      const here = grey[i] as number;
      laplacians[at] =
        (grey[i - 1] as number) +
        (grey[i + 1] as number) +
        (grey[i - width] as number) +
        (grey[i + width] as number) -
        4 * here;
      noises[at++] = Math.abs(here - medianOfNine(grey, i, width));
    }
  }
  return { laplacians, noises };
}

/** Of a pixel and its eight neighbours: three sorted columns leave three candidates. */
function medianOfNine(grey: Float64Array, i: number, width: number): number {
  let [highestLow, lowestHigh, first, second, third] = [-Infinity, Infinity, 0, 0, 0];
  for (let at = i - 1; at <= i + 1; at++) {
    const a = grey[at - width] as number;
    const b = grey[at] as number;
    const c = grey[at + width] as number;
    highestLow = Math.max(highestLow, Math.min(a, b, c));
    lowestHigh = Math.min(lowestHigh, Math.max(a, b, c));
    first = second;
    second = third;
    third = medianOfThree(a, b, c);
  }
  return medianOfThree(highestLow, medianOfThree(first, second, third), lowestHigh);
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

function steps(grey: Float64Array, width: number, height: number) {
  let [gradient, lengths, onBorders, all] = [0, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 1; x < width; x++) {
      const i = y * width + x;
      const across = Math.abs((grey[i] as number) - (grey[i - 1] as number));
      all += across;
      if (x % 8 === 0) onBorders += across;
      if (y === 0) continue;
      const down = (grey[i] as number) - (grey[i - width] as number);
      gradient += Math.sqrt(across * across + down * down);
      lengths++;
    }
  }
  return { gradient: lengths === 0 ? 0 : gradient / lengths, blockiness: all === 0 ? 0 : onBorders / all };
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}

function variance(values: Float64Array): number {
  const centre = mean(values);
  let sum = 0;
  for (const value of values) sum += (value - centre) * (value - centre);
  return values.length === 0 ? 0 : sum / values.length;
}

function median(values: Float64Array): number {
  const sorted = values.toSorted();
  const half = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1
    ? (sorted[half] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}
