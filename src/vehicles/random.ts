/** A stream of random numbers that is a pure function of its seed text: the same seed gives the same picture, on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  between(low: number, high: number): number;
  /** Whole numbers, both ends included. */
  integer(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Mean 0, deviation 1. */
  normal(): number;
  /** An independent stream: drawing from one never shifts the other. */
  fork(label: string): Random;
}

export function randomFrom(seed: string): Random {
  const next = sfc32(seed);
  const random: Random = {
    next,
    between: (low, high) => low + (high - low) * next(),
    integer: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]) => items[Math.floor(next() * items.length)] as T,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    fork: (label) => randomFrom(`${seed}/${label}`),
  };
  return random;
}

// "Small fast counter", 32 bits: passes the usual randomness batteries and needs only integer arithmetic.
function sfc32(seed: string): () => number {
  let [a, b, c, counter] = fourWords(seed);
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 4294967296;
  };
  for (let warmUp = 0; warmUp < 15; warmUp++) next();
  return next;
}

// Four different FNV-1a passes: enough to spread neighbouring seeds ("7/1", "7/2") far apart.
function fourWords(text: string): [number, number, number, number] {
  const words: [number, number, number, number] = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let i = 0; i < text.length; i++) {
    for (let word = 0; word < 4; word++) {
      words[word] = Math.imul((words[word] as number) ^ (text.charCodeAt(i) + word * 131), 0x01000193);
    }
  }
  return words;
}
