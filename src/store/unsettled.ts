import type { Json } from "../kit/json.ts";
import { applyChange, type Change, changeOf } from "../kit/json-change.ts";
import type { ExecutionCommit, ExecutionRecord, Journalled, NewExecution, StoredEvent } from "../ports/store.ts";

/*
 * Executions as the step log has left them, and what of that the tables do not hold yet: the commits of an execution are
 * gathered here until they become one row each, so that one that is over soon is written once and not once per step.
 */

export interface Unsettled {
  record: ExecutionRecord;
  detailsText: string;
  body: Json | undefined;
  isActive: boolean;
  /** Of its row in the tables: given at the start, so that they lie in the order of their starts. */
  key: number;
  /** Whether the tables have that row. */
  isStored: boolean;
  /** JSON texts of the events of one commit each, without brackets. */
  events: { firstId: number; lastId: number; text: string }[];
  /** Of all events, those in the tables included. */
  lastEventId: number;
  /** Effects whose timers go and whose tokens close, in the tables. */
  closed: Set<string> | undefined;
  /** All of them do. */
  isAllClosed: boolean;
  timers: Map<string, number> | undefined;
  tokens: Map<string, { effectId: string; isClosed: boolean }> | undefined;
  messages: Map<number, string> | undefined;
  /** The first round of the log that says something about it that the tables do not. */
  round: number;
}

/** One line of the step log. */
export type LogRecord =
  | ({ type: "start"; key: number; hash: string; commit: LoggedCommit } & Pick<
      NewExecution,
      "id" | "machine" | "input" | "startedMs" | "details"
    >)
  | { type: "append"; id: string; sequence: number; redrivenMs?: number; commit: LoggedCommit }
  | { type: "delivered"; ids: number[] }
  | { type: "forget"; id: string };

/** A commit, with its body as a change of the one before where that is known. */
export interface LoggedCommit extends Omit<Journalled, "body" | "events" | "outbox"> {
  body?: Json;
  change?: Change;
  firstEventId?: number;
  lastEventId?: number;
  outbox?: [id: number, message: string][];
}

/** A commit on its way to the log: its text, and what of it is not parsed from there. */
export interface PreparedCommit {
  logged: LoggedCommit;
  body: Json | undefined;
  eventsText: string;
}

export function newUnsettled(
  execution: Pick<NewExecution, "id" | "machine" | "input" | "startedMs" | "details"> & {
    definition: { hash: string };
  },
  { key, detailsText }: { key: number; detailsText: string },
): Unsettled {
  const { id, machine, definition, input, startedMs, details } = execution;
  return unsettled({
    record: {
      id,
      machine,
      status: "RUNNING",
      definitionHash: definition.hash,
      input,
      startedMs,
      redriveCount: 0,
      sequence: 0,
      details,
    },
    detailsText,
    key,
    isStored: false,
    body: undefined,
    isActive: false,
    lastEventId: 0,
  });
}

type Known = Pick<Unsettled, "record" | "detailsText" | "key" | "isStored" | "body" | "isActive" | "lastEventId">;

/** As it lies in the tables: nothing is left to be written. */
export function unsettled(known: Known): Unsettled {
  return {
    ...known,
    events: [],
    closed: undefined,
    isAllClosed: false,
    timers: undefined,
    tokens: undefined,
    messages: undefined,
    round: 0,
  };
}

export function prepareCommit(
  commit: Journalled,
  { before, nextMessageId }: { before: Unsettled; nextMessageId: () => number },
): PreparedCommit {
  const { status, body, isActive, events, timers, tokens, closed, outbox, output, error, cause, stoppedMs } = commit;
  const logged: LoggedCommit = { status, isActive, output, error, cause, stoppedMs };
  const { id: firstEventId = before.lastEventId + 1 } = events[0] ?? {};
  if (firstEventId !== before.lastEventId + 1) {
    throw new Error(`event ${firstEventId} of ${before.record.id} does not follow event ${before.lastEventId}`);
  }
  if (body !== undefined && before.body !== undefined) logged.change = changeOf(before.body, body) ?? { o: {} };
  else logged.body = body;
  if (timers !== undefined && timers.length > 0) logged.timers = timers;
  if (tokens !== undefined && tokens.length > 0) logged.tokens = tokens;
  if (closed !== undefined && closed.length > 0) logged.closed = closed;
  if (outbox !== undefined && outbox.length > 0) {
    logged.outbox = outbox.map((message) => [nextMessageId(), JSON.stringify(message)]);
  }
  logged.firstEventId = events[0]?.id;
  logged.lastEventId = events.at(-1)?.id;
  return { logged, body, eventsText: textOf(events) };
}

/** Of a list, without its brackets. */
function textOf(events: readonly StoredEvent[]): string {
  return events.length === 0 ? "" : JSON.stringify(events).slice(1, -1);
}

/** The line for the log; the events follow the rest, so that their text need not be made or read twice. */
export function startLine(
  execution: NewExecution,
  { key, detailsText }: Pick<Unsettled, "key" | "detailsText">,
  { logged, eventsText }: PreparedCommit,
): string {
  const { id, machine, definition, input, startedMs } = execution;
  const head = { type: "start", key, id, machine, hash: definition.hash, input, startedMs, commit: logged };
  return `${JSON.stringify(head).slice(0, -1)},"details":${detailsText}}\t${eventsText}`;
}

export function appendLine(commit: ExecutionCommit, { logged, eventsText }: PreparedCommit): string {
  const { id, sequence, redrive } = commit;
  return `${JSON.stringify({ type: "append", id, sequence, redrivenMs: redrive?.atMs, commit: logged })}\t${eventsText}`;
}

export function otherLine(record: Extract<LogRecord, { type: "delivered" | "forget" }>): string {
  return `${JSON.stringify(record)}\t`;
}

/** Reads a line back. JSON text holds no tab. */
export function parseLine(line: string): { record: LogRecord; eventsText: string } {
  const tab = line.indexOf("\t");
  return { record: JSON.parse(line.slice(0, tab)) as LogRecord, eventsText: line.slice(tab + 1) };
}

/** The body that a commit of the log leaves. */
export function bodyAfter(before: Json | undefined, { body, change }: LoggedCommit): Json | undefined {
  return change === undefined ? body : applyChange(before, change);
}

/** What a commit that is on the disk makes of the execution. */
export function take(
  execution: Unsettled,
  { logged, body, eventsText }: PreparedCommit,
  redrivenMs: number | undefined,
): void {
  const { status, output, error, cause, stoppedMs, closed = [], timers = [], tokens = [], outbox = [] } = logged;
  const { record } = execution;
  execution.record = { ...record, status, output, error, cause, stoppedMs, sequence: record.sequence + 1 };
  if (redrivenMs !== undefined) {
    execution.record.redriveCount += 1;
    execution.record.redrivenMs = redrivenMs;
  }
  execution.body = body;
  execution.isActive = logged.isActive === true;
  if (logged.firstEventId !== undefined && logged.lastEventId !== undefined) {
    execution.lastEventId = logged.lastEventId;
    execution.events.push({ firstId: logged.firstEventId, lastId: logged.lastEventId, text: eventsText });
  }
  // Closing comes first: a timer that fired may be set anew under the same id.
  for (const effectId of closed) close(execution, effectId);
  for (const { effectId, dueMs } of timers) {
    execution.timers ??= new Map();
    execution.timers.set(effectId, Math.ceil(dueMs));
  }
  for (const { effectId, token } of tokens) {
    execution.tokens ??= new Map();
    execution.tokens.set(token, { effectId, isClosed: false });
  }
  if (status !== "RUNNING") {
    execution.isAllClosed = true;
    execution.timers = undefined;
    for (const token of execution.tokens?.values() ?? []) token.isClosed = true;
  }
  for (const [id, message] of outbox) {
    execution.messages ??= new Map();
    execution.messages.set(id, message);
  }
}

function close(execution: Unsettled, effectId: string): void {
  execution.timers?.delete(effectId);
  for (const token of execution.tokens?.values() ?? []) if (token.effectId === effectId) token.isClosed = true;
  if (!execution.isStored) return;
  execution.closed ??= new Set();
  execution.closed.add(effectId);
}

/** The tables hold all of it now. */
export function markSettled(execution: Unsettled): void {
  execution.isStored = true;
  execution.events = [];
  execution.closed = undefined;
  execution.isAllClosed = false;
  execution.timers = undefined;
  execution.tokens = undefined;
  execution.messages = undefined;
}
