import type { Json } from "../../kit/json.ts";
import type { Draft } from "../draft.ts";
import { effectIdOf } from "../effect-ids.ts";
import { environmentOf } from "../environment.ts";
import { type Environment, type Running, settle } from "../evaluation.ts";
import { evaluationFailure, runtimeFailure } from "../failure.ts";
import { type Exit, inputOf, leaveWithInput } from "../flow.ts";
import type { Frame } from "../kernel-state.ts";
import type { WaitUntil } from "../machine.ts";
import type { CompiledPath } from "../paths/read.ts";
import { findPath } from "../paths/root.ts";
import { parseTimestamp } from "../time.ts";

/** Longest wait: what a Java integer holds in seconds. */
const maxWaitSeconds = 2 ** 31 - 1;

/** Begins to wait; a wait that is already over passes at once. */
export function* startWait(draft: Draft, frame: Frame): Running<Exit | undefined> {
  const state = draft.stateOf(frame);
  if (state.type !== "Wait") throw new Error(`'${frame.state}' is not a Wait state`);
  const environment = environmentOf(draft, frame, { data: inputOf(draft, frame, state) });
  const dueMs = yield* dueOf(state.until, environment);
  if (dueMs - draft.input.atMs > maxWaitSeconds * 1000) throw runtimeFailure("Wait state delay is too long.");
  if (dueMs <= draft.input.atMs) return yield* leaveWait(draft, frame);
  const effectId = `${effectIdOf(frame)}!wait`;
  frame.work = { type: "wait", effectId, dueMs };
  draft.effects.push({ type: "timer", id: effectId, dueMs });
  return undefined;
}

export function* leaveWait(draft: Draft, frame: Frame): Running<Exit> {
  const state = draft.stateOf(frame);
  const input = inputOf(draft, frame, state);
  return yield* leaveWithInput(draft, frame, { input, next: state.next, assign: state.assign, output: state.output });
}

function* dueOf(until: WaitUntil, environment: Environment): Running<number> {
  switch (until.field) {
    case "Seconds":
      return environment.nowMs + secondsOf(yield* settle(until.value(environment))) * 1000;
    case "Timestamp":
      return instantOf(yield* settle(until.value(environment)));
    case "SecondsPath":
      return environment.nowMs + secondsAt(until.path, environment) * 1000;
    case "TimestampPath":
      return instantAt(until.path, environment);
    default:
      return until satisfies never;
  }
}

function secondsOf(value: Json): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw evaluationFailure(`The Seconds field must be a positive integer but was: ${JSON.stringify(value)}`, "Seconds");
}

function instantOf(value: Json): number {
  const instant = typeof value === "string" ? parseTimestamp(value) : undefined;
  if (instant !== undefined) return instant;
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  const reason = `The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: ${shown}`;
  throw evaluationFailure(reason, "Timestamp");
}

function secondsAt(path: CompiledPath, environment: Environment): number {
  const value = findPath(path, environment);
  if (value === undefined)
    throw runtimeFailure(`The SecondsPath parameter does not reference an input value: ${path.text}`);
  const seconds = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  if (typeof seconds !== "number" || !Number.isInteger(seconds)) {
    throw runtimeFailure(`The SecondsPath parameter cannot be parsed as a long value: ${path.text} == ${shown}`);
  }
  if (seconds < 0)
    throw runtimeFailure(`The SecondsPath parameter references a negative value: ${path.text} == ${shown}`);
  return seconds;
}

function instantAt(path: CompiledPath, environment: Environment): number {
  const value = findPath(path, environment);
  const instant = typeof value === "string" ? parseTimestamp(value) : undefined;
  if (instant !== undefined) return instant;
  const shown = typeof value === "string" ? value : JSON.stringify(value ?? null);
  const what =
    "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string";
  throw runtimeFailure(`${what}: ${path.text} == ${shown}`);
}
