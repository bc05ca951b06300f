import type { Json } from "../../kit/json.ts";
import type { Draft } from "../draft.ts";
import { environmentOf } from "../environment.ts";
import { type Environment, type Evaluate, type Running, settle } from "../evaluation.ts";
import { runtimeFailure, StateFailure } from "../failure.ts";
import { type Exit, inputOf, leaveWithInput, leaveWithResult } from "../flow.ts";
import type { Frame } from "../kernel-state.ts";
import { dataLimitExceeded, isTooLarge } from "../limits.ts";
import type { ChoiceState, FailState, PassState, State } from "../machine.ts";
import { startMap } from "./map.ts";
import { startParallel } from "./parallel.ts";
import { scheduleTask } from "./task.ts";
import { startWait } from "./wait.ts";

/** Does a state's work, up to its end or up to where it must wait (undefined). */
export function* performState(draft: Draft, frame: Frame): Running<Exit | undefined> {
  const state = draft.stateOf(frame);
  switch (state.type) {
    case "Pass":
      return yield* pass(draft, frame, state);
    case "Task":
      return yield* scheduleTask(draft, frame);
    case "Choice":
      return yield* choose(draft, frame, state);
    case "Wait":
      return yield* startWait(draft, frame);
    case "Succeed":
      return yield* succeed(draft, frame, state);
    case "Fail":
      return yield* fail(draft, frame, state);
    case "Parallel":
      return yield* startParallel(draft, frame);
    case "Map":
      return yield* startMap(draft, frame);
    default:
      return state satisfies never;
  }
}

function* pass(draft: Draft, frame: Frame, state: State & PassState): Running<Exit> {
  const input = inputOf(draft, frame, state);
  if (state.language === "JSONata") {
    return yield* leaveWithInput(draft, frame, { input, next: state.next, assign: state.assign, output: state.output });
  }
  const result = state.result === undefined ? input : state.result(environmentOf(draft, frame, { data: input }));
  draft.probe?.note("afterParameters", result);
  if (isTooLarge(draft.text(result))) throw dataLimitExceeded("runtime", frame.state);
  return yield* leaveWithResult(draft, frame, result);
}

function* succeed(draft: Draft, frame: Frame, state: State): Running<Exit> {
  const input = inputOf(draft, frame, state);
  return yield* leaveWithInput(draft, frame, { input, next: undefined, assign: undefined, output: state.output });
}

function* choose(draft: Draft, frame: Frame, state: State & ChoiceState): Running<Exit> {
  const input = inputOf(draft, frame, state);
  const environment = environmentOf(draft, frame, { data: input });
  for (const rule of state.rules) {
    const isMatch =
      rule.condition === undefined ? rule.test?.(environment) : yield* settle(rule.condition(environment));
    if (isMatch === true) return yield* leaveWithInput(draft, frame, { input, ...rule });
  }
  if (state.defaultNext === undefined) {
    throw runtimeFailure("Failed to transition out of the state. The state does not point to a next state.");
  }
  return yield* leaveWithInput(draft, frame, {
    input,
    next: state.defaultNext,
    assign: state.assign,
    output: state.output,
  });
}

function* fail(draft: Draft, frame: Frame, state: State & FailState): Running<never> {
  draft.probe?.note("afterInputPath", frame.input);
  const environment = environmentOf(draft, frame, { data: frame.input });
  const error = yield* textOf(state.error, "Error", environment);
  const reason = yield* textOf(state.cause, "Cause", environment);
  throw new StateFailure("work", { error, reason });
}

function* textOf(field: Evaluate | undefined, name: string, environment: Environment): Running<string | undefined> {
  if (field === undefined) return undefined;
  const value: Json = yield* settle(field(environment));
  if (typeof value !== "string")
    throw runtimeFailure(`The ${name} field must be a string but was: ${JSON.stringify(value)}`);
  return value;
}
