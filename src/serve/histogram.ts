/** Counts of observations up to each bound (seconds), as Prometheus wants them. */
export class Histogram {
  readonly counts = new Float64Array(bounds.length + 1);
  sum = 0;

  add(seconds: number): void {
    let i = 0;
    while (i < bounds.length && seconds > (bounds[i] as number)) i++;
    this.counts[i] = (this.counts[i] as number) + 1;
    this.sum += seconds;
  }

  /** The lines of one histogram; `labels` without braces. */
  lines(name: string, labels: string): string[] {
    let total = 0;
    const buckets = Array.from(this.counts, (count, i) => {
      total += count;
      return `${name}_bucket{${labels},le="${bounds[i] ?? "+Inf"}"} ${total}`;
    });
    return [...buckets, `${name}_sum{${labels}} ${this.sum}`, `${name}_count{${labels}} ${total}`];
  }
}

// From a fast network's answer to SageMaker's limit of a minute.
const bounds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];
