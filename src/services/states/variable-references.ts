import type { Json } from "../../kit/json.ts";

/** Fields of a JSONPath state that hold a path although their names do not end in `.$`. */
const pathField = /Path$|^Variable$/;

/** The variables that each state reads, by state, as DescribeStateMachine answers them; states that read none are left out. */
export function variableReferences(definition: string): { [state: string]: string[] } {
  const found: { [state: string]: string[] } = {};
  const machine = JSON.parse(definition) as Json;
  visit(machine, textOf(machine, "QueryLanguage") ?? "JSONPath", found);
  return found;
}

function visit(scope: Json, language: string, found: { [state: string]: string[] }): void {
  const states = memberOf(scope, "States");
  if (states === null || typeof states !== "object" || Array.isArray(states)) return;
  for (const [name, state] of Object.entries(states)) {
    const own = textOf(state, "QueryLanguage") ?? language;
    const names = new Set<string>();
    collect(state, own === "JSONata", names);
    if (names.size > 0) found[name] = [...names].sort();
    const branches = memberOf(state, "Branches");
    const nested = [
      ...(Array.isArray(branches) ? branches : []),
      memberOf(state, "ItemProcessor"),
      memberOf(state, "Iterator"),
    ];
    for (const inner of nested) visit(inner, language, found);
  }
}

function collect(value: Json, isJsonata: boolean, names: Set<string>, field = ""): void {
  if (typeof value === "string") {
    const isExpression = isJsonata ? /^\{%[\s\S]*%\}$/.test(value) : field.endsWith(".$") || pathField.test(field);
    if (!isExpression || field === "ResultPath") return;
    for (const name of namesIn(value, isJsonata)) names.add(name);
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, isJsonata, names, field);
  } else if (value !== null && typeof value === "object") {
    for (const [name, member] of Object.entries(value)) {
      const isNested = name === "Branches" || name === "ItemProcessor" || name === "Iterator";
      if (!isNested) collect(member, isJsonata, names, name);
    }
  }
}

function namesIn(expression: string, isJsonata: boolean): string[] {
  const code = expression.replace(isJsonata ? /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g : /'(?:[^'\\]|\\.)*'/g, "''");
  const matches = [...code.matchAll(/(?<![\w$])\$([A-Za-z_]\w*)\s*(\(|:=)?/g)];
  return matches
    .filter(([, name, after]) => after === undefined && !(isJsonata && name === "states"))
    .map(([, name]) => name as string);
}

function memberOf(value: Json, name: string): Json {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  return value[name] ?? null;
}

function textOf(value: Json, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === "string" ? member : undefined;
}
