import { randomFrom, shuffled } from "../random.ts";

/** More than this tells nothing more about the accuracy, but is missed in training. */
const maxHeldOut = 5000;

export interface Split {
  train: Uint32Array;
  heldOut: Uint32Array;
}

/**
 * Splits pictures into those that are trained on and those that are kept away, class by class, so that both have all
 * classes. A class of fewer than five pictures is trained on whole. No copy of a picture that is trained on is held out: `firstOf` names of
 * each picture the earliest one that is the same.
 */
export function holdOut(
  labels: ArrayLike<number>,
  { share, seed, firstOf }: { share: number; seed: number; firstOf?: Uint32Array },
): Split {
  const byClass = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const members = byClass.get(labels[i]!);
    if (members === undefined) byClass.set(labels[i]!, [i]);
    else members.push(i);
  }
  const part = Math.min(share, maxHeldOut / Math.max(1, labels.length));
  const held = new Set<number>();
  for (const [label, members] of [...byClass].sort(([a], [b]) => a - b)) {
    if (members.length < 5 || part === 0) continue;
    const count = Math.max(1, Math.round(members.length * part));
    for (const position of shuffled(members.length, randomFrom(seed, 4, label)).subarray(0, count)) {
      held.add(members[position]!);
    }
  }
  const all = Array.from({ length: labels.length }, (_, i) => i);
  if (firstOf !== undefined) {
    const isTrainedOn = new Uint8Array(labels.length);
    for (const i of all) if (!held.has(i)) isTrainedOn[firstOf[i]!] = 1;
    for (const i of held) if (isTrainedOn[firstOf[i]!] === 1) held.delete(i);
  }
  return {
    train: Uint32Array.from(all.filter((i) => !held.has(i))),
    heldOut: Uint32Array.from(all.filter((i) => held.has(i))),
  };
}
