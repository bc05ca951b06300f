import { randomFrom, shuffled } from "../random.ts";

/** Classes that differ less in size are left as they are. */
const leastFactor = 1.2;

export interface Balance {
  /** By label: how often a picture of the class is shown for once of the largest class. */
  factors: number[];
  isNeeded: boolean;
}

/**
 * Rare classes count more, by the square root of what they lack: fully balanced, the few pictures of a rare class would be learnt
 * by heart.
 */
export function balanceOf(labels: Iterable<number>, classes: number): Balance {
  const sizes = new Array<number>(classes).fill(0);
  for (const label of labels) sizes[label]!++;
  const largest = Math.max(...sizes);
  const factors = sizes.map((size) => (size === 0 ? 1 : Math.sqrt(largest / size)));
  return { factors, isNeeded: Math.max(...factors) >= leastFactor };
}

/**
 * Pictures as they are shown in one epoch: each once, those of rare classes again. An entry is the picture's index plus `count` (of
 * all pictures of the set) for each earlier showing, so that no two showings are changed at random in the same way.
 */
export function balancedShowings(
  indices: Uint32Array,
  { labels, count, classes, seed }: { labels: ArrayLike<number>; count: number; classes: number; seed: number },
): Uint32Array {
  const { factors, isNeeded } = balanceOf(
    Array.from(indices, (index) => labels[index]!),
    classes,
  );
  if (!isNeeded) return indices;
  const showings: number[] = [];
  factors.forEach((factor, label) => {
    const members = indices.filter((index) => labels[index] === label);
    const total = Math.round(members.length * factor);
    const order = shuffled(members.length, randomFrom(seed, 7, label));
    for (let i = 0; i < total; i++) {
      showings.push(members[order[i % members.length]!]! + count * Math.floor(i / members.length));
    }
  });
  return Uint32Array.from(showings);
}
