import { type OpenPictures, type PictureSet, withPictures } from "./picture-set.ts";

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

/** Of a set that stands in the other one whole, nobody reads every pair. */
export const mostAlike = 10_000;

/** Pictures of a set, ready to be compared. */
export interface Hashed {
  set: PictureSet;
  /** Two words per picture of the set. */
  hashes: Uint32Array;
  /** Those that are compared. */
  indices: Uint32Array;
}

export function hashed(set: PictureSet): Hashed {
  const hashes = withPictures(set, (pictures) => hashesOf(pictures, set.count));
  return { set, hashes, indices: Uint32Array.from({ length: set.count }, (_, i) => i) };
}

/** Pairs of pictures that are alike, by their indices in the sets; not more than `mostAlike`. */
export function nearDuplicates(first: Hashed, second: Hashed): NearDuplicate[] {
  return withPictures(first.set, (left) =>
    withPictures(second.set, (right) => {
      const pairs: NearDuplicate[] = [];
      for (const [i, j] of candidates(first, second)) {
        const distance = distanceOf(left.at(i), right.at(j));
        if (distance <= largestDistance) pairs.push({ first: i, second: j, distance });
        if (pairs.length === mostAlike) break;
      }
      return pairs;
    }),
  );
}

/** Pairs whose hashes are alike. */
function* candidates(first: Hashed, second: Hashed): Generator<[number, number], void> {
  const [left, right] = [first.hashes, second.hashes];
  if (first.indices.length * second.indices.length <= mostPairs) {
    for (const j of second.indices) {
      const [a, b] = [right[2 * j]!, right[2 * j + 1]!];
      for (const i of first.indices) {
        if (bitsOf(left[2 * i]! ^ a) + bitsOf(left[2 * i + 1]! ^ b) <= mostDifferentBits) yield [i, j];
      }
    }
    return;
  }
  const byHash = new Map<string, number[]>();
  const keyOf = (hashes: Uint32Array, index: number) => `${hashes[2 * index]} ${hashes[2 * index + 1]}`;
  for (const j of second.indices) {
    const key = keyOf(right, j);
    const known = byHash.get(key);
    if (known === undefined) byHash.set(key, [j]);
    else known.push(j);
  }
  for (const i of first.indices) for (const j of byHash.get(keyOf(left, i)) ?? []) yield [i, j];
}

function hashesOf(pictures: OpenPictures, count: number): Uint32Array {
  const hashes = new Uint32Array(2 * count);
  const cells = new Float64Array(72);
  for (let n = 0; n < count; n++) {
    const pixels = pictures.at(n);
    for (let row = 0; row < 8; row++)
      for (let column = 0; column < 9; column++) cells[row * 9 + column] = cellOf(pixels, pictures, { row, column });
    for (let bit = 0; bit < 64; bit++) {
      const at = Math.floor(bit / 8) * 9 + (bit % 8);
      if (cells[at + 1]! > cells[at]! + leastRise) hashes[2 * n + (bit >> 5)]! |= 1 << (bit & 31);
    }
  }
  return hashes;
}

/** Mean of all channels over one cell of the grid. */
function cellOf(
  pixels: Uint8Array,
  { height, width }: { height: number; width: number },
  { row, column }: { row: number; column: number },
): number {
  const [top, bottom] = [Math.floor((row * height) / 8), Math.max(1, Math.floor(((row + 1) * height) / 8))];
  const [left, right] = [Math.floor((column * width) / 9), Math.max(1, Math.floor(((column + 1) * width) / 9))];
  let [sum, count] = [0, 0];
  for (let c = 0; c < 3; c++) {
    for (let y = top; y < Math.max(bottom, top + 1); y++) {
      for (let x = left; x < Math.max(right, left + 1); x++) {
        sum += pixels[(c * height + y) * width + x]!;
        count++;
      }
    }
  }
  return sum / count;
}

function distanceOf(one: Uint8Array, other: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += (one[i]! - other[i]!) ** 2;
  return Math.sqrt(sum / one.length);
}

function bitsOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
