import type { Json } from "../kit/json.ts";
import { type Check, type Fields, isObject } from "./validate-check.ts";

const code = "MISSING_TRANSITION_TARGET";

/** Every transition must lead to a state of the same scope, and every state must be reachable. */
export function validateScopeTargets(
  check: Check,
  { startAt, states, path }: { startAt: string; states: Fields; path: string },
): undefined {
  if (!Object.hasOwn(states, startAt)) check.report(`Missing 'StartAt' target: ${startAt}`, `${path}/StartAt`, code);
  const reached = new Set<string>([startAt]);
  for (const name of reached) {
    const state = Object.hasOwn(states, name) ? states[name] : undefined;
    for (const { target } of isObject(state) ? transitionsOf(state) : []) reached.add(target);
  }
  for (const [name, state] of Object.entries(states)) {
    if (!isObject(state)) continue;
    for (const { target, field, place } of transitionsOf(state)) {
      if (!Object.hasOwn(states, target))
        check.report(`Missing '${field}' target: ${target}`, `${path}/States/${name}/${place}`, code);
    }
    if (Object.hasOwn(states, startAt) && !reached.has(name)) {
      check.report(`State "${name}" is not reachable.`, `${path}/States/${name}`, code);
    }
  }
}

/** Where a state names another one. */
export function transitionsOf(state: Fields): { target: string; field: string; place: string }[] {
  const lists = (field: string) => (Array.isArray(state[field]) ? (state[field] as Json[]) : []);
  const candidates = [
    { value: state["Next"], field: "Next", place: "Next" },
    { value: state["Default"], field: "Default", place: "Default" },
    ...["Choices", "Catch"].flatMap((field) =>
      lists(field).map((entry, i) => ({
        value: isObject(entry) ? entry["Next"] : undefined,
        field: "Next",
        place: `${field}[${i}]/Next`,
      })),
    ),
  ];
  return candidates.flatMap(({ value, field, place }) =>
    typeof value === "string" ? [{ target: value, field, place }] : [],
  );
}
