import type { Json } from "../kit/json.ts";
import type { Execution } from "./contract.ts";
import { Draft } from "./draft.ts";
import { frameIdOf } from "./effect-ids.ts";
import { run } from "./evaluation.ts";
import type { KernelExecution } from "./kernel-state.ts";
import type { Machine } from "./machine.ts";
import { selectedItems } from "./states/map-run.ts";

/** What ItemSelector makes of items that an engine has read for a distributed Map; throws a StateFailure. Changes nothing. */
export function selectMapItems(
  machine: Machine,
  execution: Execution,
  given: { effectId: string; items: Json[]; firstIndex: number; atMs: number; seed: string },
): Json[] | Promise<Json[]> {
  const { effectId, items, firstIndex, atMs, seed } = given;
  const draft = new Draft(machine, execution as KernelExecution, { type: "timerFired", effectId, atMs, seed });
  return run(selectedItems(draft, draft.frame(frameIdOf(effectId)), items, firstIndex));
}
