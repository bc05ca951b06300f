import { armExecutionTimer } from "./advance.ts";
import type { Draft } from "./draft.ts";
import { drive } from "./drive.ts";
import type { Frame } from "./kernel-state.ts";
import { completeUnfinished } from "./states/children.ts";
import { redriveMapRun } from "./states/map-run.ts";
import { performState } from "./states/perform.ts";

/**
 * Goes on with an execution that did not succeed: what succeeded stays, the states that failed or were aborted do their work
 * again without being entered again (their first event points at their StateEntered).
 */
export function redrive(draft: Draft): void {
  const { execution } = draft;
  if (!["FAILED", "ABORTED", "TIMED_OUT"].includes(execution.status)) return;
  execution.status = "RUNNING";
  delete execution.error;
  delete execution.cause;
  execution.redriveCount++;
  draft.emit(undefined, "ExecutionRedriven", {
    detailsName: "executionRedrivenEventDetails",
    details: { redriveCount: execution.redriveCount },
    previousEventId: execution.nextEventId - 1,
  });
  armExecutionTimer(draft);
  resume(draft, "");
}

function resume(draft: Draft, id: string): void {
  const frame: Frame = draft.frame(id);
  delete frame.ended;
  frame.retries = [];
  frame.retryCount = 0;
  const children = draft.childrenOf(id).map((child) => child.id);
  if (children.length === 0 || frame.work?.type !== "children") {
    delete frame.work;
    frame.lastId = frame.enteredId;
    if (frame.unsuccessfulRun !== undefined) {
      redriveMapRun(draft, frame, frame.unsuccessfulRun);
      return;
    }
    draft.ready.push(() => drive(draft, frame, () => performState(draft, frame)));
    return;
  }
  frame.work.open = children.length;
  for (const child of children) resume(draft, child);
  completeUnfinished(draft, frame);
}
