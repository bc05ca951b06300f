/*
 * How often each value of a column occurs, in bounded memory: the first values are counted one by one, all later new ones
 * together, and how many different ones there were is then estimated.
 */

/** Exact up to here per column. A column with more values than this has identifiers or free text in it, and its single counts say nothing. */
const mostValuesPerColumn = 10_000;
/** Longer texts are told apart by their beginning and a digest, so that a column of documents cannot fill the memory. */
const longestText = 256;
/** Estimates the number of different values within about 3 % (1 / sqrt of this). */
const smallestDigests = 1024;

export interface CategoryTally {
  add(text: string): void;
  /** The values that are counted one by one, most frequent first, then in order of the text. */
  counts(): [string, number][];
  countOf(text: string): number;
  /** How many values are counted one by one. */
  readonly size: number;
  /** Different values: exact while all are listed, else an estimate. */
  distinct(): number;
  /** Forgets everything, and gives back what it took of the budget. */
  clear(): void;
}

/** What the tallies of one profile may list together: about 50 MB of texts. */
export interface TallyBudget {
  valuesLeft: number;
}

export function createTally(budget: TallyBudget): CategoryTally {
  const counts = new Map<string, number>();
  let digests: number[] | undefined;
  const isFull = (): boolean => counts.size >= mostValuesPerColumn || budget.valuesLeft <= 0;
  return {
    add(text) {
      const key = shortened(text);
      const count = counts.get(key);
      if (count === undefined && isFull()) {
        digests ??= [...counts.keys()]
          .map(digestOf)
          .sort((a, b) => a - b)
          .slice(0, smallestDigests);
        keepSmallest(digests, digestOf(key));
        return;
      }
      if (count === undefined) budget.valuesLeft--;
      counts.set(key, (count ?? 0) + 1);
    },
    counts: () => [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)),
    countOf: (text) => counts.get(shortened(text)) ?? 0,
    get size() {
      return counts.size;
    },
    distinct: () => (digests === undefined ? counts.size : Math.max(counts.size, estimate(digests))),
    clear() {
      budget.valuesLeft += counts.size;
      counts.clear();
      digests = undefined;
    },
  };
}

function shortened(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText - 20)}…${digestOf(text).toString(36)}`;
}

function keepSmallest(digests: number[], digest: number): void {
  if (digests.length === smallestDigests && digest >= (digests.at(-1) as number)) return;
  let [low, high] = [0, digests.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((digests[middle] as number) < digest) low = middle + 1;
    else high = middle;
  }
  if (digests[low] === digest) return;
  digests.splice(low, 0, digest);
  if (digests.length > smallestDigests) digests.pop();
}

// Digests are spread evenly over their range, so the place of the k-th smallest tells how many there are.
function estimate(digests: readonly number[]): number {
  if (digests.length < smallestDigests) return digests.length;
  return Math.round((smallestDigests - 1) / ((digests.at(-1) as number) / 2 ** 53));
}

/** 53 bits that depend evenly on every character: two multiplicative hashes, finished as MurmurHash3 finishes. */
function digestOf(text: string): number {
  let [a, b] = [0x9e3779b9, 0x85ebca6b];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995);
  }
  a = finished(a ^ text.length);
  b = finished(b ^ a);
  return (b & 0x1fffff) * 2 ** 32 + a;
}

function finished(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
