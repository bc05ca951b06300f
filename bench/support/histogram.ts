/**
 * Latencies as counts in buckets whose width grows with the value (HDR histogram): any number of observations in the same
 * memory, every percentile within 1 %.
 */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #total = 0;
  #highest = 0;

  add(milliseconds: number): void {
    const bucket = Math.round(Math.log(Math.max(milliseconds, shortestMs)) / logStep);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#total++;
    this.#highest = Math.max(this.#highest, milliseconds);
  }

  get length(): number {
    return this.#total;
  }

  get highest(): number {
    return this.#highest;
  }

  /** `share` from 0 to 1. */
  percentile(share: number): number {
    let left = share * this.#total;
    for (const [bucket, count] of [...this.#counts].sort(([one], [other]) => one - other)) {
      left -= count;
      if (left < 0) return Math.exp(bucket * logStep);
    }
    return this.#total === 0 ? Number.NaN : this.#highest;
  }
}

const shortestMs = 0.001;
const logStep = Math.log(1.02);
