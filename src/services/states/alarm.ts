import type { Clock } from "../../ports/clock.ts";

/** Timers rung at once; more follow at once. */
const ringLimit = 1_000;
/** After a failure to read or write what is due. */
const retryMs = 1_000;

export interface Alarm {
  /** Something is due at that time; rings then, or earlier if something else is. */
  noteDue(dueMs: number): void;
  close(): void;
}

/** One timer for all that wait in the store: armed for the earliest of them, however many there are. */
export function alarm(options: {
  clock: Clock;
  nextDue: () => number | undefined;
  /** Handles what is due at that time, and answers how many that were. */
  ring: (nowMs: number, limit: number) => Promise<number>;
  onError: (error: unknown) => void;
}): Alarm {
  const { clock, nextDue, ring, onError } = options;
  let armed: { dueMs: number; cancel: () => void } | undefined;
  let isRinging = false;
  let isClosed = false;

  const arm = (dueMs: number): void => {
    if (isClosed || isRinging || (armed !== undefined && armed.dueMs <= dueMs)) return;
    armed?.cancel();
    armed = { dueMs, cancel: clock.schedule(dueMs - clock.now(), () => void fire()) };
  };

  const fire = async (): Promise<void> => {
    armed = undefined;
    isRinging = true;
    let nextMs: number | undefined;
    try {
      while (!isClosed && (await ring(clock.now(), ringLimit)) === ringLimit);
      nextMs = isClosed ? undefined : nextDue();
    } catch (error) {
      onError(error);
      nextMs = clock.now() + retryMs;
    } finally {
      isRinging = false;
    }
    if (nextMs !== undefined) arm(nextMs);
  };

  return {
    noteDue: arm,
    close() {
      isClosed = true;
      armed?.cancel();
    },
  };
}
