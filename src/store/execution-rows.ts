import type { Json } from "../kit/json.ts";
import type { Database } from "../kit/sqlite.ts";
import type { ExecutionRecord } from "../ports/store.ts";
import { type Unsettled, unsettled } from "./unsettled.ts";

export interface Row {
  key: number;
  id: string;
  machine: string;
  status: ExecutionRecord["status"];
  sequence: number;
  definition_hash: string;
  input: string;
  output: string | null;
  error: string | null;
  cause: string | null;
  started_ms: number;
  stopped_ms: number | null;
  redrive_count: number;
  redriven_ms: number | null;
  details: string;
}

export const summaryColumns =
  "key, id, machine, status, sequence, definition_hash, error, cause, started_ms, stopped_ms, redrive_count, redriven_ms, details";
const columns = `${summaryColumns}, input, output`;

/** More events than an execution may have, and room for them in the keys of its history. */
const eventsPerExecution = 32_768;

/** Where the history of an execution has the row that begins with this event. */
export function historyKey(execution: number, firstEventId: number): number {
  return Number(execution) * eventsPerExecution + firstEventId;
}

/** The first and the last key that the history of an execution may have. */
export function historyKeys(execution: number): [number, number] {
  return [historyKey(execution, 0), historyKey(execution, eventsPerExecution - 1)];
}

export interface ExecutionRows {
  has(id: string): boolean;
  find(id: string): Row | undefined;
  /** As the tables hold it; `withBody` so that a change can be applied to it. */
  take(id: string, options: { withBody: boolean }): Unsettled | undefined;
  body(id: string): Json | undefined;
  /** Writes what the tables do not hold yet; belongs into a transaction. */
  settle(execution: Unsettled): void;
  delete(key: number): void;
}

export function executionRows(database: Database): ExecutionRows {
  const prepare = (sql: string) => database.prepare(sql);
  const select = prepare(`SELECT ${columns} FROM execution WHERE id = ?`);
  const selectBody = prepare("SELECT body FROM execution WHERE id = ?");
  const selectLastEvent = prepare("SELECT last_id FROM history WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1");
  const selectKey = prepare("SELECT key FROM execution WHERE id = ?");
  const insert = prepare(
    `INSERT INTO execution (key, id, machine, status, sequence, definition_hash, body, is_active, input, output, error, cause,
       started_ms, stopped_ms, redrive_count, redriven_ms, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = prepare(
    `UPDATE execution SET status = ?, sequence = ?, body = ?, is_active = ?, output = ?, error = ?, cause = ?, stopped_ms = ?,
       redrive_count = ?, redriven_ms = ? WHERE key = ?`,
  );
  const insertHistory = prepare("INSERT INTO history (key, last_id, events) VALUES (?, ?, ?)");
  const insertTimer = prepare("INSERT OR REPLACE INTO timer (due_ms, execution, effect) VALUES (?, ?, ?)");
  const deleteTimer = prepare("DELETE FROM timer WHERE execution = ? AND effect = ?");
  const deleteTimers = prepare("DELETE FROM timer WHERE execution = ?");
  const insertToken = prepare("INSERT OR REPLACE INTO token (token, execution, effect, is_closed) VALUES (?, ?, ?, ?)");
  const closeToken = prepare("UPDATE token SET is_closed = 1 WHERE execution = ? AND effect = ?");
  const closeTokens = prepare("UPDATE token SET is_closed = 1 WHERE execution = ?");
  const insertMessage = prepare("INSERT OR IGNORE INTO outbox (id, message) VALUES (?, ?)");
  const deleteHistory = prepare("DELETE FROM history WHERE key BETWEEN ? AND ?");
  const deletions = ["timer", "token"].map((table) => prepare(`DELETE FROM ${table} WHERE execution = ?`));
  const deleteExecution = prepare("DELETE FROM execution WHERE key = ?");

  const settleExecution = (execution: Unsettled): void => {
    const { record, key } = execution;
    const { status, sequence, output, error, cause, stoppedMs, redriveCount, redrivenMs } = record;
    const body = execution.body === undefined ? null : JSON.stringify(execution.body);
    const isActive = execution.isActive ? 1 : 0;
    const ending = [output ?? null, error ?? null, cause ?? null] as const;
    if (!execution.isStored) {
      const { id, machine, definitionHash, input, startedMs } = record;
      const beginning = [key, id, machine, status, sequence, definitionHash, body, isActive, input] as const;
      const dates = [startedMs, stoppedMs ?? null, redriveCount, redrivenMs ?? null] as const;
      insert.run(...beginning, ...ending, ...dates, execution.detailsText);
      return;
    }
    update.run(status, sequence, body, isActive, ...ending, stoppedMs ?? null, redriveCount, redrivenMs ?? null, key);
  };

  const body = (id: string): Json | undefined => {
    const { body: text } = selectBody.get<{ body: string | null }>(id) ?? { body: null };
    return text === null ? undefined : (JSON.parse(text) as Json);
  };

  return {
    has: (id) => selectKey.get(id) !== undefined,
    find: (id) => select.get<Row>(id),
    take(id, { withBody }) {
      const row = select.get<Row>(id);
      if (row === undefined) return undefined;
      const { last_id: lastEventId = 0 } = selectLastEvent.get<{ last_id: number }>(...historyKeys(row.key)) ?? {};
      return unsettled({
        record: readRecord(row),
        detailsText: row.details,
        key: Number(row.key),
        isStored: true,
        body: withBody ? body(id) : undefined,
        isActive: false,
        lastEventId: Number(lastEventId),
      });
    },
    body,
    settle(execution) {
      const { key } = execution;
      const isNew = !execution.isStored;
      settleExecution(execution);
      for (const { firstId, lastId, text } of joined(execution.events))
        insertHistory.run(historyKey(key, firstId), lastId, text);
      if (!isNew) {
        if (execution.isAllClosed) {
          deleteTimers.run(key);
          closeTokens.run(key);
        }
        for (const effectId of execution.closed ?? []) {
          deleteTimer.run(key, effectId);
          closeToken.run(key, effectId);
        }
      }
      for (const [effectId, dueMs] of execution.timers ?? []) {
        if (!isNew) deleteTimer.run(key, effectId);
        insertTimer.run(dueMs, key, effectId);
      }
      for (const [token, { effectId, isClosed }] of execution.tokens ?? []) {
        insertToken.run(token, key, effectId, isClosed ? 1 : 0);
      }
      for (const [id, message] of execution.messages ?? []) insertMessage.run(id, message);
    },
    delete(key) {
      deleteHistory.run(...historyKeys(key));
      for (const deletion of deletions) deletion.run(key);
      deleteExecution.run(key);
    },
  };
}

/** Commits that follow each other become one row, as long as that stays small enough to read a page of events from. */
const maxHistoryLength = 64 * 2 ** 10;

function* joined(events: Unsettled["events"]): Generator<Unsettled["events"][number]> {
  let row: { firstId: number; lastId: number; texts: string[]; length: number } | undefined;
  for (const { firstId, lastId, text } of events) {
    if (row !== undefined && row.length + text.length > maxHistoryLength) {
      yield { firstId: row.firstId, lastId: row.lastId, text: `[${row.texts.join(",")}]` };
      row = undefined;
    }
    row ??= { firstId, lastId, texts: [], length: 0 };
    row.lastId = lastId;
    row.texts.push(text);
    row.length += text.length;
  }
  if (row !== undefined) yield { firstId: row.firstId, lastId: row.lastId, text: `[${row.texts.join(",")}]` };
}

export function readRecord(row: Row): ExecutionRecord {
  return {
    id: row.id,
    machine: row.machine,
    status: row.status,
    definitionHash: row.definition_hash,
    input: row.input,
    output: row.output ?? undefined,
    error: row.error ?? undefined,
    cause: row.cause ?? undefined,
    startedMs: Number(row.started_ms),
    stoppedMs: row.stopped_ms === null ? undefined : Number(row.stopped_ms),
    redriveCount: Number(row.redrive_count),
    redrivenMs: row.redriven_ms === null ? undefined : Number(row.redriven_ms),
    sequence: Number(row.sequence),
    details: JSON.parse(row.details) as Json,
  };
}
