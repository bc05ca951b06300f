import type { StoredMetric } from "./training-job.ts";

/** Longer lines are not searched: a pattern of the user's own must not stall the server. */
const maxSearchedLength = 2048;

/** Reads metrics from log lines. The last value of each is what DescribeTrainingJob calls final. */
export function metricScraper(
  definitions: readonly { name: string; regex: string }[],
  onMetric: (metric: StoredMetric) => void = () => {},
) {
  const patterns = definitions.map(({ name, regex }) => ({ name, pattern: new RegExp(regex) }));
  const last = new Map<string, StoredMetric>();
  return {
    read(line: string, atMs: number): void {
      if (line.length > maxSearchedLength) return;
      for (const { name, pattern } of patterns) {
        const text = pattern.exec(line)?.[1];
        const value = text === undefined ? Number.NaN : Number(text);
        if (!Number.isFinite(value)) continue;
        const metric = { name, value, atMs };
        last.set(name, metric);
        onMetric(metric);
      }
    },
    last: (): StoredMetric[] => [...last.values()],
  };
}
