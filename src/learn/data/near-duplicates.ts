import type { PictureSet } from "./picture-set.ts";

// Pictures that stand in two sets make a measured accuracy better than it is. Candidates are found by a perceptual hash (whether brightness
// rises from each of 8 x 9 cells to its right neighbour: 64 bits that survive scaling, brightness and compression), and judged by their
// pixels.

export interface NearDuplicate {
  first: number;
  second: number;
  /** Root of the mean squared difference, on the scale of 0 to 255. */
  distance: number;
}

/** Where a picture is even, noise must not decide. */
const leastRise = 2;
const mostDifferentBits = 8;
/** Noise and compression stay below; different pictures of one scene are above. */
const largestDistance = 14;
/** More pairs than this take longer than the training; then only equal hashes are compared. */
const mostPairs = 2e9;

export function nearDuplicates(first: PictureSet, second: PictureSet): NearDuplicate[] {
  const [left, right] = [first, second].map(hashesOf) as [Uint32Array, Uint32Array];
  const found: NearDuplicate[] = [];
  const judge = (i: number, j: number) => {
    const distance = distanceOf(first, i, { set: second, index: j });
    if (distance <= largestDistance) found.push({ first: i, second: j, distance });
  };
  if (first.count * second.count > mostPairs) {
    const byHash = new Map<string, number[]>();
    for (let i = 0; i < first.count; i++) {
      const key = `${left[2 * i]} ${left[2 * i + 1]}`;
      byHash.set(key, [...(byHash.get(key) ?? []), i]);
    }
    for (let j = 0; j < second.count; j++) {
      for (const i of byHash.get(`${right[2 * j]} ${right[2 * j + 1]}`) ?? []) judge(i, j);
    }
    return found;
  }
  for (let j = 0; j < second.count; j++) {
    const [a, b] = [right[2 * j]!, right[2 * j + 1]!];
    for (let i = 0; i < first.count; i++) {
      if (bitsOf(left[2 * i]! ^ a) + bitsOf(left[2 * i + 1]! ^ b) <= mostDifferentBits) judge(i, j);
    }
  }
  return found;
}

function hashesOf(set: PictureSet): Uint32Array {
  const hashes = new Uint32Array(2 * set.count);
  const cells = new Float64Array(72);
  for (let n = 0; n < set.count; n++) {
    for (let row = 0; row < 8; row++)
      for (let column = 0; column < 9; column++) cells[row * 9 + column] = cellOf(set, n, { row, column });
    for (let bit = 0; bit < 64; bit++) {
      const at = Math.floor(bit / 8) * 9 + (bit % 8);
      if (cells[at + 1]! > cells[at]! + leastRise) hashes[2 * n + (bit >> 5)]! |= 1 << (bit & 31);
    }
  }
  return hashes;
}

/** Mean of all channels over one cell of the grid. */
function cellOf(
  { pixels, height, width }: PictureSet,
  index: number,
  { row, column }: { row: number; column: number },
): number {
  const [top, bottom] = [Math.floor((row * height) / 8), Math.max(1, Math.floor(((row + 1) * height) / 8))];
  const [left, right] = [Math.floor((column * width) / 9), Math.max(1, Math.floor(((column + 1) * width) / 9))];
  let [sum, count] = [0, 0];
  for (let c = 0; c < 3; c++) {
    for (let y = top; y < Math.max(bottom, top + 1); y++) {
      for (let x = left; x < Math.max(right, left + 1); x++) {
        sum += pixels[((index * 3 + c) * height + y) * width + x]!;
        count++;
      }
    }
  }
  return sum / count;
}

function distanceOf(set: PictureSet, index: number, other: { set: PictureSet; index: number }): number {
  const size = 3 * set.height * set.width;
  let sum = 0;
  for (let i = 0; i < size; i++)
    sum += (set.pixels[index * size + i]! - other.set.pixels[other.index * size + i]!) ** 2;
  return Math.sqrt(sum / size);
}

function bitsOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
