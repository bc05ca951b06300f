/** The numbers that the server tells Prometheus, by name and labels, as of one moment. */
export type Reading = ReadonlyMap<string, number>;

/** How one variant did between two readings. */
export interface VariantLine {
  endpoint: string;
  variant: string;
  workers: number;
  queueLength: number;
  perSecond: number;
  /** Share of the answers that were none: refused, failed, or the model's errors. */
  failedShare: number;
  /** Of the model itself; absent when nothing was asked. */
  medianMs: number | undefined;
  p99Ms: number | undefined;
  /** What a request took beside the model, in the mean. */
  overheadMs: number | undefined;
  droppedCaptures: number;
}

/** Reads Prometheus's text format: as much of it as the server writes. */
export function readingOf(text: string): Reading {
  return new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
  );
}

export function variantLines(before: Reading, after: Reading, seconds: number): VariantLine[] {
  const change = (key: string): number => (after.get(key) ?? 0) - (before.get(key) ?? 0);
  return variantsIn(after).map(({ labels, endpoint, variant }) => {
    const answers = keysOf(after, `scones_endpoint_invocations_total{${labels},code=`);
    const asked = answers.reduce((sum, key) => sum + change(key), 0);
    const good = change(`scones_endpoint_invocations_total{${labels},code="200"}`);
    const buckets = keysOf(after, `scones_endpoint_model_latency_seconds_bucket{${labels},le=`).map((key) => ({
      upToMs: Number(/le="([^"]+)"/.exec(key)?.[1]?.replace("+Inf", "Infinity")) * 1000,
      count: change(key),
    }));
    const overheads = change(`scones_endpoint_overhead_latency_seconds_count{${labels}}`);
    const overheadSeconds = change(`scones_endpoint_overhead_latency_seconds_sum{${labels}}`);
    return {
      endpoint,
      variant,
      workers: after.get(`scones_endpoint_workers{${labels}}`) ?? 0,
      queueLength: after.get(`scones_endpoint_queue_length{${labels}}`) ?? 0,
      perSecond: asked / seconds,
      failedShare: asked === 0 ? 0 : 1 - good / asked,
      medianMs: quantile(buckets, 0.5),
      p99Ms: quantile(buckets, 0.99),
      overheadMs: overheads === 0 ? undefined : (overheadSeconds * 1000) / overheads,
      droppedCaptures: after.get(`scones_endpoint_dropped_captures_total{${labels}}`) ?? 0,
    };
  });
}

function variantsIn(reading: Reading): { labels: string; endpoint: string; variant: string }[] {
  return keysOf(reading, "scones_endpoint_workers{").flatMap((key) => {
    const match = /\{(endpoint="([^"]*)",variant="([^"]*)")\}/.exec(key);
    if (match === null) return [];
    const [, labels = "", endpoint = "", variant = ""] = match;
    return [{ labels, endpoint, variant }];
  });
}

function keysOf(reading: Reading, start: string): string[] {
  return [...reading.keys()].filter((key) => key.startsWith(start));
}

/** Between the bounds of a bucket as if its observations were spread evenly. */
function quantile(buckets: readonly { upToMs: number; count: number }[], share: number): number | undefined {
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return undefined;
  const at = buckets.findIndex(({ count }) => count >= share * total);
  const [bucket, below] = [buckets[at], at > 0 ? buckets[at - 1] : undefined];
  const fromMs = below?.upToMs ?? 0;
  if (bucket === undefined || bucket.upToMs === Number.POSITIVE_INFINITY) return fromMs;
  const within = (share * total - (below?.count ?? 0)) / (bucket.count - (below?.count ?? 0));
  return fromMs + within * (bucket.upToMs - fromMs);
}
