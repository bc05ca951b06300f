import type { ExecutionRecord } from "../../ports/store.ts";

export interface Enders {
  /** Resolves when that execution is told to have ended; rejects when the caller gives up. */
  waitFor(id: string, signal: AbortSignal | undefined): Promise<ExecutionRecord>;
  tell(record: ExecutionRecord): void;
}

/** Those who wait for the end of an execution. */
export function enders(): Enders {
  const waiting = new Map<string, Set<(record: ExecutionRecord) => void>>();
  return {
    waitFor: (id, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const tellers = waiting.get(id) ?? new Set();
        waiting.set(id, tellers);
        const giveUp = () => {
          tellers.delete(tell);
          if (tellers.size === 0 && waiting.get(id) === tellers) waiting.delete(id);
          reject(signal?.reason);
        };
        const tell = (record: ExecutionRecord) => {
          signal?.removeEventListener("abort", giveUp);
          resolve(record);
        };
        tellers.add(tell);
        signal?.addEventListener("abort", giveUp, { once: true });
      }),
    tell(record) {
      const tellers = waiting.get(record.id);
      waiting.delete(record.id);
      for (const tell of tellers ?? []) tell(record);
    },
  };
}
