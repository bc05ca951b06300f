import type { Json } from "../kit/json.ts";

/*
 * The words between the kernel, which decides, and an engine, which remembers and acts.
 *
 *   validate(definition, { type }) -> Diagnostic[]       validate.ts; Create, Update, Validate and TestState read the same list
 *   compile(definition, { type }) -> Machine             compile.ts; once per definition, throws Fault InvalidDefinition
 *   advance(machine, execution, input) -> Step           advance.ts; for everything that happens. `execution` is undefined for "start".
 *                                                        Answers a Step at once when only JSONPath is involved, else a promise of one.
 *   pendingEffects(execution) -> Effect[]                pending.ts; what a restarted engine must do again
 *
 * E4. advance is pure: the same execution and input give the same step. Time, ids and randomness arrive in the input.
 *     Execution is plain JSON: storing it and reading it back changes nothing.
 */

/** One thing that happened to an execution. `atMs` is when; `seed` feeds whatever randomness this step needs. */
export type KernelInput = {
  atMs: number;
  seed: string;
} /** `inputText` is the input as the caller wrote it; the first events repeat it to the letter. */ & (
  | { type: "start"; input: Json; inputText?: string; context: ExecutionContext }
  /** A worker began the task; optional, and at most once per effect. */
  | { type: "taskStarted"; effectId: string; workerName?: string }
  /** A task of pattern sync or waitForTaskToken was handed over; `output` is the submit call's answer. */
  | { type: "taskSubmitted"; effectId: string; output: Json }
  | { type: "taskSucceeded"; effectId: string; output: Json; startedAtMs?: number }
  /** SendTaskFailure may leave out both, so `error` may be undefined. */
  | { type: "taskFailed"; effectId: string; error: string | undefined; cause: string | undefined; startedAtMs?: number }
  /** What the task names is not there: nothing was begun, and nothing handles it. */
  | { type: "taskRefused"; effectId: string; cause: string }
  | { type: "heartbeat"; effectId: string }
  | { type: "timerFired"; effectId: string }
  /** A distributed Map's run made progress or ended. */
  | { type: "mapRunEnded"; effectId: string; outcome: MapRunOutcome }
  | { type: "stop"; error: string | undefined; cause: string | undefined }
  | { type: "redrive" }
);

export interface ExecutionContext {
  executionArn: string;
  executionName: string;
  /** `null` only while a state is tested without a role. */
  roleArn: string | null;
  startTime: string;
  stateMachineArn: string;
  stateMachineName: string;
  /** Given when the execution was started through a version or alias; ExecutionStarted names them. */
  stateMachineVersionArn?: string;
  stateMachineAliasArn?: string;
  region: string;
  /** STANDARD when absent: an EXPRESS execution has no redrive count in its context and no limit of events. */
  type?: "STANDARD" | "EXPRESS";
}

/** One finding about a definition, as ValidateStateMachineDefinition answers it. */
export interface Diagnostic {
  severity: "ERROR" | "WARNING";
  /** Such as `SCHEMA_VALIDATION_FAILED`. */
  code: string;
  message: string;
  /** Such as `/States/Classify/Resource`; absent where there is no place to name. */
  location?: string;
}

/** What `advance` answers: the execution as it is now, the history it wrote, and what must be done after all of it is durable. */
export interface Step {
  execution: Execution;
  events: HistoryEvent[];
  effects: Effect[];
}

/** A running or ended execution as plain JSON; `frames` and the rest are the kernel's own. */
export interface Execution {
  status: ExecutionStatus;
  output?: Json;
  error?: string;
  cause?: string;
  nextEventId: number;
  [kernelOwned: string]: unknown;
}

type ExecutionStatus = "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";

/** A history event as GetExecutionHistory answers it, but with the one details member under `details`, and payloads already as JSON text. */
export interface HistoryEvent {
  id: number;
  previousEventId: number;
  timestampMs: number;
  /** Such as `TaskStateEntered`. */
  type: string;
  /** Such as `stateEnteredEventDetails`; absent for events without details. */
  detailsName?: string;
  details?: { [name: string]: Json };
}

/**
 * What the engine must do once the step is durable. An id is the path of the thing in the frame tree, with the attempt
 * (`Map#17/Classify:2`): stable across restarts, so it is the idempotency key. After a crash the engine asks
 * `pendingEffects(execution)` and does them again (at least once).
 */
export type Effect =
  | {
      type: "task";
      id: string;
      /** As written in the definition: `arn:aws:states:::lambda:invoke`, a function's ARN, an activity's ARN (then a token is given). */
      resource: string;
      pattern: "request" | "sync" | "waitForTaskToken";
      parameters: Json;
      /** Present for waitForTaskToken and activities; also inside `parameters` where the definition put it. */
      taskToken?: string;
      heartbeatSeconds?: number;
      timeoutSeconds?: number;
      /** Only after a restart: it was handed over (taskSubmitted, or taskStarted by an activity's worker) and must not be again. */
      isHandedOver?: true;
    }
  /** Call back with `timerFired` at or after `dueMs`. Waits, retry delays, task timeouts, heartbeats, the execution's own limit. */
  | { type: "timer"; id: string; dueMs: number }
  /** The task or timer of this id no longer matters. */
  | { type: "cancel"; id: string }
  | { type: "mapRun"; id: string; state: Json }
  /** Always the last effect of an execution. */
  | { type: "end" };

export interface MapRunOutcome {
  status: "SUCCEEDED" | "FAILED" | "ABORTED" | "TIMED_OUT";
  output?: Json;
  error?: string;
  cause?: string;
  mapRunArn: string;
}
