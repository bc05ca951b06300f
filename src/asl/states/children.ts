import type { Json } from "../../kit/json.ts";
import type { Draft } from "../draft.ts";
import { drive, enterAndDrive } from "../drive.ts";
import type { Running } from "../evaluation.ts";
import type { StateFailure } from "../failure.ts";
import type { ChildrenWork, Frame } from "../kernel-state.ts";
import { completeMap, nextIteration } from "./map.ts";
import { completeParallel } from "./parallel.ts";
import { cancelTimers } from "./task.ts";

/* Branches and iterations: frames of their own below the frame whose state started them. */

export function addChild(
  draft: Draft,
  parent: Frame,
  child: { index: number; input: Json; item?: Json; lastId: number },
): Frame {
  const work = parent.work as ChildrenWork;
  const frame: Frame = {
    id: `${work.effectId}#${child.index}`,
    parent: parent.id,
    index: child.index,
    variables: {},
    state: "",
    input: child.input,
    enteredAt: "",
    enteredId: 0,
    beforeId: 0,
    lastId: child.lastId,
    started: 0,
    retries: [],
    retryCount: 0,
  };
  if (child.item !== undefined) frame.item = child.item;
  draft.addFrame(frame);
  frame.state = draft.scopeOf(frame).startAt;
  work.open++;
  whenReady(draft, frame, () => enterAndDrive(draft, frame));
  return frame;
}

/** Puts a piece of work in the queue; it is dropped when the frame was given up before its turn came. */
function whenReady(draft: Draft, frame: Frame, work: () => Running<void>): void {
  draft.ready.push(function* () {
    if (draft.execution.frames[frame.id] === frame && frame.ended === undefined) yield* work();
  });
}

/** After a redrive: starts the items that had not begun. */
export function completeUnfinished(draft: Draft, frame: Frame): void {
  const work = frame.work as ChildrenWork;
  for (let i = work.open; i < work.concurrency && work.next + i - work.open < work.total; i++) {
    whenReady(draft, frame, () => nextIteration(draft, frame, work.lastId));
  }
}

export function childSucceeded(draft: Draft, child: Frame, output: Json): void {
  const parent = draft.frame(child.parent as string);
  const work = parent.work as ChildrenWork;
  work.results[child.index] = output;
  work.open--;
  const isMap = draft.stateOf(parent).type === "Map";
  const details = { name: parent.state, index: child.index };
  work.lastId = isMap
    ? draft.emit(child, "MapIterationSucceeded", {
        detailsName: "mapIterationSucceededEventDetails",
        details,
        previousEventId: child.lastId,
      })
    : child.lastId;
  draft.removeFrame(child.id);
  if (work.next < work.total) whenReady(draft, parent, () => nextIteration(draft, parent, child.lastId));
  else if (work.open === 0) {
    whenReady(draft, parent, () =>
      drive(draft, parent, () => (isMap ? completeMap(draft, parent) : completeParallel(draft, parent))),
    );
  }
}

/** One branch or iteration failed: the others are given up, and the state that started them handles the failure. */
export function childFailed(draft: Draft, child: Frame, failure: StateFailure): void {
  const parent = draft.frame(child.parent as string);
  const work = parent.work as ChildrenWork;
  const isMap = draft.stateOf(parent).type === "Map";
  const previousEventId = child.lastId;
  const name = parent.state;
  if (isMap) {
    const details = { name, index: child.index };
    draft.emit(child, "MapIterationFailed", {
      detailsName: "mapIterationFailedEventDetails",
      details,
      previousEventId,
    });
  }
  for (const { id } of draft.childrenOf(parent.id)) {
    const sibling = draft.frame(id);
    if (sibling.id === child.id || sibling.ended !== undefined) continue;
    abortFrame(draft, sibling, previousEventId);
    if (isMap) {
      const details = { name, index: sibling.index };
      draft.emit(sibling, "MapIterationAborted", {
        detailsName: "mapIterationAbortedEventDetails",
        details,
        previousEventId,
      });
    }
  }
  if (draft.stateOf(child).type === "Task") draft.emit(child, "TaskStateAborted", { previousEventId });
  work.open = 0;
  parent.lastId = previousEventId;
  const thrown = failure.fromChild();
  whenReady(draft, parent, () =>
    drive(draft, parent, () => {
      throw thrown;
    }),
  );
}

/** Gives up what a frame waits for; it stays where it is, for a redrive. */
function abortFrame(draft: Draft, frame: Frame, previousEventId: number): void {
  frame.ended = "aborted";
  for (const { id } of draft.childrenOf(frame.id)) abortFrame(draft, draft.frame(id), previousEventId);
  const isTask = frame.work?.type === "task";
  cancelWork(draft, frame);
  if (isTask) draft.emit(frame, "TaskStateAborted", { previousEventId });
}

/** The state itself failed (a field of it, not a branch): whatever it has started is given up. */
export function abortChildren(draft: Draft, frame: Frame): void {
  for (const { id, ended } of draft.childrenOf(frame.id)) {
    if (ended === undefined) abortFrame(draft, draft.frame(id), frame.lastId);
  }
}

/** Tells the engine that what the frame waits for no longer matters. */
export function cancelWork(draft: Draft, frame: Frame): void {
  const { work } = frame;
  if (work === undefined || work.type === "children") return;
  if (work.type === "task") cancelTimers(draft, work);
  draft.effects.push({ type: "cancel", id: work.effectId });
  if (work.type === "mapRun") frame.unsuccessfulRun = work;
  delete frame.work;
}

/** Forgets the branches or iterations of a state that is tried again or left. */
export function removeChildren(draft: Draft, frame: Frame): void {
  for (const child of draft.childrenOf(frame.id)) {
    removeChildren(draft, child);
    draft.removeFrame(child.id);
  }
  delete frame.work;
}
