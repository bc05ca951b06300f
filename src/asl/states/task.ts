import type { Json } from "../../kit/json.ts";
import type { Effect } from "../contract.ts";
import type { Draft } from "../draft.ts";
import { effectIdOf } from "../effect-ids.ts";
import { environmentOf } from "../environment.ts";
import { type Environment, type Evaluate, type Running, settle } from "../evaluation.ts";
import { runtimeFailure, StateFailure } from "../failure.ts";
import { type Exit, inputOf, leaveWithResult } from "../flow.ts";
import type { Frame, TaskWork } from "../kernel-state.ts";
import { dataLimitExceeded, isTooLarge } from "../limits.ts";
import type { State, TaskState } from "../machine.ts";
import { taskToken } from "../random.ts";

/** The longest timeout AWS accepts. */
const maxTimeoutSeconds = 99_999_999;

/** Evaluates what the task is given, writes *Scheduled and asks the engine to do it. Also how a retry begins. */
export function* scheduleTask(draft: Draft, frame: Frame): Running<undefined> {
  const state = taskStateOf(draft, frame);
  const effectId = effectIdOf(frame);
  const { integration } = state;
  const needsToken =
    integration.kind === "activity" || (integration.kind === "service" && integration.pattern === "waitForTaskToken");
  const token = needsToken
    ? taskToken(draft.input.seed, `${draft.execution.context.executionArn} ${effectId}`)
    : undefined;
  const input = inputOf(draft, frame, state);
  const environment = environmentOf(draft, frame, {
    data: input,
    ...(token === undefined ? {} : { taskToken: token }),
  });
  const parameters = state.arguments === undefined ? input : yield* settle(state.arguments(environment));
  draft.probe?.note("afterParameters", parameters);
  const work: TaskWork = {
    type: "task",
    effectId,
    resource: state.resource,
    pattern: integration.kind === "service" ? integration.pattern : "request",
    parameters,
  };
  if (token !== undefined) work.taskToken = token;
  const timeoutSeconds = yield* secondsOf(state.timeoutSeconds, "TimeoutSeconds", environment);
  const heartbeatSeconds = yield* secondsOf(state.heartbeatSeconds, "HeartbeatSeconds", environment);
  const credentials = state.credentials === undefined ? undefined : yield* settle(state.credentials(environment));
  if (timeoutSeconds !== undefined) {
    work.timeoutSeconds = timeoutSeconds;
    work.deadlineMs = draft.input.atMs + timeoutSeconds * 1000;
  }
  if (heartbeatSeconds !== undefined) {
    work.heartbeatSeconds = heartbeatSeconds;
    work.heartbeatDueMs = draft.input.atMs + heartbeatSeconds * 1000;
  }
  emitScheduled(draft, frame, { state, work, credentials });
  frame.work = work;
  draft.effects.push(...taskEffects(work));
  return undefined;
}

/** The task and its timers, as asked for first and again after a restart. */
export function taskEffects(work: TaskWork): Effect[] {
  const { effectId: id, resource, pattern, parameters, taskToken: token, timeoutSeconds, heartbeatSeconds } = work;
  const effects: Effect[] = [{ type: "task", id, resource, pattern, parameters }];
  Object.assign(effects[0] as Effect, withoutUndefined({ taskToken: token, timeoutSeconds, heartbeatSeconds }));
  if (work.deadlineMs !== undefined) effects.push({ type: "timer", id: `${id}!timeout`, dueMs: work.deadlineMs });
  if (work.heartbeatDueMs !== undefined)
    effects.push({ type: "timer", id: `${id}!heartbeat`, dueMs: work.heartbeatDueMs });
  return effects;
}

/** What is no longer needed when the task is over, or is given up (then the task itself too). */
export function cancelTimers(draft: Draft, work: TaskWork): void {
  if (work.deadlineMs !== undefined) draft.effects.push({ type: "cancel", id: `${work.effectId}!timeout` });
  if (work.heartbeatDueMs !== undefined) draft.effects.push({ type: "cancel", id: `${work.effectId}!heartbeat` });
}

export function startTask(
  draft: Draft,
  frame: Frame,
  { atMs, workerName }: { atMs: number; workerName?: string | undefined },
): void {
  const work = frame.work as TaskWork;
  if (work.isStarted) return;
  work.isStarted = true;
  const { integration } = taskStateOf(draft, frame);
  if (integration.kind === "function") draft.emit(frame, "LambdaFunctionStarted", { atMs });
  else if (integration.kind === "activity") {
    const details = withoutUndefined({ workerName });
    draft.emit(frame, "ActivityStarted", { atMs, detailsName: "activityStartedEventDetails", details });
  } else {
    const { resourceType, resource } = integration;
    draft.emit(frame, "TaskStarted", {
      atMs,
      detailsName: "taskStartedEventDetails",
      details: { resourceType, resource },
    });
  }
}

export function submitTask(draft: Draft, frame: Frame, output: Json): void {
  const work = frame.work as TaskWork;
  const { integration } = taskStateOf(draft, frame);
  if (work.isSubmitted || integration.kind !== "service") return;
  work.isSubmitted = true;
  const { resourceType, resource } = integration;
  const details = { resourceType, resource, output: draft.text(output), outputDetails: { truncated: false } };
  draft.emit(frame, "TaskSubmitted", { detailsName: "taskSubmittedEventDetails", details });
}

/** The task answered: writes *Succeeded and leaves the state with the answer; an answer above the limit is a failure. */
export function* succeedTask(draft: Draft, frame: Frame, output: Json): Running<Exit | undefined> {
  const work = frame.work as TaskWork;
  const { integration } = taskStateOf(draft, frame);
  const text = draft.text(output);
  if (isTooLarge(text)) {
    const who = integration.kind === "service" ? integration.resourceType : work.resource;
    throw failTask(draft, frame, dataLimitExceeded("work", who));
  }
  cancelTimers(draft, work);
  const details: { [name: string]: Json } = { output: text, outputDetails: { truncated: false } };
  if (integration.kind === "service") {
    const { resourceType, resource } = integration;
    draft.emit(frame, "TaskSucceeded", {
      detailsName: "taskSucceededEventDetails",
      details: { resourceType, resource, ...details },
    });
  } else if (integration.kind === "function") {
    draft.emit(frame, "LambdaFunctionSucceeded", { detailsName: "lambdaFunctionSucceededEventDetails", details });
  } else {
    draft.emit(frame, "ActivitySucceeded", { detailsName: "activitySucceededEventDetails", details });
  }
  delete frame.work;
  return yield* leaveWithResult(draft, frame, output);
}

/** Writes *Failed or *TimedOut and answers the failure, for Retry and Catch. */
export function failTask(draft: Draft, frame: Frame, failure: StateFailure, isTimeout = false): StateFailure {
  const work = frame.work as TaskWork;
  const { integration } = taskStateOf(draft, frame);
  cancelTimers(draft, work);
  const ending = isTimeout ? "TimedOut" : "Failed";
  const details = withoutUndefined({ error: failure.error, cause: failure.reason });
  if (integration.kind === "service") {
    const { resourceType, resource } = integration;
    const named = { resourceType, resource, ...details };
    draft.emit(frame, `Task${ending}`, { detailsName: `task${ending}EventDetails`, details: named });
  } else if (integration.kind === "function") {
    draft.emit(frame, `LambdaFunction${ending}`, { detailsName: `lambdaFunction${ending}EventDetails`, details });
  } else {
    draft.emit(frame, `Activity${ending}`, { detailsName: `activity${ending}EventDetails`, details });
  }
  delete frame.work;
  return failure;
}

/** A task that took too long, or whose heartbeat did not come. */
export function timeOutTask(draft: Draft, frame: Frame, isHeartbeat: boolean): StateFailure {
  const work = frame.work as TaskWork;
  draft.effects.push({ type: "cancel", id: work.effectId });
  return failTask(draft, frame, new StateFailure("work", { error: "States.Timeout", isHeartbeat }), true);
}

function taskStateOf(draft: Draft, frame: Frame): State & TaskState {
  const state = draft.stateOf(frame);
  if (state.type !== "Task") throw new Error(`'${frame.state}' is not a Task state`);
  return state;
}

function emitScheduled(
  draft: Draft,
  frame: Frame,
  { state, work, credentials }: { state: State & TaskState; work: TaskWork; credentials: Json | undefined },
): void {
  const { integration } = state;
  const text = draft.text(work.parameters);
  if (isTooLarge(text)) throw dataLimitExceeded("runtime", frame.state);
  const limits = withoutUndefined({ timeoutInSeconds: work.timeoutSeconds, heartbeatInSeconds: work.heartbeatSeconds });
  const role = (credentials as { RoleArn?: string } | undefined)?.RoleArn;
  const taskCredentials: { [name: string]: Json } = role === undefined ? {} : { taskCredentials: { roleArn: role } };
  if (integration.kind === "service") {
    const { resourceType, resource } = integration;
    const { region } = draft.execution.context;
    const details = { resourceType, resource, region, parameters: text, ...limits, ...taskCredentials };
    draft.emit(frame, "TaskScheduled", { detailsName: "taskScheduledEventDetails", details });
    return;
  }
  const details = { resource: work.resource, input: text, inputDetails: { truncated: false }, ...limits };
  if (integration.kind === "function") {
    draft.emit(frame, "LambdaFunctionScheduled", {
      detailsName: "lambdaFunctionScheduledEventDetails",
      details: { ...details, ...taskCredentials },
    });
  } else {
    draft.emit(frame, "ActivityScheduled", { detailsName: "activityScheduledEventDetails", details });
  }
}

function* secondsOf(field: Evaluate | undefined, name: string, environment: Environment): Running<number | undefined> {
  if (field === undefined) return undefined;
  const value: Json = yield* settle(field(environment));
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= maxTimeoutSeconds) return value;
  const reason = `The ${name} field must be an integer from 1 to ${maxTimeoutSeconds} but was: ${JSON.stringify(value)}`;
  throw runtimeFailure(reason);
}

function withoutUndefined<T extends object>(members: T): { [name: string]: Json } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [name: string]: Json;
  };
}
