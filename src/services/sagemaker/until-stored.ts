import type { Clock } from "../../ports/clock.ts";

const againMs = 5_000;

/** Stores how a job ended as soon as there is room for it: until then it goes on for whoever asks, and does not go on for ever. */
export async function untilStored(
  store: () => void,
  { clock, isOver, report }: { clock: Clock; isOver: () => boolean; report: (message: string, error: unknown) => void },
): Promise<void> {
  while (!isOver()) {
    try {
      return store();
    } catch (error) {
      report("how a job ended cannot be stored yet", error);
      await new Promise<void>((resolve) => clock.schedule(againMs, resolve));
    }
  }
}
