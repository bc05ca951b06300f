import { setImmediate as afterPendingWork } from "node:timers/promises";
import jsonata from "jsonata";
import type { Json } from "../../kit/json.ts";
import { type Environment, Pending } from "../evaluation.ts";
import { evaluationFailure, StateFailure } from "../failure.ts";
import { BoundedRegExp } from "./bounded-regexp.ts";
import { type Evaluation, evaluationName } from "./evaluation.ts";
import { bindFunctions } from "./functions.ts";
import { toJson } from "./result.ts";
import { compileShortcut } from "./shortcut.ts";

/*
 * JSONata 2.0.6, the version AWS names, held on a leash: the library calls back before and after each node it evaluates, and
 * that is where steps, depth and sizes are counted and where the event loop gets its turn.
 */

/** Nodes one expression may evaluate, about a second of work: a few per item of the longest list that fits a payload, far above what a workflow's field needs. */
const maxSteps = 500_000;
/** Nested evaluations; AWS gives up at about 200 terms of a sum, honest recursion stays below this. */
const maxDepth = 2_000;
/** Largest list: where AWS refuses a range. */
const maxListLength = 873_782;
/** Longest text on the way to a result; a result itself may have 256 KiB. */
const maxTextLength = 8 * 1024 * 1024;
/** After so many nodes other work of the process gets its turn (some milliseconds). */
const stepsPerTurn = 2_000;

interface Frame {
  lookup(name: string): unknown;
}

class LimitReached extends Error {}

export interface Expression {
  readonly source: string;
  /** The library's syntax tree. */
  readonly syntax: unknown;
  /** The value as JSON; a StateFailure says why there is none. `field` is for that message. */
  evaluate(environment: Environment, field: string): Json | Pending;
}

/** Compiles what stands between `{%` and `%}`; throws the library's error when it does not parse. */
export function compileExpression(text: string): Expression {
  const source = text.trim();
  const compiled = jsonata(source, { RegexEngine: BoundedRegExp as unknown as RegExp });
  bindFunctions(compiled);
  compiled.assign(Symbol.for("jsonata.__evaluate_entry") as unknown as string, countEntry);
  compiled.assign(Symbol.for("jsonata.__evaluate_exit") as unknown as string, countExit);
  const shortcut = compileShortcut(source);
  return {
    source,
    syntax: compiled.ast(),
    evaluate: (environment, field) => {
      const value = shortcut?.(environment);
      if (value !== undefined) return value;
      return new Pending(evaluate(compiled, { source, environment, field }));
    },
  };
}

async function evaluate(
  compiled: jsonata.Expression,
  { source, environment, field }: { source: string; environment: Environment; field: string },
): Promise<Json> {
  const evaluation: Evaluation = { steps: 0, depth: 0, random: environment.random, nowMs: environment.nowMs };
  const bindings = { ...environment.variables(), states: statesOf(environment), [evaluationName]: evaluation };
  const about = `The JSONata expression '${source}' specified for the field '${field}'`;
  let value: unknown;
  try {
    value = await compiled.evaluate(undefined, bindings);
  } catch (error) {
    if (error instanceof StateFailure) throw error;
    throw evaluationFailure(`${about} threw an error during evaluation. ${describe(error)}`, field);
  }
  if (value === undefined) throw evaluationFailure(`${about} returned nothing (undefined).`, field);
  const json = toJson(value);
  if (json === undefined) throw evaluationFailure(`${about} returned an unsupported result type.`, field);
  return json;
}

function statesOf(environment: Environment): unknown {
  const states = { ...environment.states };
  Object.defineProperty(states, "context", { get: environment.context, enumerable: true });
  return states;
}

/** Only a promise makes the library wait, so a turn is given to others without changing what is computed. */
function countEntry(_node: unknown, _input: unknown, frame: Frame): Promise<void> | undefined {
  const evaluation = frame.lookup(evaluationName) as Evaluation;
  if (++evaluation.steps > maxSteps) throw new LimitReached(`The expression needs more than ${maxSteps} steps`);
  if (++evaluation.depth > maxDepth) throw new LimitReached(`The expression is nested more than ${maxDepth} deep`);
  return evaluation.steps % stepsPerTurn === 0 ? afterPendingWork() : undefined;
}

function countExit(_node: unknown, _input: unknown, frame: Frame, result: unknown): void {
  (frame.lookup(evaluationName) as Evaluation).depth--;
  if (Array.isArray(result) && result.length > maxListLength) {
    throw new LimitReached(`A list must not have more than ${maxListLength} members`);
  }
  if (typeof result === "string" && result.length > maxTextLength) {
    throw new LimitReached(`A text must not have more than ${maxTextLength} characters`);
  }
}

/** The library throws plain objects with a code and a message. */
function describe(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code === undefined ? String(message ?? error) : `${code}: ${message}`;
}
