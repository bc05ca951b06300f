import { executionTimerId } from "./advance.ts";
import type { Effect, Execution } from "./contract.ts";
import type { KernelExecution, TaskWork } from "./kernel-state.ts";
import { taskEffects } from "./states/task.ts";

/** Everything a running execution waits for, for an engine that begins again after a crash: the same effects with the same ids. */
export function pendingEffects(execution: Execution): Effect[] {
  if (execution.status !== "RUNNING") return [];
  const { frames, deadlineMs } = execution as KernelExecution;
  const effects: Effect[] =
    deadlineMs === undefined ? [] : [{ type: "timer", id: executionTimerId, dueMs: deadlineMs }];
  for (const { work } of Object.values(frames)) {
    if (work?.type === "task") effects.push(...taskEffects(work).map((effect) => asHandedOver(effect, work)));
    else if (work?.type === "mapRun") effects.push({ type: "mapRun", id: work.effectId, state: work.state });
    else if (work?.type === "wait" || work?.type === "retry")
      effects.push({ type: "timer", id: work.effectId, dueMs: work.dueMs });
  }
  return effects;
}

/** What only waits to be told of its end: submitting it again, or giving it to a second worker, would do it twice. */
function asHandedOver(effect: Effect, { isSubmitted, isStarted, taskToken }: TaskWork): Effect {
  const isGiven = isSubmitted === true || (isStarted === true && taskToken !== undefined);
  return effect.type === "task" && isGiven ? { ...effect, isHandedOver: true } : effect;
}
