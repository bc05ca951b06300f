import type { Json } from "../kit/json.ts";
import type { Test } from "./choice-rule.ts";
import type { Evaluate } from "./evaluation.ts";
import type { CompiledPath } from "./paths/read.ts";
import type { Write } from "./paths/reference.ts";
import type { Evaluated } from "./template.ts";

/* A compiled definition: what `compile` makes once and `advance` reads. Immutable, shared by all executions. */

export interface Machine {
  readonly scope: Scope;
  readonly timeoutSeconds: number | undefined;
}

/** One `StartAt` with its `States`: the machine itself, a branch, an item processor. */
export interface Scope {
  readonly startAt: string;
  readonly states: ReadonlyMap<string, State>;
}

export type State = Flow &
  (PassState | TaskState | ChoiceState | WaitState | SucceedState | FailState | ParallelState | MapState);

/** What all states share: how data comes in and goes out, and where it goes next. */
export interface Flow {
  readonly name: string;
  readonly language: "JSONPath" | "JSONata";
  /** Undefined at the end of its scope. */
  readonly next: string | undefined;
  /** JSONPath: `null` discards the input. */
  readonly inputPath: CompiledPath | null | undefined;
  readonly outputPath: CompiledPath | null | undefined;
  readonly resultSelector: Evaluated | undefined;
  /** JSONPath: `null` discards the result; undefined replaces the input by it. */
  readonly resultPath: Write | null | undefined;
  readonly assign: Assign | undefined;
  /** JSONata. */
  readonly output: Evaluate | undefined;
  readonly retriers: readonly Retrier[];
  readonly catchers: readonly Catcher[];
}

export type Assign = Evaluate;

export interface Retrier {
  readonly errors: readonly string[];
  readonly intervalSeconds: number;
  readonly maxAttempts: number;
  readonly backoffRate: number;
  readonly maxDelaySeconds: number;
  readonly hasJitter: boolean;
}

export interface Catcher {
  readonly errors: readonly string[];
  readonly next: string;
  readonly resultPath: Write | null | undefined;
  readonly assign: Assign | undefined;
  readonly output: Evaluate | undefined;
}

export interface PassState {
  readonly type: "Pass";
  /** The literal Result, or the Parameters. */
  readonly result: Evaluated | undefined;
}

export interface TaskState {
  readonly type: "Task";
  readonly resource: string;
  readonly integration: Integration;
  readonly arguments: Evaluate | undefined;
  readonly timeoutSeconds: Evaluate | undefined;
  readonly heartbeatSeconds: Evaluate | undefined;
  readonly credentials: Evaluate | undefined;
}

/** How the task is told in the history and handed to the engine. */
export type Integration =
  | { kind: "function" }
  | { kind: "activity" }
  | { kind: "service"; resourceType: string; resource: string; pattern: "request" | "sync" | "waitForTaskToken" };

export interface ChoiceState {
  readonly type: "Choice";
  readonly rules: readonly ChoiceRule[];
  readonly defaultNext: string | undefined;
}

export interface ChoiceRule {
  readonly test: Test | undefined;
  /** JSONata's Condition. */
  readonly condition: Evaluate | undefined;
  readonly next: string;
  readonly assign: Assign | undefined;
  readonly output: Evaluate | undefined;
}

interface WaitState {
  readonly type: "Wait";
  /** How to read the duration; messages differ by field. */
  readonly until: WaitUntil;
}

export type WaitUntil =
  | { field: "Seconds" | "Timestamp"; value: Evaluate }
  | { field: "SecondsPath" | "TimestampPath"; path: CompiledPath };

interface SucceedState {
  readonly type: "Succeed";
}

export interface FailState {
  readonly type: "Fail";
  readonly error: Evaluate | undefined;
  readonly cause: Evaluate | undefined;
}

export interface ParallelState {
  readonly type: "Parallel";
  readonly arguments: Evaluate | undefined;
  readonly branches: readonly Scope[];
}

export interface MapState {
  readonly type: "Map";
  readonly processor: Scope;
  /** JSONPath's ItemsPath or JSONata's Items; without one the whole input. */
  readonly items: Evaluate | undefined;
  readonly itemsPath: CompiledPath | undefined;
  readonly itemSelector: Evaluate | undefined;
  readonly maxConcurrency: NumberField | undefined;
  readonly toleratedFailureCount: NumberField | undefined;
  readonly toleratedFailurePercentage: NumberField | undefined;
  readonly distributed: DistributedMap | undefined;
}

/** A number given as such, by an expression, or by a path (then `path` is its text). */
export interface NumberField {
  readonly field: string;
  readonly value: Evaluate;
  readonly path: string | undefined;
}

/** What the engine needs to run the items as executions of their own. */
export interface DistributedMap {
  readonly label: string | undefined;
  readonly executionType: "STANDARD" | "EXPRESS";
  readonly processorDefinition: Json;
  readonly itemReader: Evaluate | undefined;
  readonly itemBatcher: Evaluate | undefined;
  readonly resultWriter: Evaluate | undefined;
}
