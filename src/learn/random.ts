/** Repeatable random numbers: the same seeds give the same sequence, on any machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  between(least: number, most: number): number;
  /** Below `limit`. */
  integer(limit: number): number;
  normal(): number;
}

/** The seeds are numbers of any kind: job seed, what it is for, epoch, index of the picture ... (sfc32, seeded by a mixing hash). */
export function randomFrom(...seeds: readonly number[]): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (const seed of seeds) {
    a ^= seed | 0;
    b ^= Math.floor(seed / 2 ** 32) | 0;
    for (let i = 0; i < 12; i++) next();
  }
  const uniform = () => next() / 2 ** 32;
  return {
    uniform,
    between: (least, most) => least + (most - least) * uniform(),
    integer: (limit) => Math.floor(uniform() * limit),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

/** The numbers 0 to length - 1 in random order. */
export function shuffled(length: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
