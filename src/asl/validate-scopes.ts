import type { Json } from "../kit/json.ts";
import { type Check, type Fields, isObject } from "./validate-check.ts";

/* What must be unique in a whole machine, and what an inner scope may not do to the scopes around it. The codes are documented,
   the sentences are guesses. */

interface Seen {
  states: Set<string>;
  labels: Set<string>;
  /** Variables that the scopes around this one assign. */
  outer: ReadonlySet<string>;
}

export function validateScopes(check: Check, machine: Fields): void {
  visitScope(check, { scope: machine, path: "", seen: { states: new Set(), labels: new Set(), outer: new Set() } });
  const states = Object.values(machine["States"] as { [name: string]: Fields });
  const hasEnd = states.some(({ Type: type, End: end }) => end === true || type === "Succeed" || type === "Fail");
  if (!hasEnd) check.report("There is no terminal state", "/", "MISSING_END_STATE");
}

function visitScope(
  check: Check,
  { scope, path, seen }: { scope: Json | undefined; path: string; seen: Seen },
): undefined {
  const states = isObject(scope) ? scope["States"] : undefined;
  if (!isObject(states)) return;
  const entries = Object.entries(states).filter((entry): entry is [string, Fields] => isObject(entry[1]));
  const inner = new Set([
    ...seen.outer,
    ...entries.flatMap(([, state]) => assignmentsOf(state).map(({ name }) => name)),
  ]);
  for (const [name, state] of entries) {
    const here = `${path}/States/${name}`;
    unique(check, {
      value: name,
      known: seen.states,
      code: "DUPLICATE_STATE_NAME",
      what: "State name",
      location: here,
    });
    const label = state["Label"];
    if (typeof label === "string") {
      const location = `${here}/Label`;
      unique(check, { value: label, known: seen.labels, code: "DUPLICATE_LABEL_NAME", what: "Label", location });
    }
    for (const { name: variable, place } of assignmentsOf(state)) {
      if (seen.outer.has(variable))
        check.report(`The variable '${variable}' is assigned in an outer scope`, `${here}/${place}`);
    }
    for (const nested of nestedScopes(state)) {
      // The executions of a distributed Map do not see the variables around it.
      const outer = isDistributed(nested.scope) ? new Set<string>() : inner;
      visitScope(check, { scope: nested.scope, path: `${here}/${nested.place}`, seen: { ...seen, outer } });
    }
  }
}

function unique(
  check: Check,
  {
    value,
    known,
    code,
    what,
    location,
  }: { value: string; known: Set<string>; code: string; what: string; location: string },
): void {
  if (known.has(value)) check.report(`Duplicate ${what}: ${value}`, location, code);
  known.add(value);
}

/** What a state assigns, itself and in its rules and catchers. */
function assignmentsOf(state: Fields): { name: string; place: string }[] {
  const holders = [
    { holder: state as Json, place: "Assign" },
    ...["Choices", "Catch"].flatMap((field) => {
      const list = state[field];
      return (Array.isArray(list) ? list : []).map((holder, i) => ({ holder, place: `${field}[${i}]/Assign` }));
    }),
  ];
  return holders.flatMap(({ holder, place }) => {
    const assign = isObject(holder) ? holder["Assign"] : undefined;
    return isObject(assign) ? Object.keys(assign).map((name) => ({ name: name.replace(/\.\$$/, ""), place })) : [];
  });
}

function nestedScopes(state: Fields): { scope: Json; place: string }[] {
  const branches = state["Branches"];
  const processors = ["ItemProcessor", "Iterator"].flatMap((place) => {
    const scope = state[place];
    return scope === undefined ? [] : [{ scope, place }];
  });
  return [
    ...processors,
    ...(Array.isArray(branches) ? branches : []).map((scope, i) => ({ scope, place: `Branches[${i}]` })),
  ];
}

function isDistributed(scope: Json): boolean {
  const config = isObject(scope) ? scope["ProcessorConfig"] : undefined;
  return isObject(config) && config["Mode"] === "DISTRIBUTED";
}
