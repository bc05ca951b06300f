import type { Json } from "../kit/json.ts";
import type { Database } from "../kit/sqlite.ts";
import type {
  Continuation,
  DueTimer,
  ExecutionRecord,
  Executions,
  HistoryRange,
  Journalled,
  StartOutcome,
  StoredEvent,
} from "../ports/store.ts";
import type { GroupCommit } from "./group-commit.ts";

interface Row {
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

const summaryColumns =
  "key, id, machine, status, sequence, definition_hash, error, cause, started_ms, stopped_ms, redrive_count, redriven_ms, details";
const columns = `${summaryColumns}, input, output`;

/** Fulfils E1 to E3 of the port: every write is one element of a group commit, compared and written in one transaction. */
export function sqliteExecutions({ database, commits }: { database: Database; commits: GroupCommit }): Executions {
  const prepare = (sql: string) => database.prepare(sql);
  const selectById = prepare(`SELECT ${columns} FROM execution WHERE id = ?`);
  const selectBody = prepare(`SELECT ${columns}, body FROM execution WHERE id = ?`);
  const selectKey = prepare("SELECT key FROM execution WHERE id = ?");
  const insertDefinition = prepare("INSERT OR IGNORE INTO definition (hash, text) VALUES (?, ?)");
  const selectDefinition = prepare("SELECT text FROM definition WHERE hash = ?");
  const insert = prepare(
    `INSERT INTO execution (id, machine, status, sequence, definition_hash, input, started_ms, details)
     VALUES (?, ?, 'RUNNING', 1, ?, ?, ?, ?)`,
  );
  const advance = prepare(
    `UPDATE execution SET sequence = sequence + 1, redrive_count = redrive_count + ?, redriven_ms = coalesce(?, redriven_ms)
     WHERE id = ? AND sequence = ? RETURNING key`,
  );
  const update = prepare(
    "UPDATE execution SET status = ?, body = ?, output = ?, error = ?, cause = ?, stopped_ms = ? WHERE key = ?",
  );
  const insertHistory = prepare("INSERT INTO history (execution, first_id, last_id, events) VALUES (?, ?, ?, ?)");
  const insertTimer = prepare("INSERT OR REPLACE INTO timer (due_ms, execution, effect) VALUES (?, ?, ?)");
  const deleteTimer = prepare("DELETE FROM timer WHERE execution = ? AND effect = ?");
  const deleteTimers = prepare("DELETE FROM timer WHERE execution = ?");
  const insertToken = prepare("INSERT OR REPLACE INTO token (token, execution, effect, is_closed) VALUES (?, ?, ?, 0)");
  const closeToken = prepare("UPDATE token SET is_closed = 1 WHERE execution = ? AND effect = ?");
  const closeTokens = prepare("UPDATE token SET is_closed = 1 WHERE execution = ?");
  const insertMessage = prepare("INSERT INTO outbox (message) VALUES (?)");
  const selectMessages = prepare("SELECT id, message FROM outbox ORDER BY id LIMIT ?");
  const deleteMessage = prepare("DELETE FROM outbox WHERE id = ?");
  const listAll = prepare(
    `SELECT ${summaryColumns} FROM execution WHERE machine = ? AND key < ? ORDER BY key DESC LIMIT ?`,
  );
  const listByStatus = prepare(
    `SELECT ${summaryColumns} FROM execution WHERE machine = ? AND status = ? AND key < ? ORDER BY key DESC LIMIT ?`,
  );
  const selectRunning = prepare("SELECT id FROM execution WHERE status = 'RUNNING' AND key > ? ORDER BY key LIMIT ?");
  // One row holds at least one event, so `limit` rows always suffice.
  const historyUp = prepare(
    "SELECT events FROM history WHERE execution = ? AND last_id >= ? ORDER BY first_id LIMIT ?",
  );
  const historyDown = prepare(
    "SELECT events FROM history WHERE execution = ? AND first_id <= ? ORDER BY first_id DESC LIMIT ?",
  );
  const selectDue = prepare(
    `SELECT e.id, t.effect, t.due_ms FROM timer t JOIN execution e ON e.key = t.execution
     WHERE t.due_ms <= ? ORDER BY t.due_ms, t.execution LIMIT ?`,
  );
  const selectNextDue = prepare("SELECT due_ms FROM timer ORDER BY due_ms LIMIT 1");
  const selectToken = prepare(
    "SELECT e.id, t.effect, t.is_closed FROM token t JOIN execution e ON e.key = t.execution WHERE t.token = ?",
  );
  const forgetStatements = ["history", "timer", "token"].map((table) =>
    prepare(`DELETE FROM ${table} WHERE execution = ?`),
  );
  const deleteExecution = prepare("DELETE FROM execution WHERE key = ?");

  const write = (key: number, commit: Journalled): void => {
    const { status, body, events, output, error, cause, stoppedMs } = commit;
    update.run(status, body ?? null, output ?? null, error ?? null, cause ?? null, stoppedMs ?? null, key);
    const first = events[0];
    const last = events.at(-1);
    if (first !== undefined && last !== undefined) insertHistory.run(key, first.id, last.id, JSON.stringify(events));
    // Closing comes first: a timer that fired may be set anew under the same id.
    for (const effectId of commit.closed ?? []) {
      deleteTimer.run(key, effectId);
      closeToken.run(key, effectId);
    }
    for (const { effectId, dueMs } of commit.timers ?? []) {
      deleteTimer.run(key, effectId);
      insertTimer.run(Math.ceil(dueMs), key, effectId);
    }
    for (const { effectId, token } of commit.tokens ?? []) insertToken.run(token, key, effectId);
    if (status !== "RUNNING") {
      deleteTimers.run(key);
      closeTokens.run(key);
    }
    for (const message of commit.outbox ?? []) insertMessage.run(JSON.stringify(message));
  };
  const describe = (id: string): ExecutionRecord | undefined => {
    const row = selectById.get<Row>(id);
    return row && readRecord(row);
  };

  return {
    start: ({ id, machine, definition, input, startedMs, details, ...commit }) =>
      commits.add((): StartOutcome => {
        const taken = describe(id);
        if (taken !== undefined) {
          const isSame = taken.status === "RUNNING" && taken.input === input;
          return { outcome: isSame ? "same" : "conflict", record: taken };
        }
        insertDefinition.run(definition.hash, definition.text);
        const { lastInsertRowid } = insert.run(id, machine, definition.hash, input, startedMs, JSON.stringify(details));
        write(Number(lastInsertRowid), commit);
        return { outcome: "created", record: describe(id) as ExecutionRecord };
      }),
    append: ({ id, sequence, redrive, ...commit }) =>
      commits.add(() => {
        const row = advance.get<{ key: number }>(redrive === undefined ? 0 : 1, redrive?.atMs ?? null, id, sequence);
        if (row === undefined) return false;
        write(Number(row.key), commit);
        return true;
      }),
    describe,
    load(id): Continuation | undefined {
      const row = selectBody.get<Row & { body: string | null }>(id);
      return row === undefined || row.body === null ? undefined : { record: readRecord(row), body: row.body };
    },
    definition: (hash) => selectDefinition.get<{ text: string }>(hash)?.text,
    list({ machine, status, limit, after }) {
      const below = after === undefined ? Number.MAX_SAFE_INTEGER : Number(after);
      const rows =
        status === undefined
          ? listAll.all<Row>(machine, below, limit + 1)
          : listByStatus.all<Row>(machine, status, below, limit + 1);
      const page = rows.slice(0, limit);
      return {
        executions: page.map((row) => {
          const { input: _input, output: _output, ...summary } = readRecord(row);
          return summary;
        }),
        next: rows.length > limit ? String(page.at(-1)?.key) : undefined,
      };
    },
    running({ after, limit }) {
      const key = after === undefined ? 0 : (selectKey.get<{ key: number }>(after)?.key ?? 0);
      return selectRunning.all<{ id: string }>(key, limit).map((row) => row.id);
    },
    history<Event extends StoredEvent>(id: string, { from, limit, reverse = false }: HistoryRange): Event[] {
      const key = selectKey.get<{ key: number }>(id)?.key;
      if (key === undefined) return [];
      const start = from ?? (reverse ? Number.MAX_SAFE_INTEGER : 0);
      const events: Event[] = [];
      for (const row of (reverse ? historyDown : historyUp).iterate<{ events: string }>(key, start, limit)) {
        const some = JSON.parse(row.events) as Event[];
        if (reverse) some.reverse();
        events.push(...some.filter((event) => (reverse ? event.id <= start : event.id >= start)));
        if (events.length >= limit) break;
      }
      return events.slice(0, limit);
    },
    dueTimers: (nowMs, limit): DueTimer[] =>
      selectDue
        .all<{ id: string; effect: string; due_ms: number }>(nowMs, limit)
        .map((row) => ({ id: row.id, effectId: row.effect, dueMs: Number(row.due_ms) })),
    nextDue() {
      const row = selectNextDue.get<{ due_ms: number }>();
      return row && Number(row.due_ms);
    },
    token(token) {
      const row = selectToken.get<{ id: string; effect: string; is_closed: number }>(token);
      return row && { id: row.id, effectId: row.effect, isClosed: Number(row.is_closed) === 1 };
    },
    outbox: (limit) =>
      selectMessages
        .all<{ id: number; message: string }>(limit)
        .map((row) => ({ id: Number(row.id), message: JSON.parse(row.message) as Json })),
    delivered: (ids) => commits.add(() => ids.forEach((id) => void deleteMessage.run(id))),
    forget: (id) =>
      commits.add(() => {
        const record = selectById.get<Row>(id);
        if (record === undefined) return;
        if (record.status === "RUNNING") throw new Error(`execution ${id} still runs and cannot be forgotten`);
        for (const statement of [...forgetStatements, deleteExecution]) statement.run(record.key);
      }),
  };
}

function readRecord(row: Row): ExecutionRecord {
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
