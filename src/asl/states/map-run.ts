import type { Json } from "../../kit/json.ts";
import type { MapRunOutcome } from "../contract.ts";
import type { Draft } from "../draft.ts";
import { effectIdOf } from "../effect-ids.ts";
import { type Environment, type Evaluate, type Running, settle } from "../evaluation.ts";
import { StateFailure } from "../failure.ts";
import { type Exit, leaveWithResult } from "../flow.ts";
import type { Frame, MapRunWork } from "../kernel-state.ts";
import type { DistributedMap } from "../machine.ts";
import { selectItem } from "./map.ts";

/** Asks the engine to run the items as executions of their own. The effect's `state` holds everything it needs. */
export function* startMapRun(
  draft: Draft,
  frame: Frame,
  given: {
    distributed: DistributedMap;
    items: Json[];
    environment: Environment;
    concurrency: number | undefined;
    toleratedCount?: number | undefined;
    toleratedPercentage?: number | undefined;
  },
): Running<undefined> {
  const { distributed, environment } = given;
  const effectId = effectIdOf(frame);
  const { stateMachineArn } = draft.execution.context;
  const label = distributed.label ?? draft.random.uuid();
  const mapRunArn = `${stateMachineArn.replace(":stateMachine:", ":mapRun:")}/${label}:${draft.random.uuid()}`;
  const state: { [name: string]: Json } = {
    mapRunArn,
    stateName: frame.state,
    executionType: distributed.executionType,
    definition: distributed.processorDefinition,
    maxConcurrency: given.concurrency ?? 0,
    toleratedFailureCount: given.toleratedCount ?? 0,
    toleratedFailurePercentage: given.toleratedPercentage ?? 0,
  };
  if (distributed.itemReader === undefined) state["items"] = yield* selectedItems(draft, frame, given.items);
  const parts = {
    itemReader: distributed.itemReader,
    itemBatcher: distributed.itemBatcher,
    resultWriter: distributed.resultWriter,
  };
  for (const [name, field] of Object.entries(parts) as [string, Evaluate | undefined][]) {
    if (field !== undefined) state[name] = yield* settle(field(environment));
  }
  const startedId = draft.emit(frame, "MapRunStarted", {
    detailsName: "mapRunStartedEventDetails",
    details: { mapRunArn },
  });
  frame.work = { type: "mapRun", effectId, mapRunArn, state, startedId };
  delete frame.unsuccessfulRun;
  draft.effects.push({ type: "mapRun", id: effectId, state });
  return undefined;
}

/** AWS chains MapStateExited to MapRunStarted since November 2024. */
export function* endMapRun(draft: Draft, frame: Frame, outcome: MapRunOutcome): Running<Exit> {
  const work = frame.work as MapRunWork;
  const { startedId } = work;
  if (outcome.status === "SUCCEEDED") {
    draft.emit(frame, "MapRunSucceeded");
    draft.emit(frame, "MapStateSucceeded");
    frame.lastId = startedId;
    delete frame.work;
    return yield* leaveWithResult(draft, frame, outcome.output ?? []);
  }
  const { error, cause } = outcome;
  if (outcome.status === "ABORTED") draft.emit(frame, "MapRunAborted");
  else {
    const details: { [name: string]: Json } = {};
    if (error !== undefined) details["error"] = error;
    if (cause !== undefined) details["cause"] = cause;
    draft.emit(frame, "MapRunFailed", { detailsName: "mapRunFailedEventDetails", details });
  }
  delete frame.work;
  frame.unsuccessfulRun = work;
  throw new StateFailure("work", { error: error ?? "States.Runtime", reason: cause });
}

/** After a redrive: the same run goes on with the items that did not succeed. */
export function redriveMapRun(draft: Draft, frame: Frame, work: MapRunWork): void {
  const { mapRunArn, effectId } = work;
  const state = work.state as { [name: string]: Json };
  const redriveCount = Number(state["redriveCount"] ?? 0) + 1;
  // How AWS chains this event is not known: it follows the state's entry, as everything does that is done again.
  const details = { mapRunArn, redriveCount };
  const startedId = draft.emit(frame, "MapRunRedriven", { detailsName: "mapRunRedrivenEventDetails", details });
  frame.work = { ...work, startedId, state: { ...state, redriveCount } };
  draft.effects.push({ type: "mapRun", id: effectId, state: frame.work.state });
}

/** `firstIndex`: the place of the first of these among all items. */
export function* selectedItems(draft: Draft, frame: Frame, items: Json[], firstIndex = 0): Running<Json[]> {
  const state = draft.stateOf(frame);
  if (state.type !== "Map" || state.itemSelector === undefined) return items;
  const selected: Json[] = [];
  for (const [place, item] of items.entries()) {
    selected.push(yield* selectItem(draft, frame, { state, index: firstIndex + place, item }));
  }
  return selected;
}
