import type { ExecutionContext, HistoryEvent } from "../../asl/contract.ts";
import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExecutionRecord, Executions, StartOutcome } from "../../ports/store.ts";
import type { EngineInput, Kernel } from "./kernel.ts";
import type { MapRunner } from "./map-run/map-runner.ts";
import type { TaskRunner } from "./task-pool.ts";

/* What an engine is given, and what it can be asked for. */

export interface EngineOptions {
  executions: Executions;
  clock: Clock;
  kernel: Kernel;
  runTask: TaskRunner;
  /** What must be told after a commit that started, ended or redrove an execution. */
  messagesOf?: (change: { id: string; status: ExecutionRecord["status"]; atMs: number }) => Json[];
  /** What must be written to a log after a commit. */
  logMessagesOf?: (commit: Logged) => Json[];
  /** Called when such messages have become durable. */
  onMessages?: () => void;
  /** Runs the items of distributed Map states; without it such a state fails. */
  mapRuns?: MapRunner;
  /** Forgets an execution once it has ended and those who wait for it know. */
  isForgetful?: boolean;
  maxConcurrentTasks?: number;
  maxCachedExecutions?: number;
  /** Told of our own mistakes and of a disk that refuses; what can be is tried again. */
  onError?: (error: unknown) => void;
}

/** What a commit adds to the history of an execution; `details` are those it was started with. */
export interface Logged {
  id: string;
  details: Json;
  redriveCount: number;
  events: readonly HistoryEvent[];
}

export interface StartRequest {
  id: string;
  machine: string;
  type: "STANDARD" | "EXPRESS";
  definition: { hash: string; text: string };
  /** The input's text as it was given, and what it says. */
  inputText: string;
  input: Json;
  context: ExecutionContext;
  startedMs: number;
  details: Json;
}

export interface Engine {
  start(request: StartRequest): Promise<StartOutcome>;
  /** Resolves once durable; `false` when the execution does not (any longer) take it. */
  deliver(id: string, input: EngineInput): Promise<boolean>;
  /** The record of an execution once it has ended; `undefined` when there is none. */
  whenEnded(id: string, signal?: AbortSignal): Promise<ExecutionRecord | undefined>;
  /** Starts, and answers once it has ended. */
  startAndWait(request: StartRequest, signal?: AbortSignal): Promise<ExecutionRecord>;
  /** Resolves when a task is no longer being handed over: its token may be used before its submission is in the journal. */
  whenSubmitted(id: string, effectId: string): Promise<void>;
  /** Takes up what was under way when the process ended, and answers how many executions that were; others only wait. */
  recover(): Promise<number>;
  close(): Promise<void>;
}
