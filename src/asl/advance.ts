import type { Json } from "../kit/json.ts";
import type { Execution, KernelInput, Step } from "./contract.ts";
import { Draft, HistoryFull, maxHistoryEvents } from "./draft.ts";
import { drive, enterAndDrive } from "./drive.ts";
import { frameIdOf } from "./effect-ids.ts";
import { type Running, run } from "./evaluation.ts";
import { runtimeFailure, StateFailure } from "./failure.ts";
import type { Frame, KernelExecution } from "./kernel-state.ts";
import type { Machine } from "./machine.ts";
import { redrive } from "./redrive.ts";
import { cancelWork } from "./states/children.ts";
import { endMapRun } from "./states/map-run.ts";
import { performState } from "./states/perform.ts";
import { failTask, scheduleTask, startTask, submitTask, succeedTask, timeOutTask } from "./states/task.ts";
import { leaveWait } from "./states/wait.ts";

/** The timer of the execution's own TimeoutSeconds. */
export const executionTimerId = "!execution";

/**
 * What happens next: the execution after `input`, the history it wrote and what the engine must do.
 * Answers at once unless a JSONata expression must be evaluated. An input about something that is over changes nothing.
 */
export function advance(machine: Machine, execution: Execution | undefined, input: KernelInput): Step | Promise<Step> {
  return run(advanceOnce(machine, execution as KernelExecution | undefined, input));
}

function* advanceOnce(machine: Machine, execution: KernelExecution | undefined, input: KernelInput): Running<Step> {
  const draft = new Draft(machine, execution ?? newExecution(input), input);
  try {
    const work = begin(draft, input);
    if (work !== undefined) draft.ready.unshift(() => work);
    while (draft.execution.status === "RUNNING") {
      const next = draft.ready.shift();
      if (next === undefined) break;
      yield* next();
    }
  } catch (error) {
    if (!(error instanceof HistoryFull)) throw error;
    failWithFullHistory(draft);
  }
  return { execution: draft.execution, events: draft.events, effects: withEndLast(draft) };
}

function newExecution(input: KernelInput): KernelExecution {
  if (input.type !== "start") throw new Error(`an execution begins with "start", not "${input.type}"`);
  return { status: "RUNNING", nextEventId: 1, context: input.context, input: input.input, redriveCount: 0, frames: {} };
}

/** What the input means for the execution; undefined where it means nothing any more. */
function begin(draft: Draft, input: KernelInput): Running<void> | undefined {
  if (input.type === "start") return start(draft, input.input);
  if (input.type === "redrive") {
    redrive(draft);
    return undefined;
  }
  if (draft.execution.status !== "RUNNING") return undefined;
  if (input.type === "stop") return stop(draft, input);
  if (input.type === "timerFired") return fire(draft, input.effectId);
  const frame = waitingFrame(draft, input.effectId);
  if (frame === undefined) return undefined;
  if (input.type === "mapRunEnded") {
    return frame.work?.type === "mapRun"
      ? drive(draft, frame, () => endMapRun(draft, frame, input.outcome))
      : undefined;
  }
  return frame.work?.type === "task" ? tellTask(draft, frame, input) : undefined;
}

function* start(draft: Draft, input: Json): Running<void> {
  const { machine, execution } = draft;
  const { roleArn, stateMachineAliasArn, stateMachineVersionArn } = execution.context;
  const details: { [name: string]: Json } = { input: draft.text(input), inputDetails: { truncated: false }, roleArn };
  if (stateMachineAliasArn !== undefined) details["stateMachineAliasArn"] = stateMachineAliasArn;
  if (stateMachineVersionArn !== undefined) details["stateMachineVersionArn"] = stateMachineVersionArn;
  draft.emit(undefined, "ExecutionStarted", { detailsName: "executionStartedEventDetails", details });
  armExecutionTimer(draft);
  const frame = draft.addFrame({
    id: "",
    parent: null,
    index: 0,
    variables: {},
    state: machine.scope.startAt,
    input,
    enteredAt: "",
    enteredId: 0,
    beforeId: 0,
    // ExecutionStarted does not advance the chain: the first StateEntered points at 0.
    lastId: 0,
    started: 0,
    retries: [],
    retryCount: 0,
  });
  yield* enterAndDrive(draft, frame);
}

export function armExecutionTimer(draft: Draft): void {
  const { timeoutSeconds } = draft.machine;
  if (timeoutSeconds === undefined) return;
  draft.execution.deadlineMs = draft.input.atMs + timeoutSeconds * 1000;
  draft.effects.push({ type: "timer", id: executionTimerId, dueMs: draft.execution.deadlineMs });
}

type TaskInput = Extract<
  KernelInput,
  { type: "taskStarted" | "taskSubmitted" | "taskSucceeded" | "taskFailed" | "taskRefused" | "heartbeat" }
>;

function tellTask(draft: Draft, frame: Frame, input: TaskInput): Running<void> | undefined {
  const { work } = frame;
  if (work?.type !== "task") return undefined;
  const { atMs } = input;
  switch (input.type) {
    case "taskStarted":
      startTask(draft, frame, { atMs, workerName: input.workerName });
      return undefined;
    case "heartbeat":
      if (work.heartbeatSeconds === undefined) return undefined;
      work.heartbeatDueMs = atMs + work.heartbeatSeconds * 1000;
      draft.effects.push({ type: "timer", id: `${work.effectId}!heartbeat`, dueMs: work.heartbeatDueMs });
      return undefined;
    case "taskSubmitted": {
      startTask(draft, frame, { atMs });
      submitTask(draft, frame, input.output);
      const { early } = work;
      return early === undefined ? undefined : drive(draft, frame, () => succeedTask(draft, frame, early.output));
    }
    case "taskSucceeded":
      if (work.pattern === "waitForTaskToken" && work.isSubmitted !== true) {
        // A token may come back before our own call returned; the history tells them in their order.
        work.early = { output: input.output };
        return undefined;
      }
      startTask(draft, frame, { atMs: input.startedAtMs ?? atMs });
      return drive(draft, frame, () => succeedTask(draft, frame, input.output));
    case "taskFailed":
      startTask(draft, frame, { atMs: input.startedAtMs ?? atMs });
      return failing(draft, frame, () =>
        failTask(draft, frame, new StateFailure("work", { error: input.error, reason: input.cause })),
      );
    case "taskRefused":
      return failing(draft, frame, () => {
        cancelWork(draft, frame);
        return runtimeFailure(input.cause);
      });
    default:
      return input satisfies never;
  }
}

function failing(draft: Draft, frame: Frame, fail: () => StateFailure): Running<void> {
  return drive(draft, frame, () => {
    throw fail();
  });
}

function fire(draft: Draft, timerId: string): Running<void> | undefined {
  const { atMs } = draft.input;
  if (timerId === executionTimerId)
    return isDue(draft, timerId, draft.execution.deadlineMs) ? timeOut(draft) : undefined;
  const taskTimer = /^(.*)!(timeout|heartbeat)$/s.exec(timerId);
  const frame = waitingFrame(draft, taskTimer?.[1] ?? timerId);
  const work = frame?.work;
  if (frame === undefined || work === undefined) return undefined;
  if (work.type === "task" && taskTimer !== null) {
    const isHeartbeat = taskTimer[2] === "heartbeat";
    if (!isDue(draft, timerId, isHeartbeat ? work.heartbeatDueMs : work.deadlineMs)) return undefined;
    // An activity that no worker ever took was never started.
    if (work.taskToken === undefined || work.pattern === "waitForTaskToken") startTask(draft, frame, { atMs });
    return failing(draft, frame, () => timeOutTask(draft, frame, isHeartbeat));
  }
  if ((work.type !== "wait" && work.type !== "retry") || !isDue(draft, timerId, work.dueMs)) return undefined;
  delete frame.work;
  if (work.type === "wait") return drive(draft, frame, () => leaveWait(draft, frame));
  return drive(draft, frame, () =>
    draft.stateOf(frame).type === "Task" ? scheduleTask(draft, frame) : performState(draft, frame),
  );
}

/** A timer that fires too early (a heartbeat moved it on) is asked for again. */
function isDue(draft: Draft, id: string, dueMs: number | undefined): boolean {
  if (dueMs === undefined) return false;
  if (draft.input.atMs >= dueMs) return true;
  draft.effects.push({ type: "timer", id, dueMs });
  return false;
}

function stop(draft: Draft, { error, cause }: { error: string | undefined; cause: string | undefined }): undefined {
  const details: { [name: string]: Json } = {};
  if (error !== undefined) details["error"] = error;
  if (cause !== undefined) details["cause"] = cause;
  endUnfinished(draft, { status: "ABORTED", error, cause });
  draft.emit(undefined, "ExecutionAborted", { detailsName: "executionAbortedEventDetails", details });
}

function timeOut(draft: Draft): undefined {
  endUnfinished(draft, { status: "TIMED_OUT", error: "States.Timeout", cause: undefined });
  draft.emit(undefined, "ExecutionTimedOut", {
    detailsName: "executionTimedOutEventDetails",
    details: { error: "States.Timeout" },
  });
}

function endUnfinished(
  draft: Draft,
  {
    status,
    error,
    cause,
  }: { status: "ABORTED" | "TIMED_OUT" | "FAILED"; error: string | undefined; cause: string | undefined },
): void {
  for (const id of Object.keys(draft.execution.frames)) {
    const frame = draft.frame(id);
    cancelWork(draft, frame);
    frame.ended ??= "aborted";
  }
  draft.execution.status = status;
  if (error !== undefined) draft.execution.error = error;
  if (cause !== undefined) draft.execution.cause = cause;
  draft.effects.push({ type: "end" });
}

/** The last event that fits tells why the execution ends (E3: what had no room happened nowhere else either). */
function failWithFullHistory(draft: Draft): void {
  const error = "States.Runtime";
  const cause = `The execution reached the maximum number of history events (${maxHistoryEvents}).`;
  endUnfinished(draft, { status: "FAILED", error, cause });
  draft.emit(undefined, "ExecutionFailed", {
    detailsName: "executionFailedEventDetails",
    details: { error, cause },
    previousEventId: draft.execution.nextEventId - 1,
  });
}

/** The frame that waits for this effect; undefined when the effect is over. */
function waitingFrame(draft: Draft, effectId: string): Frame | undefined {
  const id = frameIdOf(effectId);
  const work = draft.execution.frames[id]?.work;
  return work !== undefined && work.effectId === effectId ? draft.frame(id) : undefined;
}

/** An ended execution needs no timer; tasks asked for in the same step must not begin. */
function withEndLast(draft: Draft): Step["effects"] {
  const { effects, execution } = draft;
  if (execution.status === "RUNNING") return effects;
  const cancels = effects.filter(({ type }) => type === "cancel");
  const timer = execution.deadlineMs === undefined ? [] : [{ type: "cancel" as const, id: executionTimerId }];
  return [...cancels, ...timer, { type: "end" }];
}
