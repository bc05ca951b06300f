import type { Arrival } from "./run-traffic.ts";

export type Pace =
  /** As it happened, so many times as fast. */
  | { kind: "captured"; speed: number }
  /** At even distances, whenever it happened. */
  | { kind: "constant"; ratePerSecond: number };

/**
 * When to send again what was sent at these times, in milliseconds and in order. Captures know whole seconds only: what
 * shares a second is spread evenly over it, because nobody sent it all at its beginning.
 */
export function replayPlan(timesMs: readonly number[], pace: Pace): Arrival[] {
  if (pace.kind === "constant")
    return timesMs.map((_, index) => ({ index, atMs: (index * 1000) / above0("rate", pace.ratePerSecond) }));
  const speed = above0("speed", pace.speed);
  const second = (timeMs: number): number => Math.floor(timeMs / 1000);
  const inSecond = new Map<number, number>();
  for (const timeMs of timesMs) inSecond.set(second(timeMs), (inSecond.get(second(timeMs)) ?? 0) + 1);
  const first = second(timesMs[0] ?? 0);
  let before: number | undefined;
  let place = 0;
  return timesMs.map((timeMs, index) => {
    const own = second(timeMs);
    place = own === before ? place + 1 : 0;
    before = own;
    const atMs = (own - first) * 1000 + (place * 1000) / (inSecond.get(own) as number);
    return { index, atMs: atMs / speed };
  });
}

function above0(name: string, value: number): number {
  if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`${name} is ${value}, not a number above 0`);
  return value;
}
