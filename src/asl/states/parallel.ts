import type { Draft } from "../draft.ts";
import { effectIdOf } from "../effect-ids.ts";
import { environmentOf } from "../environment.ts";
import { type Running, settle } from "../evaluation.ts";
import { type Exit, inputOf, leaveWithResult } from "../flow.ts";
import type { ChildrenWork, Frame } from "../kernel-state.ts";
import { addChild } from "./children.ts";

export function* startParallel(draft: Draft, frame: Frame): Running<undefined> {
  const state = draft.stateOf(frame);
  if (state.type !== "Parallel") throw new Error(`'${frame.state}' is not a Parallel state`);
  const input = inputOf(draft, frame, state);
  const given =
    state.arguments === undefined
      ? input
      : yield* settle(state.arguments(environmentOf(draft, frame, { data: input })));
  draft.probe?.note("afterParameters", given);
  const total = state.branches.length;
  const startedId = draft.emit(frame, "ParallelStateStarted");
  frame.work = {
    type: "children",
    effectId: effectIdOf(frame),
    items: [given],
    total,
    next: total,
    open: 0,
    concurrency: total,
    results: [],
    lastId: startedId,
  };
  for (let index = 0; index < total; index++) addChild(draft, frame, { index, input: given, lastId: startedId });
  return undefined;
}

/** ParallelStateSucceeded and ParallelStateExited both point at the last event of the branches. */
export function* completeParallel(draft: Draft, frame: Frame): Running<Exit> {
  const work = frame.work as ChildrenWork;
  draft.emit(frame, "ParallelStateSucceeded", { previousEventId: work.lastId });
  frame.lastId = work.lastId;
  return yield* leaveWithResult(draft, frame, work.results);
}
