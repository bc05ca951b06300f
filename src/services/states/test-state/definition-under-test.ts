import { transitionsOf } from "../../../asl/validate-targets.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import { diagnoseLanguage, refuseErrors } from "../definition-check.ts";
import type { ServiceContext } from "../service-context.ts";

export type Fields = { [name: string]: Json };

export interface DefinitionUnderTest {
  state: Fields;
  /** A machine of this one state. */
  text: string;
}

/** What AWS calls a state that is tested alone, also one that is taken out of a machine. */
const nameUnderTest = "StateName";
/** For a state that goes on to another one of that name. */
const otherName = "StateUnderTest";

/** The state itself, or the one of that name in a whole machine, at whatever depth; refused as CreateStateMachine would. */
export function definitionUnderTest(
  context: ServiceContext,
  definition: string,
  stateName: string | undefined,
): DefinitionUnderTest {
  const found = diagnoseLanguage(context, definition, "STANDARD");
  // Whether the text is JSON at all; a state alone is judged below, as the machine that it becomes.
  const isObject = found.every(({ location, code }) => location !== undefined && code !== "INVALID_JSON_DESCRIPTION");
  if (stateName !== undefined || !isObject) refuseErrors(found);
  const parsed = JSON.parse(definition) as Fields;
  const state = stateName === undefined ? parsed : findState(parsed, stateName);
  if (state === undefined) throw new Fault("ValidationException", "State not found in definition");
  const language = stateName === undefined ? undefined : parsed["QueryLanguage"];
  const text = JSON.stringify(machineOf(state, language));
  refuseErrors(diagnoseLanguage(context, text, "STANDARD"));
  return { state, text };
}

/** Where the state goes on to is not looked at: any state will do there. */
function machineOf(state: Fields, language: Json | undefined): Fields {
  const targets = transitionsOf(state).map(({ target }) => target);
  const name = targets.includes(nameUnderTest) ? otherName : nameUnderTest;
  const others = Object.fromEntries(targets.map((target) => [target, { Type: "Succeed" }]));
  const States = { ...others, [name]: state };
  return { ...(language === undefined ? {} : { QueryLanguage: language }), StartAt: name, States };
}

/** The state of this name, in the scope given or in one nested in it. */
export function findState(scope: Fields, name: string): Fields | undefined {
  const states = (scope["States"] ?? {}) as { [name: string]: Fields };
  if (Object.hasOwn(states, name)) return states[name];
  for (const state of Object.values(states)) {
    for (const nested of scopesOf(state)) {
      const found = findState(nested, name);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The branches or the item processor of a state. */
export function scopesOf(state: Fields): Fields[] {
  const processor = (state["ItemProcessor"] ?? state["Iterator"]) as Fields | undefined;
  return processor === undefined ? ((state["Branches"] ?? []) as Fields[]) : [processor];
}
