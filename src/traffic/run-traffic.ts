/** Something that is to be sent at its own time. */
export interface Arrival {
  index: number;
  /** After the start of the run. */
  atMs: number;
}

/**
 * Sends one item and answers what became of it, such as `SUCCEEDED`. A thrown error is counted, never fatal; when the run
 * is being stopped it is no error but an interruption.
 */
export type Send<Item extends Arrival> = (item: Item, signal: AbortSignal) => Promise<string>;

export interface RunOptions {
  signal?: AbortSignal;
  /** Items under way at once; more wait, and their waiting counts as latency. Default 256: well below any file limit. */
  concurrency?: number;
  onProgress?: (progress: TrafficProgress) => void;
  timing?: Timing;
}

/** Time as the run sees it; tests bring their own. */
export interface Timing {
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export interface TrafficProgress {
  planned: number;
  started: number;
  done: number;
  errors: number;
  underWay: number;
}

export interface TrafficResult {
  index: number;
  /** What `send` answered, `ERROR`, or `interrupted`. */
  outcome: string;
  error?: string;
  /** From the intended start, so a system that stalls cannot hide it. */
  latencyMs: number;
}

export interface TrafficReport {
  planned: number;
  results: TrafficResult[];
  /** Items that were never sent because the run was stopped. */
  notSent: number;
  outcomes: Record<string, number>;
  durationMs: number;
  /** Of the items without an error; absent when there are none. */
  latency?: { p50: number; p90: number; p99: number; max: number };
}

export const defaultConcurrency = 256;

/** Open loop: every item starts at its own time whether or not earlier ones have been answered. */
export async function runTraffic<Item extends Arrival>(
  plan: readonly Item[],
  send: Send<Item>,
  options: RunOptions = {},
): Promise<TrafficReport> {
  const { concurrency = defaultConcurrency, onProgress, timing = realTiming } = options;
  if (!(Number.isInteger(concurrency) && concurrency > 0))
    throw new RangeError(`concurrency ${concurrency} is not a whole number above 0`);
  const signal = options.signal ?? new AbortController().signal;
  const startedAt = timing.now();
  const results: TrafficResult[] = [];
  const underWay = new Set<Promise<void>>();
  let [started, errors] = [0, 0];
  const report = () =>
    onProgress?.({ planned: plan.length, started, done: results.length, errors, underWay: underWay.size });

  const begin = (item: Item) => {
    started++;
    const work = settle(item, send, signal).then(({ outcome, error }) => {
      underWay.delete(work);
      if (error !== undefined) errors++;
      results.push({
        index: item.index,
        outcome,
        ...(error !== undefined && { error }),
        latencyMs: timing.now() - startedAt - item.atMs,
      });
      report();
    });
    underWay.add(work);
  };

  for (const item of plan) {
    const early = item.atMs - (timing.now() - startedAt);
    if (early > 0) await timing.wait(early, signal);
    while (underWay.size >= concurrency && !signal.aborted) await Promise.race(underWay);
    if (signal.aborted) break;
    begin(item);
  }
  await Promise.all(underWay);
  report();
  return summary(
    plan.length,
    results.sort((a, b) => a.index - b.index),
    timing.now() - startedAt,
  );
}

async function settle<Item extends Arrival>(
  item: Item,
  send: Send<Item>,
  signal: AbortSignal,
): Promise<{ outcome: string; error?: string }> {
  try {
    return { outcome: await send(item, signal) };
  } catch (error) {
    if (signal.aborted) return { outcome: "interrupted" };
    return { outcome: "ERROR", error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

function summary(planned: number, results: TrafficResult[], durationMs: number): TrafficReport {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of results) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const latencies = results
    .filter(({ error }) => error === undefined)
    .map(({ latencyMs }) => latencyMs)
    .sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.ceil(latencies.length * share) - 1)] as number;
  return {
    planned,
    results,
    notSent: planned - results.length,
    outcomes,
    durationMs,
    ...(latencies.length > 0 && { latency: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) } }),
  };
}

const realTiming: Timing = {
  now: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
    }),
};
