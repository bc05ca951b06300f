import type { Json } from "../kit/json.ts";
import type { Environment } from "./evaluation.ts";
import { compileIntrinsic } from "./intrinsics/compile.ts";
import { compilePath } from "./paths/read.ts";
import { readPathOfField } from "./paths/root.ts";

/** A value that follows from the environment, without waiting: everything JSONPath. */
export type Evaluated = (environment: Environment) => Json;

/**
 * Compiles a payload template (Parameters, ItemSelector, ResultSelector, Assign): members whose name ends in `.$` hold a path or an
 * intrinsic call, everything else stands for itself. A part without such members is answered as it is, never copied.
 */
export function compileTemplate(template: Json): Evaluated {
  return compileNode(template) ?? (() => template);
}

/** Compiles what stands under a `.$` member or in an ErrorPath: a path or an intrinsic call. Throws on bad syntax. */
export function compileReferenceOrCall(text: string, field: string): Evaluated {
  if (text.startsWith("States.")) return compileIntrinsic(text);
  const path = compilePath(text);
  return (environment) => readPathOfField(path, environment, field);
}

/** Undefined when nothing inside needs evaluating. */
function compileNode(node: Json): Evaluated | undefined {
  if (node === null || typeof node !== "object") return undefined;
  return Array.isArray(node) ? compileList(node) : compileObject(node);
}

function compileList(list: Json[]): Evaluated | undefined {
  const nodes = list.map(compileNode);
  if (nodes.every((node) => node === undefined)) return undefined;
  return (environment) =>
    list.map((item, i) => {
      const evaluate = nodes[i];
      return evaluate === undefined ? item : evaluate(environment);
    });
}

function compileObject(object: { [name: string]: Json }): Evaluated | undefined {
  let isConstant = true;
  const members = Object.entries(object).map(([name, value]) => {
    const isDynamic = name.endsWith(".$") && typeof value === "string";
    const evaluate = isDynamic ? compileReferenceOrCall(value, name) : compileNode(value);
    if (evaluate !== undefined) isConstant = false;
    return { name: isDynamic ? name.slice(0, -2) : name, value, evaluate };
  });
  if (isConstant) return undefined;
  return (environment) => {
    const result: { [name: string]: Json } = {};
    for (const { name, value, evaluate } of members)
      setMember(result, name, evaluate === undefined ? value : evaluate(environment));
    return result;
  };
}

/** Assignment, but safe for a member called `__proto__`. */
export function setMember(target: { [name: string]: Json }, name: string, value: Json): void {
  if (name === "__proto__")
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  else target[name] = value;
}
