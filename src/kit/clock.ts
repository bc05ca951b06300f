import { randomUUID } from "node:crypto";

/** JavaScript fires longer timers at once, so longer waits are made of several. */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's own time and randomness (fulfils the port `Clock`). Its timers never keep the process alive. */
export function systemClock() {
  return {
    now: () => Date.now(),
    schedule(delayMs: number, callback: () => void): () => void {
      const dueMs = performance.now() + Math.max(0, delayMs);
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        const restMs = dueMs - performance.now();
        timer =
          restMs > longestTimerMs
            ? setTimeout(arm, longestTimerMs)
            : setTimeout(callback, Math.max(0, Math.ceil(restMs)));
        timer.unref();
      };
      arm();
      return () => clearTimeout(timer);
    },
    uuid: () => randomUUID() as string,
    random: () => Math.random(),
  };
}
