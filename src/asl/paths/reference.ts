import type { Json } from "../../kit/json.ts";
import { runtimeFailure } from "../failure.ts";
import { PathSyntaxError, parsePath } from "./parse.ts";

type Step = string | number;
/** Writes `value` into `target` at a fixed place and answers the new whole; `target` itself is never changed. */
export type Write = (target: Json, value: Json) => Json;

/** A reference path (ResultPath): keys and single indices below `$`. Throws a PathSyntaxError for anything else. */
export function compileReference(text: string): Write {
  const path = parsePath(text);
  const steps = path.segments.map((segment): Step => {
    if (!segment.isDescending && segment.type === "keys" && segment.names.length === 1)
      return segment.names[0] as string;
    if (!segment.isDescending && segment.type === "indices" && segment.indices.length === 1)
      return segment.indices[0] as number;
    throw new PathSyntaxError(`'${text}' is not a reference path: only names and single indices are allowed`);
  });
  if (path.root !== "data") throw new PathSyntaxError(`'${text}' is not a reference path into the state's input`);
  if (steps.length === 0) return (_target, value) => value;
  return (target, value) => write(target, { steps, value, text }, 0);
}

function write(target: Json | undefined, task: { steps: Step[]; value: Json; text: string }, depth: number): Json {
  const step = task.steps[depth];
  if (step === undefined) return task.value;
  if (typeof step === "number") {
    if (!Array.isArray(target) || target.at(step) === undefined) throw mismatch(task.text, target);
    const copy = target.slice();
    const index = step < 0 ? target.length + step : step;
    copy[index] = write(target[index], task, depth + 1);
    return copy;
  }
  if (target !== undefined && (target === null || typeof target !== "object" || Array.isArray(target))) {
    throw mismatch(task.text, target);
  }
  const existing = target !== undefined && Object.hasOwn(target, step) ? target[step] : undefined;
  return { ...target, [step]: write(existing, task, depth + 1) };
}

function mismatch(text: string, target: Json | undefined): Error {
  const shown = target === undefined ? "nothing" : JSON.stringify(target).slice(0, 1000);
  return runtimeFailure(`Unable to apply ReferencePath ${text} to input ${shown}`);
}
