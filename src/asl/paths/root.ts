import type { Json } from "../../kit/json.ts";
import type { Environment } from "../evaluation.ts";
import { runtimeFailure } from "../failure.ts";
import { type CompiledPath, PathMiss } from "./read.ts";

/** What the path starts from: data, context object or a variable (undefined when there is none of that name). */
export function rootOf(path: CompiledPath, environment: Environment): Json | undefined {
  if (path.root === "data") return environment.data;
  return path.root === "context" ? environment.context() : environment.variable(path.root.variable);
}

/** The value, or undefined where the path leads nowhere. */
export function findPath(path: CompiledPath, environment: Environment): Json | undefined {
  const root = rootOf(path, environment);
  return root === undefined ? undefined : path.find(root);
}

/** The value of InputPath, OutputPath and the like; a miss fails the state with Jayway's sentence. */
export function readPath(path: CompiledPath, environment: Environment): Json {
  const root = rootOf(path, environment);
  if (root === undefined) throw runtimeFailure(`Invalid path '${path.text}' : No results for path: ${path.text}`);
  try {
    return path.read(root);
  } catch (error) {
    if (error instanceof PathMiss) throw runtimeFailure(error.message);
    throw error;
  }
}

/** The value of a field such as `value.$`; a miss fails the state with the field's name and the input. */
export function readPathOfField(path: CompiledPath, environment: Environment, field: string): Json {
  const value = findPath(path, environment);
  if (value !== undefined) return value;
  const input = JSON.stringify(environment.data);
  throw runtimeFailure(
    `The JSONPath '${path.text}' specified for the field '${field}' could not be found in the input '${input}'`,
  );
}
