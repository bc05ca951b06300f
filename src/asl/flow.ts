import type { Json } from "../kit/json.ts";
import type { Draft } from "./draft.ts";
import { environmentOf } from "./environment.ts";
import { type Environment, type Evaluate, Pending, type Running, settle } from "./evaluation.ts";
import type { Frame } from "./kernel-state.ts";
import { outputText } from "./limits.ts";
import type { Assign, State } from "./machine.ts";
import { readPath } from "./paths/root.ts";

/* How data comes into a state and goes out of it. JSONPath: InputPath, ..., ResultSelector, Assign, ResultPath, OutputPath.
   JSONata: ..., Assign and Output. The part in between is the state's own work. */

/** The effective input: after InputPath. */
export function inputOf(draft: Draft, frame: Frame, state: State): Json {
  const input =
    state.inputPath === undefined
      ? frame.input
      : state.inputPath === null
        ? {}
        : readPath(state.inputPath, environmentOf(draft, frame, { data: frame.input }));
  draft.probe?.note("afterInputPath", input);
  return input;
}

/** Leaves the state with the result of its work. */
export function* leaveWithResult(draft: Draft, frame: Frame, result: Json): Running<Exit> {
  const state = draft.stateOf(frame);
  draft.probe?.note("result", result);
  if (state.language === "JSONata") {
    const environment = environmentOf(draft, frame, { data: frame.input, states: { result } });
    return yield* exitOf(environment, {
      assign: state.assign,
      output: state.output,
      otherwise: result,
      next: state.next,
    });
  }
  const selected =
    state.resultSelector === undefined ? result : state.resultSelector(environmentOf(draft, frame, { data: result }));
  draft.probe?.note("afterResultSelector", selected);
  const environment = environmentOf(draft, frame, { data: selected });
  const assigned = state.assign === undefined ? undefined : yield* settle(state.assign(environment));
  const written =
    state.resultPath === null
      ? frame.input
      : state.resultPath === undefined
        ? selected
        : state.resultPath(frame.input, selected);
  draft.probe?.note("afterResultPath", written);
  return { assigned, output: throughOutputPath(draft, frame, written), next: state.next };
}

/** Leaves a state that has no result of its own: Choice, Wait, Succeed. */
export function* leaveWithInput(
  draft: Draft,
  frame: Frame,
  {
    input,
    next,
    assign,
    output,
  }: { input: Json; next: string | undefined; assign: Assign | undefined; output: Evaluate | undefined },
): Running<Exit> {
  const state = draft.stateOf(frame);
  const environment = environmentOf(draft, frame, { data: input });
  if (state.language === "JSONata") return yield* exitOf(environment, { assign, output, otherwise: input, next });
  const assigned = assign === undefined ? undefined : yield* settle(assign(environment));
  return { assigned, output: throughOutputPath(draft, frame, input), next };
}

/** JSONata: Assign and Output over the same environment; `otherwise` is the output of a state without Output. */
export function* exitOf(
  environment: Environment,
  fields: { assign: Assign | undefined; output: Evaluate | undefined; otherwise: Json; next: string | undefined },
): Running<Exit> {
  const assigned = fields.assign === undefined ? undefined : yield* settle(fields.assign(environment));
  const output = fields.output === undefined ? fields.otherwise : fields.output(environment);
  return { assigned, output: output instanceof Pending ? yield* settle(output) : output, next: fields.next };
}

/** What a state is left with. */
export interface Exit {
  assigned: Json | undefined;
  output: Json;
  /** Undefined at the end of the scope. */
  next: string | undefined;
}

function throughOutputPath(draft: Draft, frame: Frame, output: Json): Json {
  const { outputPath } = draft.stateOf(frame);
  if (outputPath === undefined) return output;
  if (outputPath === null) return {};
  return readPath(outputPath, environmentOf(draft, frame, { data: output }));
}

/** Writes StateExited, sets the variables and moves the frame on; true when there is a next state. */
export function exitState(draft: Draft, frame: Frame, { assigned, output, next }: Exit): boolean {
  const state = draft.stateOf(frame);
  const variables = (assigned ?? {}) as { [name: string]: Json };
  const names = Object.keys(variables);
  const details: { [name: string]: Json } = {
    name: frame.state,
    output: outputText(draft, frame.state, output),
    outputDetails: { truncated: false },
  };
  if (names.length > 0) {
    details["assignedVariables"] = Object.fromEntries(names.map((name) => [name, draft.text(variables[name] as Json)]));
    details["assignedVariablesDetails"] = { truncated: false };
    frame.variables = { ...frame.variables, ...variables };
  }
  draft.emit(frame, `${state.type}StateExited`, { detailsName: "stateExitedEventDetails", details });
  frame.input = output;
  delete frame.work;
  if (frame.unsuccessfulRun !== undefined) delete frame.unsuccessfulRun;
  if (next === undefined) return false;
  frame.state = next;
  return true;
}
