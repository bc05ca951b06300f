import type { Json } from "../kit/json.ts";
import type { Logs } from "./logs.ts";
import type { MetricPoints } from "./metric-points.ts";
import type { Resources } from "./resources.ts";

/** Everything of a server that must survive, except the bytes of objects. One process owns it. */
export interface Store {
  executions: Executions;
  resources: Resources;
  logs: Logs;
  metrics: MetricPoints;
  /** Writes what still waits. May be called twice. */
  close(): void;
}

/**
 * Executions of state machines: their journal, their continuation and what hangs on them.
 *
 * E1. `start` answers only once the execution is durable.
 * E2. One commit is one transaction: history events, continuation, timers, tokens and outgoing messages together or not at all.
 * E3. A commit is refused unless it follows the one its writer has seen (`sequence`), so no two writers can both go on.
 */
export interface Executions {
  /** Idempotent: the same id and input while it runs is `same`; any other taken id is `conflict`. */
  start(execution: NewExecution): Promise<StartOutcome>;
  /** `false`: the execution has moved on (or is unknown), nothing was written. */
  append(commit: ExecutionCommit): Promise<boolean>;
  describe(id: string): ExecutionRecord | undefined;
  /** The continuation as it was last committed; `undefined` when there is none (any more). */
  load(id: string): Continuation | undefined;
  /** The text of a definition that some execution was started with. */
  definition(hash: string): string | undefined;
  /** Newest first. */
  list(options: ListExecutions): ExecutionPage;
  /** Ids of running executions in order of start, after `after`; `isActive`: only those whose last commit said so. */
  running(options: { after?: string; limit: number; isActive?: true }): string[];
  /** Events in order of id, from `from` on (or downwards from it when `reverse`), at most `limit`. */
  history<Event extends StoredEvent = StoredEvent>(id: string, options: HistoryRange): Event[];
  /** Earliest first, those due at `nowMs`. A timer stays until a commit closes its effect or ends the execution. */
  dueTimers(nowMs: number, limit: number): DueTimer[];
  /** When the earliest timer is due. */
  nextDue(): number | undefined;
  token(token: string): TokenRecord | undefined;
  /** Messages in the order of their commits; they stay until `delivered`. */
  outbox(limit: number): { id: number; message: Json }[];
  delivered(ids: readonly number[]): Promise<void>;
  /** Forgets everything about an execution that has ended. */
  forget(id: string): Promise<void>;
  /** Forgets those of the next `limit` that ended before then; answers where to go on, `undefined` at the last. */
  prune(options: { endedBeforeMs: number; after?: string; limit: number }): string | undefined;
}

export interface StoredEvent {
  /** 1, 2, 3 ... without gaps within an execution. */
  id: number;
}

/** What every commit writes, the first one included. */
export interface Journalled {
  status: ExecutionRecord["status"];
  /**
   * The kernel's execution; `undefined` when nothing can follow any more. It is kept as it is given and must never be changed
   * afterwards: what it shares with the one before need not be written again.
   */
  body: Json | undefined;
  /** Something is under way that no timer and no token brings back: after a restart it must be taken up. */
  isActive?: boolean;
  events: readonly StoredEvent[];
  timers?: readonly { effectId: string; dueMs: number }[];
  tokens?: readonly { effectId: string; token: string }[];
  /** Effects that no longer matter: their timers go, their tokens close. When the status is not RUNNING all of them do. */
  closed?: readonly string[];
  outbox?: readonly Json[];
  output?: string;
  error?: string;
  cause?: string;
  stoppedMs?: number;
}

export interface NewExecution extends Journalled {
  /** Unique for ever. */
  id: string;
  machine: string;
  definition: { hash: string; text: string };
  input: string;
  startedMs: number;
  /** What the service wants to know again: names, ARNs, role. */
  details: Json;
}

export interface ExecutionCommit extends Journalled {
  id: string;
  /** The number of commits the writer has seen; 1 after the start. */
  sequence: number;
  redrive?: { atMs: number };
}

export interface StartOutcome {
  outcome: "created" | "same" | "conflict";
  record: ExecutionRecord;
}

export interface ExecutionRecord {
  id: string;
  machine: string;
  status: "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";
  definitionHash: string;
  input: string;
  output?: string;
  error?: string;
  cause?: string;
  startedMs: number;
  stoppedMs?: number;
  redriveCount: number;
  redrivenMs?: number;
  sequence: number;
  details: Json;
}

export interface Continuation {
  record: ExecutionRecord;
  body: Json;
}

export interface ListExecutions {
  machine: string;
  status?: ExecutionRecord["status"];
  limit: number;
  /** `next` of the page before. */
  after?: string;
}

export interface ExecutionPage {
  /** Without inputs and outputs, which may be large. */
  executions: Omit<ExecutionRecord, "input" | "output">[];
  next?: string;
}

export interface HistoryRange {
  from?: number;
  limit: number;
  reverse?: boolean;
}

export interface DueTimer {
  id: string;
  effectId: string;
  dueMs: number;
}

export interface TokenRecord {
  id: string;
  effectId: string;
  isClosed: boolean;
}
