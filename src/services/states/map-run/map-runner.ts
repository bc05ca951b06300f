import type { Execution, MapRunOutcome } from "../../../asl/contract.ts";
import type { ExecutionRecord } from "../../../ports/store.ts";
import type { MapRunEffect } from "../kernel.ts";

export interface MapRunRequest {
  effect: MapRunEffect;
  record: ExecutionRecord;
  execution: Execution;
  machine: unknown;
  tell(outcome: MapRunOutcome): void;
}

export interface MapRunner {
  /** Begins, or goes on after a crash. */
  begin(request: MapRunRequest): void;
  /** Nobody waits any more for this run, or for any of this execution. */
  stop(executionId: string, effectId?: string): void;
}

/** Without someone who runs them, such a state fails at once rather than wait for ever. */
export const noMapRuns: MapRunner = {
  begin({ effect, tell }) {
    const { mapRunArn } = effect.state as { mapRunArn: string };
    const cause = "EXPRESS executions run Map states of mode INLINE only.";
    tell({ status: "FAILED", error: "States.Runtime", cause, mapRunArn });
  },
  stop: () => {},
};
