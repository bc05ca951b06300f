import type { Clock } from "../../ports/clock.ts";
import { type ProcessGroup, type ProcessGroupOptions, startProcessGroup } from "../../serve/process-group.ts";

/** Below the priority of what serves. */
const niceness = 5;
/** How long a program that has said nothing yet is left to begin to listen for SIGTERM. */
const mostSilenceMs = 2_000;

/**
 * Starts a training program. One that is asked to stop when it has only just been started is asked with its first line: before that SIGTERM
 * would end it, and the model that its checkpoints hold would be lost.
 */
export function startTraining(options: Omit<ProcessGroupOptions, "niceness">): ProcessGroup {
  let hasSpoken = false;
  let cancelAsking: (() => void) | undefined;
  const program = startProcessGroup({
    ...options,
    niceness,
    onLine(line) {
      hasSpoken = true;
      cancelAsking?.();
      options.onLine(line);
    },
  });
  return {
    ...program,
    stop() {
      if (hasSpoken) program.stop();
      else if (cancelAsking === undefined) cancelAsking = soon(options.clock, program);
    },
  };
}

/** Stops the program after a while, or at once when the function that it answers is called; once either way. */
function soon(clock: Clock, program: ProcessGroup): () => void {
  let isAsked = false;
  const ask = () => {
    if (!isAsked) program.stop();
    isAsked = true;
  };
  const cancel = clock.schedule(mostSilenceMs, ask);
  program.ended.finally(cancel).catch(() => undefined); // its failure is whose who waits for it
  return () => {
    cancel();
    ask();
  };
}
