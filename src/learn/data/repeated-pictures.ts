import { crc32 } from "node:zlib";
import type { OpenPictures, PictureSet } from "./picture-set.ts";

export interface RepeatedPictures {
  /** Pictures that are, byte for byte, an earlier picture of the set. */
  count: number;
  /** Of each picture the earliest one of the same bytes, which may be itself. */
  firstOf: Uint32Array;
  /** Those among them whose labels are others than that picture's; the first few. */
  contradictions: { first: number; again: number }[];
  contradictionCount: number;
}

const mostContradictions = 100;

/** Finds pictures that stand in a set more than once; twelve bytes per picture are held for it. */
export function repeatedPictures(
  pictures: OpenPictures,
  { labels, count }: Pick<PictureSet, "labels" | "count">,
): RepeatedPictures {
  const sums = Uint32Array.from({ length: count }, (_, index) => crc32(pictures.at(index)));
  const order = sums.map((_, index) => index).sort((a, b) => sums[a]! - sums[b]! || a - b);
  const columns = labels.length / count;
  const rowOf = (index: number) => labels.subarray(columns * index, columns * (index + 1));
  const hasSameLabels = (one: number, other: number) => rowOf(one).every((label, k) => label === rowOf(other)[k]);
  const firstOf = sums.map((_, index) => index);
  const found: RepeatedPictures = { count: 0, firstOf, contradictions: [], contradictionCount: 0 };
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && sums[order[to]!] === sums[order[from]!]) to++;
    if (to - from > 1) compareAll(order.subarray(from, to), { pictures, hasSameLabels, found });
    from = to;
  }
  found.contradictions.sort((one, other) => one.again - other.again);
  return found;
}

/** Pictures of one checksum, the earliest first; now and then two different ones share it. */
function compareAll(
  indices: Uint32Array,
  {
    pictures,
    hasSameLabels,
    found,
  }: { pictures: OpenPictures; hasSameLabels(one: number, other: number): boolean; found: RepeatedPictures },
): void {
  const firsts: { index: number; bytes: Uint8Array }[] = [];
  for (const again of indices) {
    const bytes = pictures.at(again);
    const first = firsts.find((one) => Buffer.compare(one.bytes, bytes) === 0)?.index;
    if (first === undefined) firsts.push({ index: again, bytes: bytes.slice() });
    else {
      found.count++;
      found.firstOf[again] = first;
      if (hasSameLabels(first, again)) continue;
      found.contradictionCount++;
      if (found.contradictions.length < mostContradictions) found.contradictions.push({ first, again });
    }
  }
}
