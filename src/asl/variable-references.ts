import type { Json } from "../kit/json.ts";
import { compileExpression } from "./jsonata/expression.ts";
import { functionNames } from "./jsonata/functions.ts";
import { isExpression } from "./jsonata/template.ts";

type Fields = { [name: string]: Json };

/** Fields of a state that hold a path although their names do not end in `Path`. */
const pathFields = new Set(["Variable"]);
/** Nested scopes are looked at on their own; a Result is never evaluated, a ResultPath names a place to write. */
const notRead = new Set(["ItemProcessor", "Iterator", "Branches", "Result", "ResultPath", "Comment"]);

/**
 * Which workflow variables each state reads, by the name of the state, sorted: what DescribeStateMachine answers as
 * `variableReferences` (AWS leaves the member out when no state reads any). For definitions that `validate` accepts.
 */
export function variableReferences(definition: Json): { [state: string]: string[] } {
  const found: { [state: string]: string[] } = {};
  const machine = definition as Fields;
  collectScope(machine, (machine["QueryLanguage"] as string | undefined) ?? "JSONPath", found);
  return found;
}

function collectScope(scope: Fields, machineLanguage: string, found: { [state: string]: string[] }): void {
  for (const [name, state] of Object.entries((scope["States"] ?? {}) as { [name: string]: Fields })) {
    const names = new Set<string>();
    const language = (state["QueryLanguage"] as string | undefined) ?? machineLanguage;
    collectNode(state, language, names);
    if (names.size > 0) found[name] = [...names].sort();
    const nested = [state["ItemProcessor"], state["Iterator"], ...((state["Branches"] ?? []) as Json[])];
    for (const each of nested) if (each !== undefined) collectScope(each as Fields, machineLanguage, found);
  }
}

function collectNode(node: Json, language: string, names: Set<string>, member = ""): void {
  if (typeof node === "string") {
    if (language === "JSONata") collectExpression(node, names);
    else if (member.endsWith(".$") || member.endsWith("Path") || pathFields.has(member)) collectPath(node, names);
  } else if (Array.isArray(node)) {
    for (const item of node) collectNode(item, language, names, "");
  } else if (node !== null && typeof node === "object") {
    for (const [name, value] of Object.entries(node)) if (!notRead.has(name)) collectNode(value, language, names, name);
  }
}

/** `$name` outside of quotes, in a path or in the arguments of an intrinsic. */
function collectPath(text: string, names: Set<string>): void {
  const unquoted = text.replace(/'(\\.|[^'\\])*'/g, "");
  for (const match of unquoted.matchAll(/(?<!\$)\$([\p{L}_][\p{L}\p{N}_]*)/gu)) names.add(match[1] as string);
}

function collectExpression(text: string, names: Set<string>): void {
  if (!isExpression(text)) return;
  const read = new Set<string>();
  const own = new Set<string>(["", "$", "states"]);
  collectSyntax(compileExpression(text.slice(2, -2)).syntax, { read, own });
  for (const name of read) if (!own.has(name) && !functionNames.has(name)) names.add(name);
}

/** Names read, and names that the expression itself binds or calls. */
function collectSyntax(node: unknown, names: { read: Set<string>; own: Set<string> }): void {
  if (node === null || typeof node !== "object") return;
  if (Array.isArray(node)) {
    for (const item of node) collectSyntax(item, names);
    return;
  }
  const { type, value, lhs, procedure, arguments: args } = node as { [member: string]: unknown };
  if (type === "variable") names.read.add(value as string);
  if (type === "bind") names.own.add((lhs as { value: string }).value);
  if (type === "lambda") for (const each of args as { value: string }[]) names.own.add(each.value);
  if (type === "function" || type === "partial") {
    const { type: kind, value: called } = procedure as { type: string; value: string };
    if (kind === "variable") names.own.add(called);
  }
  for (const member of Object.values(node)) collectSyntax(member, names);
}
