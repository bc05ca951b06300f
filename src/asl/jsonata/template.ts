import type { Json } from "../../kit/json.ts";
import { type Environment, type Evaluate, Pending } from "../evaluation.ts";
import { evaluationFailure } from "../failure.ts";
import { setMember } from "../template.ts";
import { compileExpression } from "./expression.ts";

/** Text that is an expression: begins with `{%` and ends with `%}`, exactly. */
export function isExpression(value: Json): value is string {
  return typeof value === "string" && value.startsWith("{%") && value.endsWith("%}") && value.length >= 4;
}

/** Compiles a JSONata template at any depth; `field` is where it stands, such as `Arguments`. Throws when an expression does not parse. */
export function compileJsonataTemplate(template: Json, field: string): Evaluate {
  return compileNode(template, field) ?? (() => template);
}

/** A field that must have a type: a literal, or an expression whose result is checked. */
export function compileTypedField(
  value: Json,
  field: string,
  type: "array" | "boolean" | "number" | "string",
): Evaluate {
  if (!isExpression(value)) return compileJsonataTemplate(value, field);
  const expression = compileExpression(value.slice(2, -2));
  const check = (result: Json): Json => {
    const actual = typeName(result);
    if (actual === type) return result;
    const expectation = `Expected '${type}', but was '${actual}' for value: ${JSON.stringify(result)}`;
    const about = `The JSONata expression '${expression.source}' specified for the field '${field}'`;
    throw evaluationFailure(`${about} returned an unexpected result type. ${expectation}`, field);
  };
  return (environment) => {
    const result = expression.evaluate(environment, field);
    return result instanceof Pending ? new Pending(result.promise.then(check)) : check(result);
  };
}

function typeName(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Undefined when nothing inside is an expression. */
function compileNode(node: Json, field: string): Evaluate | undefined {
  if (isExpression(node)) {
    const expression = compileExpression(node.slice(2, -2));
    return (environment) => expression.evaluate(environment, field);
  }
  if (node === null || typeof node !== "object") return undefined;
  if (Array.isArray(node)) {
    return compileParts(
      node.map((value, i) => ({ name: String(i), value, evaluate: compileNode(value, `${field}[${i}]`) })),
      (parts) => parts.map(({ value }) => value),
    );
  }
  const parts = Object.entries(node).map(([name, value]) => ({
    name,
    value,
    evaluate: compileNode(value, `${field}/${name}`),
  }));
  return compileParts(parts, (evaluated) => {
    const object: { [name: string]: Json } = {};
    for (const { name, value } of evaluated) setMember(object, name, value);
    return object;
  });
}

interface Part {
  name: string;
  value: Json;
  evaluate: Evaluate | undefined;
}
type Combine = (parts: { name: string; value: Json }[]) => Json;

/** Evaluates parts in their order; waits only from the first one on that must. */
function compileParts(parts: Part[], combine: Combine): Evaluate | undefined {
  if (parts.every(({ evaluate }) => evaluate === undefined)) return undefined;
  return (environment) => {
    const done: { name: string; value: Json }[] = [];
    for (const [i, { name, value, evaluate }] of parts.entries()) {
      const result = evaluate === undefined ? value : evaluate(environment);
      if (result instanceof Pending) return new Pending(finish({ parts, done, environment, combine }, i, result));
      done.push({ name, value: result });
    }
    return combine(done);
  };
}

async function finish(
  work: { parts: Part[]; done: { name: string; value: Json }[]; environment: Environment; combine: Combine },
  position: number,
  first: Pending,
): Promise<Json> {
  work.done.push({ name: (work.parts[position] as Part).name, value: await first.promise });
  for (const { name, value, evaluate } of work.parts.slice(position + 1)) {
    const result = evaluate === undefined ? value : evaluate(work.environment);
    work.done.push({ name, value: result instanceof Pending ? await result.promise : result });
  }
  return work.combine(work.done);
}
