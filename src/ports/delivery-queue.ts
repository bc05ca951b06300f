import type { Clock } from "./clock.ts";
import type { Resources } from "./resources.ts";

/*
 * Deliveries that survive: each waits as a row until it was made or given up.
 *
 * D1. `add` writes in the caller's transaction: whoever was told "accepted" has a row.
 * D2. A row goes only after the delivery was made, refused for good, or handed to `giveUp`. So after a crash it is made
 *     again, with the same id: at least once.
 */
export interface DeliveryQueue<Job> {
  /** Call it inside `resources.transaction` together with what causes the deliveries. */
  add(jobs: readonly Job[]): void;
  /** How many wait or are being made. */
  size(): number;
  /** Stops, and waits for the deliveries that are being made; the rest is made after the next start. */
  close(): Promise<void>;
}

export interface DeliveryQueueOptions<Job> {
  resources: Resources;
  clock: Clock;
  /** The kind of the rows. */
  kind: string;
  deliver: (job: Job, about: { id: string; attempt: number; signal: AbortSignal }) => Promise<void>;
  /** How long to wait before the next attempt; `undefined` gives up. `attempt` counts from 1. */
  retryDelayMs: (job: Job, attempt: number, error: unknown) => number | undefined;
  /** The last word about a delivery that was given up; may write rows of its own. */
  giveUp: (job: Job, error: unknown) => Promise<void>;
  /** A bug of ours, or the disk refused: the row stays, and the delivery is made after the next start. */
  report: (error: unknown) => void;
  /** Deliveries at once: enough that one dead address delays nobody, few enough for sockets. */
  concurrency?: number;
}

/** What waited from before is made a moment after the start, when whoever has to answer it is there. */
const settlingMs = 1000;

const pageSize = 500;

interface Row<Job> {
  job: Job;
  attempts: number;
  dueMs: number;
}

export function deliveryQueue<Job>(options: DeliveryQueueOptions<Job>): DeliveryQueue<Job> {
  const { resources, clock, kind } = options;
  const concurrency = options.concurrency ?? 16;
  const stop = new AbortController();
  const ready: string[] = [];
  const timers = new Map<string, () => void>();
  const running = new Map<string, Promise<void>>();
  let added = 0;

  const page = (after?: string) => resources.list<Row<Job>>(kind, { after, limit: pageSize });

  function wait(id: string, delayMs: number): void {
    const cancel = clock.schedule(delayMs, () => {
      timers.delete(id);
      ready.push(id);
      startMore();
    });
    timers.set(id, cancel);
  }

  function startMore(): void {
    while (!stop.signal.aborted && running.size < concurrency) {
      const id = ready.shift();
      if (id === undefined) return;
      const work = attempt(id)
        .catch(options.report)
        .finally(() => {
          running.delete(id);
          startMore();
        });
      running.set(id, work);
    }
  }

  async function attempt(id: string): Promise<void> {
    const row = resources.get<Row<Job>>(kind, id)?.value;
    // The transaction that added it was rolled back.
    if (row === undefined) return;
    const number = row.attempts + 1;
    try {
      await options.deliver(row.job, { id, attempt: number, signal: stop.signal });
    } catch (error) {
      if (stop.signal.aborted) return;
      const delayMs = options.retryDelayMs(row.job, number, error);
      if (delayMs !== undefined) {
        resources.put<Row<Job>>(kind, id, { job: row.job, attempts: number, dueMs: clock.now() + delayMs });
        wait(id, delayMs);
        return;
      }
      await options.giveUp(row.job, error);
    }
    resources.delete(kind, id);
  }

  // In pages: only ids stay in memory, however much waits.
  for (let rows = page(); rows.length > 0; rows = page(rows.at(-1)?.id)) {
    for (const { id, value } of rows) wait(id, Math.max(settlingMs, value.dueMs - clock.now()));
  }

  return {
    add(jobs) {
      const dueMs = clock.now();
      for (const job of jobs) {
        // In order of time, and apart from those of an earlier process in the same millisecond.
        const id = `${dueMs.toString(16).padStart(12, "0")}-${(++added).toString(16).padStart(8, "0")}-${clock.uuid()}`;
        resources.put<Row<Job>>(kind, id, { job, attempts: 0, dueMs });
        // Not before the caller's transaction has ended.
        wait(id, 0);
      }
    },
    size: () => ready.length + timers.size + running.size,
    async close() {
      stop.abort();
      for (const cancel of timers.values()) cancel();
      timers.clear();
      await Promise.all(running.values());
    },
  };
}
