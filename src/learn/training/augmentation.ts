import type { OpenPictures } from "../data/picture-set.ts";
import type { Random } from "../random.ts";
import type { Augmentation } from "../recipe.ts";

export interface Normalisation {
  mean: readonly number[];
  deviation: readonly number[];
}

/** Mean and deviation of each channel over the given pictures, on the scale of 0 to 255. */
export function normalisationOf(pictures: OpenPictures, indices: ArrayLike<number>): Normalisation {
  const area = pictures.height * pictures.width;
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  for (let n = 0; n < indices.length; n++) {
    const pixels = pictures.at(indices[n]!);
    for (let c = 0; c < 3; c++) {
      for (let i = c * area; i < (c + 1) * area; i++) {
        const value = pixels[i]!;
        sums[c]! += value;
        squares[c]! += value * value;
      }
    }
  }
  const count = indices.length * area;
  const mean = sums.map((sum) => sum / count);
  // A channel without any contrast must not become a division by zero.
  const deviation = squares.map((square, c) => Math.max(1, Math.sqrt(Math.max(0, square / count - mean[c]! ** 2))));
  return { mean, deviation };
}

/** A picture as it is, normalised, into `target` at `offset`. */
export function plainPicture(
  pixels: Uint8Array,
  { target, offset, mean, deviation }: { target: Float32Array; offset: number } & Normalisation,
): void {
  const area = pixels.length / 3;
  for (let c = 0; c < 3; c++) {
    const shift = mean[c]!;
    const scale = 1 / deviation[c]!;
    for (let i = c * area; i < (c + 1) * area; i++) target[offset + i] = (pixels[i]! - shift) * scale;
  }
}

export interface Augmenter {
  /** A changed picture, normalised, into `target` at `offset`; in the end turned by so many quarters, default 0. */
  picture(index: number, random: Random, options: { target: Float32Array; offset: number; turn?: number }): void;
}

/** Changes pictures at random: one resampling for everything geometric, with reflected borders, then colours, then a hole. */
export function augmenter(pictures: OpenPictures, { mean, deviation }: Normalisation, how: Augmentation): Augmenter {
  const { height, width } = pictures;
  const area = height * width;
  const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
  const [holeHeight, holeWidth] = [Math.round(how.cutout * height), Math.round(how.cutout * width)];

  // As numbers of the kind that is computed with: each pixel is asked for four times.
  const [red, green, blue] = [new Float32Array(area), new Float32Array(area), new Float32Array(area)];
  const read = (pixels: Uint8Array) => {
    for (let i = 0; i < area; i++) {
      red[i] = pixels[i]!;
      green[i] = pixels[area + i]!;
      blue[i] = pixels[2 * area + i]!;
    }
  };

  return {
    picture(index, random, { target, offset, turn = 0 }) {
      const flip = how.flip && random.uniform() < 0.5 ? -1 : 1;
      const angle = (random.between(-1, 1) * how.rotationDegrees * Math.PI) / 180;
      const scale = Math.exp(random.between(-1, 1) * how.logScale);
      const shiftX = random.between(-1, 1) * how.shift * width;
      const shiftY = random.between(-1, 1) * how.shift * height;
      const contrast = 1 + random.between(-1, 1) * how.contrast;
      const brightness = random.between(-1, 1) * how.brightness;
      const gain = [0, 1, 2].map(() => contrast * (1 + random.between(-1, 1) * how.channelContrast));
      const bias = [0, 1, 2].map((c) => brightness - (mean[c]! * gain[c]!) / deviation[c]!);
      const factor = [0, 1, 2].map((c) => gain[c]! / deviation[c]!);
      const [cosine, sine] = [Math.cos(angle) * scale, Math.sin(angle) * scale];
      // From where a pixel stands back through the turn and the mirror, which come last, to where it was.
      const [straight, across] = quarterTurns[turn]!;
      const xOfX = cosine * flip * straight - sine * across;
      const xOfY = -cosine * flip * across - sine * straight;
      const yOfX = sine * flip * straight + cosine * across;
      const yOfY = -sine * flip * across + cosine * straight;

      read(pictures.at(index));
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const [u, v] = [x - centreX, y - centreY];
          const sourceX = reflect(xOfX * u + xOfY * v + centreX + shiftX, width - 1);
          const sourceY = reflect(yOfX * u + yOfY * v + centreY + shiftY, height - 1);
          // Both are positive: this rounds down.
          const left = sourceX | 0;
          const top = sourceY | 0;
          const right = left < width - 1 ? 1 : 0;
          const down = top < height - 1 ? width : 0;
          const [shareX, shareY] = [sourceX - left, sourceY - top];
          const a = (1 - shareX) * (1 - shareY);
          const b = shareX * (1 - shareY);
          const c = (1 - shareX) * shareY;
          const d = shareX * shareY;
          const at = top * width + left;
          const to = offset + y * width + x;
          const [one, two, three] = [at + right, at + down, at + down + right];
          target[to] = (a * red[at]! + b * red[one]! + c * red[two]! + d * red[three]!) * factor[0]! + bias[0]!;
          target[to + area] =
            (a * green[at]! + b * green[one]! + c * green[two]! + d * green[three]!) * factor[1]! + bias[1]!;
          target[to + 2 * area] =
            (a * blue[at]! + b * blue[one]! + c * blue[two]! + d * blue[three]!) * factor[2]! + bias[2]!;
        }
      }
      if (how.cutout > 0) {
        const top = random.integer(height) - (holeHeight >> 1);
        const left = random.integer(width) - (holeWidth >> 1);
        for (let c = 0; c < 3; c++) {
          for (let y = Math.max(0, top); y < Math.min(height, top + holeHeight); y++) {
            const row = offset + c * area + y * width;
            target.fill(0, row + Math.max(0, left), row + Math.max(0, Math.min(width, left + holeWidth)));
          }
        }
      }
    },
  };
}

/** Cosine and sine. */
const quarterTurns = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const;

function reflect(value: number, last: number): number {
  const positive = Math.abs(value);
  if (positive <= last) return positive;
  if (last === 0) return 0;
  const folded = positive % (2 * last);
  return folded <= last ? folded : 2 * last - folded;
}
