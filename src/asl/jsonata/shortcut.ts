import type { Json } from "../../kit/json.ts";
import type { Environment } from "../evaluation.ts";

const plainAccess = /^\$([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)$/;

/**
 * Most expressions only fetch a member: `$states.input.body.key`, `$limit`. Those are answered at once, without the library and
 * its promises. Undefined means "ask the library": a list on the way (which JSONata maps over), a missing member, anything else.
 */
export function compileShortcut(source: string): ((environment: Environment) => Json | undefined) | undefined {
  const match = plainAccess.exec(source);
  if (match === null) return undefined;
  const root = match[1] as string;
  const names = (match[2] as string).split(".").slice(1);
  if (root !== "states") return (environment) => walk(environment.variable(root), names);
  const [part, ...rest] = names;
  if (part === "context") return (environment) => walk(environment.context(), rest);
  if (part !== "input" && part !== "result" && part !== "errorOutput") return undefined;
  return (environment) => walk(environment.states[part], rest);
}

function walk(start: Json | undefined, names: string[]): Json | undefined {
  let value = start;
  for (const name of names) {
    if (value === undefined || value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}
