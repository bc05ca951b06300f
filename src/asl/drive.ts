import type { Json } from "../kit/json.ts";
import type { Draft } from "./draft.ts";
import { effectIdOf } from "./effect-ids.ts";
import type { Running } from "./evaluation.ts";
import { runtimeFailure, StateFailure } from "./failure.ts";
import { type Exit, exitState } from "./flow.ts";
import { catchExit, findCatcher, retryDelaySeconds, takeRetry } from "./handlers.ts";
import type { Frame } from "./kernel-state.ts";
import { outputText } from "./limits.ts";
import { abortChildren, childFailed, childSucceeded, removeChildren } from "./states/children.ts";
import { performState } from "./states/perform.ts";

/*
 * The loop: enter a state, do its work, leave it, enter the next, until the frame waits for the world or is over.
 *
 * K3. Whatever a state throws as StateFailure passes Retry, then Catch, then ends the frame; nothing else is caught here.
 */

/** What became of a piece of a state's work: how to leave the state, or undefined when it waits. */
export type Work = () => Running<Exit | undefined>;

/** Enters the frame's present state and goes on from there. */
export function* enterAndDrive(draft: Draft, frame: Frame): Running<void> {
  enter(draft, frame);
  yield* drive(draft, frame, () => performState(draft, frame));
}

/** Goes on with a state that was entered before: `work` is what happened to it now. */
export function* drive(draft: Draft, frame: Frame, work: Work): Running<void> {
  let next: Work = work;
  while (true) {
    const isLeft = yield* workAndLeave(draft, frame, next);
    if (!isLeft) return;
    enter(draft, frame);
    next = () => performState(draft, frame);
  }
}

function enter(draft: Draft, frame: Frame): void {
  const state = draft.stateOf(frame);
  frame.beforeId = frame.lastId;
  frame.enteredAt = new Date(draft.input.atMs).toISOString();
  frame.retries = [];
  frame.retryCount = 0;
  frame.enteredId = draft.emit(frame, `${state.type}StateEntered`, {
    detailsName: "stateEnteredEventDetails",
    details: { name: frame.state, input: draft.text(frame.input), inputDetails: { truncated: false } },
  });
}

/** True when the frame stands before its next state. */
function* workAndLeave(draft: Draft, frame: Frame, work: Work): Running<boolean> {
  try {
    const exit = yield* work();
    return exit !== undefined && leave(draft, frame, exit);
  } catch (error) {
    return yield* handle(draft, frame, failureOf(error));
  }
}

/** What a state's work threw, as a failure of the state; anything else is our own mistake and goes on its way. */
export function failureOf(error: unknown): StateFailure {
  if (error instanceof StateFailure) return error;
  if (error instanceof RangeError) return runtimeFailure(tooDeep);
  throw error;
}

/** JSON nested so deeply that JavaScript cannot write it: the stack is the only thing here that runs out of range. */
const tooDeep = "The data of the state is nested too deeply.";

function leave(draft: Draft, frame: Frame, exit: Exit): boolean {
  if (exitState(draft, frame, exit)) return true;
  endFrame(draft, frame, exit.output);
  return false;
}

/** A frame that reached its end: the execution succeeded, or the parent's state has one result more. */
function endFrame(draft: Draft, frame: Frame, output: Json): void {
  if (frame.parent !== null) {
    childSucceeded(draft, frame, output);
    return;
  }
  draft.emit(frame, "ExecutionSucceeded", {
    detailsName: "executionSucceededEventDetails",
    details: { output: outputText(draft, frame.state, output), outputDetails: { truncated: false } },
  });
  draft.execution.status = "SUCCEEDED";
  draft.execution.output = output;
  draft.execution.frames = {};
  draft.effects.push({ type: "end" });
}

function* handle(draft: Draft, frame: Frame, thrown: StateFailure): Running<boolean> {
  const state = draft.stateOf(frame);
  const failure = withPlace(thrown, frame);
  if (failure.kind === "evaluation") emitEvaluationFailed(draft, frame, failure);
  if (!thrown.isFromChild) abortChildren(draft, frame);
  const retry = takeRetry(frame, state, failure);
  if (retry !== undefined) {
    waitForRetry(draft, frame, retryDelaySeconds(retry, draft.random.next));
    return false;
  }
  const hasChildren = state.type === "Map" || state.type === "Parallel";
  if (hasChildren && (failure.kind !== "runtime" || thrown.isFromChild)) draft.emit(frame, `${state.type}StateFailed`);
  const catcher = findCatcher(state, failure);
  if (catcher === undefined) return failFrame(draft, frame, failure);
  try {
    const exit = yield* catchExit(draft, frame, { catcher, failure });
    removeChildren(draft, frame);
    return leave(draft, frame, exit);
  } catch (error) {
    // A catcher whose own fields fail is not handled again.
    if (!(error instanceof StateFailure)) throw error;
    const second = withPlace(error, frame);
    if (second.kind === "evaluation") emitEvaluationFailed(draft, frame, second);
    return failFrame(draft, frame, second);
  }
}

function waitForRetry(draft: Draft, frame: Frame, delaySeconds: number): void {
  removeChildren(draft, frame);
  const effectId = `${effectIdOf(frame)}!retry`;
  const dueMs = draft.input.atMs + Math.round(delaySeconds * 1000);
  frame.work = { type: "retry", effectId, dueMs };
  draft.effects.push({ type: "timer", id: effectId, dueMs });
}

/** Puts AWS's sentence about the state in front, once: at the innermost state. */
export function withPlace(failure: StateFailure, frame: Frame): StateFailure {
  if (failure.kind === "work" || failure.isPlaced || failure.error === "States.DataLimitExceeded") return failure;
  const place = `An error occurred while executing the state '${frame.state}' (entered at the event id #${frame.enteredId}). `;
  return failure.placed(place);
}

function emitEvaluationFailed(draft: Draft, frame: Frame, failure: StateFailure): void {
  const details: { [name: string]: Json } = {
    state: frame.state,
    error: failure.error ?? "",
    cause: failure.reason ?? "",
  };
  if (failure.location !== undefined) details["location"] = failure.location;
  const previousEventId = failure.location === "Timestamp" ? frame.enteredId : frame.beforeId;
  frame.lastId = draft.emit(undefined, "EvaluationFailed", {
    detailsName: "evaluationFailedEventDetails",
    details,
    previousEventId,
  });
}

/** Nothing handles the failure: the execution fails, or the state that the frame belongs to. Always false. */
function failFrame(draft: Draft, frame: Frame, failure: StateFailure): boolean {
  frame.ended = "failed";
  if (frame.parent === null) endExecution(draft, failure, frame.lastId);
  else childFailed(draft, frame, failure);
  return false;
}

function endExecution(draft: Draft, failure: StateFailure, previousEventId: number): void {
  const details: { [name: string]: Json } = {};
  if (failure.error !== undefined) details["error"] = failure.error;
  if (failure.reason !== undefined) details["cause"] = failure.reason;
  draft.emit(undefined, "ExecutionFailed", { detailsName: "executionFailedEventDetails", details, previousEventId });
  draft.execution.status = "FAILED";
  if (failure.error !== undefined) draft.execution.error = failure.error;
  if (failure.reason !== undefined) draft.execution.cause = failure.reason;
  draft.effects.push({ type: "end" });
}
