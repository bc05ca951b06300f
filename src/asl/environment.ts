import type { Json } from "../kit/json.ts";
import type { Draft } from "./draft.ts";
import type { Environment, StatesBinding } from "./evaluation.ts";
import type { Frame } from "./kernel-state.ts";
import type { State } from "./machine.ts";

/** What the fields of a frame's present state may look at. `data` is `$` in JSONPath, `states` is `$states` in JSONata. */
export function environmentOf(
  draft: Draft,
  frame: Frame,
  {
    data,
    states,
    item,
    taskToken,
  }: { data: Json; states?: Partial<StatesBinding>; item?: { index: number; value: Json }; taskToken?: string },
): Environment {
  let context: Json | undefined;
  return {
    data,
    states: { input: data, ...states },
    context: () => {
      context ??= draft.probe?.context ?? contextOf(draft, frame, { item, taskToken });
      return context;
    },
    variable: (name) => variable(draft, frame, name),
    variables: () => variables(draft, frame),
    random: draft.random,
    nowMs: draft.input.atMs,
  };
}

function variable(draft: Draft, frame: Frame, name: string): Json | undefined {
  for (let at: Frame | undefined = frame; at !== undefined; at = parentOf(draft, at)) {
    if (Object.hasOwn(at.variables, name)) return at.variables[name];
  }
  return undefined;
}

function variables(draft: Draft, frame: Frame): { [name: string]: Json } {
  const parent = parentOf(draft, frame);
  return parent === undefined ? frame.variables : { ...variables(draft, parent), ...frame.variables };
}

function parentOf(draft: Draft, frame: Frame): Frame | undefined {
  return frame.parent === null ? undefined : draft.execution.frames[frame.parent];
}

/** The context object `$$`, with the members that AWS gives this kind of state. */
function contextOf(
  draft: Draft,
  frame: Frame,
  { item, taskToken }: { item: { index: number; value: Json } | undefined; taskToken: string | undefined },
): Json {
  const { context, input, redriveCount } = draft.execution;
  const execution: { [name: string]: Json } = {
    Id: context.executionArn,
    Input: input,
    StartTime: context.startTime,
    Name: context.executionName,
    RoleArn: context.roleArn,
  };
  if (context.type !== "EXPRESS") execution["RedriveCount"] = redriveCount;
  const state: State = draft.stateOf(frame);
  const stateContext: { [name: string]: Json } = { Name: frame.state, EnteredTime: frame.enteredAt };
  if (state.retriers.length > 0 || ["Task", "Map", "Parallel"].includes(state.type))
    stateContext["RetryCount"] = frame.retryCount;
  const result: { [name: string]: Json } = {
    Execution: execution,
    StateMachine: { Id: context.stateMachineArn, Name: context.stateMachineName },
    State: stateContext,
  };
  if (taskToken !== undefined) result["Task"] = { Token: taskToken };
  const mapItem = item ?? itemOf(draft, frame);
  if (mapItem !== undefined) result["Map"] = { Item: { Index: mapItem.index, Value: mapItem.value } };
  return result;
}

function itemOf(draft: Draft, frame: Frame): { index: number; value: Json } | undefined {
  for (let at: Frame | undefined = frame; at !== undefined; at = parentOf(draft, at)) {
    if (at.item !== undefined) return { index: at.index, value: at.item };
  }
  return undefined;
}
