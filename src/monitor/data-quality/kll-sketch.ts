/*
 * A KLL sketch: the distribution of any number of values in a few thousand of them. Deterministic, because its levels are
 * published in statistics.json: the same values in the same order give the same file.
 *
 * K1. Level h holds values that each stand for 2^h; together they always stand for every value that was added.
 * K2. Memory is bounded by the capacities of the levels: about 2.8 k values, and a level more per doubling.
 */

/** A sketch as statistics.json carries it. */
export interface SketchData {
  parameters: { c: number; k: number };
  /** Level 0 first, each in the order in which its values arrived. */
  data: number[][];
}

/** What the analyzer of AWS uses, and so what files from there can be compared with. */
const defaultSize = 2048;
const defaultShrinkage = 0.64;

export interface KllSketch {
  add(value: number): void;
  data(): SketchData;
}

export function createKllSketch({ size = defaultSize, shrinkage = defaultShrinkage } = {}): KllSketch {
  const levels: Level[] = [];
  let [held, capacity] = [0, 0];
  const addLevel = (): void => {
    levels.push({ values: [], capacity: capacityOf(levels.length, size, shrinkage), compactions: 0, offset: 0 });
    capacity = levels.reduce((sum, level) => sum + level.capacity, 0);
  };
  // One level at a time: the lowest full one. That one exists, since together the levels hold more than they should.
  const condense = (): void => {
    const full = levels.findIndex((level) => level.values.length >= level.capacity);
    if (full + 1 === levels.length) addLevel();
    const promoted = compact(levels[full] as Level);
    (levels[full + 1] as Level).values.push(...promoted);
    held = levels.reduce((sum, level) => sum + level.values.length, 0);
  };
  addLevel();
  return {
    add(value) {
      (levels[0] as Level).values.push(value);
      held++;
      if (held > capacity) condense();
    },
    data: () => ({ parameters: { c: shrinkage, k: size }, data: levels.map(({ values }) => [...values]) }),
  };
}

interface Level {
  values: number[];
  capacity: number;
  compactions: number;
  /** Which of each pair moves up: 0 or 1. */
  offset: number;
}

function capacityOf(height: number, size: number, shrinkage: number): number {
  return 2 * (Math.ceil((size * shrinkage ** height) / 2) + 1);
}

/** Takes the longest even run from the front; one value of each sorted pair moves up, the other one is dropped. */
function compact(level: Level): number[] {
  const even = level.values.length - (level.values.length % 2);
  // The side changes at every second compaction, so that the error of one is taken back by the next.
  if (level.compactions % 2 === 1) level.offset = 1 - level.offset;
  level.compactions++;
  const sorted = Float64Array.from(level.values.slice(0, even)).sort();
  level.values = level.values.slice(even);
  return Array.from({ length: even / 2 }, (_, pair) => sorted[2 * pair + level.offset] as number);
}

export interface Bucket {
  lower_bound: number;
  upper_bound: number;
  count: number;
}

const bucketCount = 10;

/** Ten buckets of equal width between the exact ends; the last one includes its upper bound. */
export function bucketsOf(sketch: SketchData, { min, max }: { min: number; max: number }): Bucket[] {
  const weighted = sketch.data.flatMap((values, height) => values.map((value) => [value, 2 ** height] as const));
  weighted.sort(([a], [b]) => a - b);
  const edges = Array.from({ length: bucketCount + 1 }, (_, i) => min + ((max - min) * i) / bucketCount);
  const buckets: Bucket[] = [];
  let at = 0;
  for (let i = 0; i < bucketCount; i++) {
    const [lower, upper] = [edges[i] as number, edges[i + 1] as number];
    const isLast = i === bucketCount - 1;
    let count = 0;
    for (; at < weighted.length; at++) {
      const [value, weight] = weighted[at] as readonly [number, number];
      if (!isLast && value >= upper) break;
      count += weight;
    }
    buckets.push({ lower_bound: lower, upper_bound: upper, count });
  }
  return buckets;
}
