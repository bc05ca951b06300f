export interface Moments {
  add(value: number): void;
  readonly count: number;
  /** 0 when nothing was added, like all of these. */
  readonly sum: number;
  readonly mean: number;
  /** Of the population: divided by the count. */
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
}

/** Count, sum, mean, spread and ends of a stream of finite numbers, without losing digits to large or many values. */
export function createMoments(): Moments {
  let [count, mean, squares] = [0, 0, 0];
  let [sum, lost] = [0, 0];
  let [min, max] = [Infinity, -Infinity];
  return {
    add(value) {
      count++;
      // Welford: squares around the moving mean, since a difference of large squares would cancel.
      const before = value - mean;
      mean += before / count;
      squares += before * (value - mean);
      // Neumaier: what an addition rounds away is kept aside.
      const next = sum + value;
      lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      sum = next;
      min = Math.min(min, value);
      max = Math.max(max, value);
    },
    get count() {
      return count;
    },
    get sum() {
      return sum + lost;
    },
    get mean() {
      return count === 0 ? 0 : (sum + lost) / count;
    },
    get deviation() {
      return count === 0 ? 0 : Math.sqrt(squares / count);
    },
    get min() {
      return count === 0 ? 0 : min;
    },
    get max() {
      return count === 0 ? 0 : max;
    },
  };
}
