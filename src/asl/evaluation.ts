import type { Json } from "../kit/json.ts";

/*
 * Fields of a state are compiled to functions from an environment to a value. JSONPath answers at once. JSONata (a library that
 * only answers promises) answers a Pending. The kernel is written as generators that yield the promise of a Pending: a machine
 * without JSONata therefore advances without a single promise.
 */

/** Everything a field of a state may look at. */
export interface Environment {
  /** What `$` means in JSONPath at this point of the data flow. */
  readonly data: Json;
  /** The members of `$states` apart from `context`. */
  readonly states: StatesBinding;
  /** The context object, built when first asked for. */
  readonly context: () => Json;
  /** The value of a workflow variable, or undefined. */
  readonly variable: (name: string) => Json | undefined;
  /** All variables that can be seen from here. */
  readonly variables: () => { [name: string]: Json };
  readonly random: Random;
  readonly nowMs: number;
}

export interface StatesBinding {
  input: Json;
  result?: Json;
  errorOutput?: Json;
}

/** Randomness made from the seed of the step: the same step draws the same numbers. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  uuid(): string;
}

/** A value that is still being evaluated. */
export class Pending {
  readonly promise: Promise<Json>;
  constructor(promise: Promise<Json>) {
    this.promise = promise;
  }
}

export type Evaluate = (environment: Environment) => Json | Pending;

/** A part of the kernel that may have to wait for an expression. */
export type Running<T> = Generator<Promise<unknown>, T, unknown>;

/** The value itself, after waiting for it where needed. */
export function* settle(value: Json | Pending): Running<Json> {
  return value instanceof Pending ? ((yield value.promise) as Json) : value;
}

/** Runs a generator of the kernel to its end: at once when it never yields. */
export function run<T>(running: Running<T>): T | Promise<T> {
  const first = running.next();
  return first.done ? first.value : runOn(running, first.value);
}

async function runOn<T>(running: Running<T>, first: Promise<unknown>): Promise<T> {
  let pending = first;
  while (true) {
    const outcome = await pending.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const next = "error" in outcome ? running.throw(outcome.error) : running.next(outcome.value);
    if (next.done) return next.value;
    pending = next.value;
  }
}
