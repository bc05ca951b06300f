import type { Clock } from "./clock.ts";

export interface TestClock extends Clock {
  /** Moves time on, calling what falls due in order, and lets what it started settle in between. */
  advance(ms: number): Promise<void>;
  /** Moves from one due callback to the next until `isDone`; fails when nothing is left to wait for. */
  advanceUntil(isDone: () => boolean, limitMs?: number): Promise<void>;
  /** How many callbacks wait. */
  pending(): number;
}

/** Virtual time: it stands still until told to move. Ids and random numbers are the same in every run. */
export function testClock(startMs = Date.UTC(2026, 0, 1)): TestClock {
  let nowMs = startMs;
  let count = 0;
  let waiting: { dueMs: number; order: number; callback: () => void }[] = [];

  const earliest = () => waiting.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
  const fire = async (entry: { dueMs: number; callback: () => void }) => {
    waiting = waiting.filter((other) => other !== entry);
    nowMs = Math.max(nowMs, entry.dueMs);
    entry.callback();
    await settle();
  };

  return {
    now: () => nowMs,
    schedule(delayMs, callback) {
      const entry = { dueMs: nowMs + Math.max(0, delayMs), order: count++, callback };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    uuid: () => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, "0")}`,
    // The golden ratio spreads evenly over [0, 1) and never repeats.
    random: () => (++count * 0.6180339887498949) % 1,
    pending: () => waiting.length,
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let next = earliest(); next !== undefined && next.dueMs <= untilMs; next = earliest()) await fire(next);
      nowMs = untilMs;
      await settle();
    },
    async advanceUntil(isDone, limitMs = 366 * 86_400_000) {
      const untilMs = nowMs + limitMs;
      await settle();
      for (let idle = 0; !isDone(); ) {
        const next = earliest();
        if (next !== undefined && next.dueMs <= untilMs) await fire(next);
        else if (++idle < 50) await settle();
        else throw new Error(`nothing is left to wait for at ${new Date(nowMs).toISOString()}`);
      }
    },
  };
}

/** Lets promises and group commits (one per turn of the event loop) come to rest. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
