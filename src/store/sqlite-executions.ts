import type { Json } from "../kit/json.ts";
import type { Database } from "../kit/sqlite.ts";
import type { DueTimer, ExecutionRecord, Executions, HistoryRange, StartOutcome, StoredEvent } from "../ports/store.ts";
import { executionRows, historyKey, historyKeys, type Row, readRecord, summaryColumns } from "./execution-rows.ts";
import { readStepLog, stepLog } from "./step-log.ts";
import {
  appendLine,
  bodyAfter,
  newUnsettled,
  otherLine,
  parseLine,
  prepareCommit,
  startLine,
  take,
  type Unsettled,
} from "./unsettled.ts";
import { unsettledExecutions } from "./unsettled-executions.ts";

/*
 * Fulfils E1 to E3 of the port. A commit is durable once the step log holds it; then it is gathered in memory, and what an
 * execution has gathered goes into the tables later, in one piece. A restart reads the log again: what the tables hold already
 * is known by its sequence.
 *
 * S1. What can be read is durable: a commit shows only after its line is on the disk.
 * S2. Reads answer from both: those of one execution look into memory first, the others settle first what they ask for.
 */

/** Executions settled in one go: some milliseconds, so that others are served in between. */
const settledAtOnce = 256;
/** After the tables could not be written, it is tried again so late. The log goes on until it is full. */
const settleRetryMs = 1_000;

export interface SqliteExecutionsOptions {
  database: Database;
  /** Of the step log, without its number. */
  logFile: string;
  /** Told when the tables could not be written; it is tried again. */
  onError: (error: unknown) => void;
}

export function sqliteExecutions({ database, logFile, onError }: SqliteExecutionsOptions): Executions & {
  /** Writes what still waits. May be called twice. */
  close(): void;
} {
  const prepare = (sql: string) => database.prepare(sql);
  const rows = executionRows(database);
  const unsettled = unsettledExecutions(database, rows);
  const insertDefinition = prepare("INSERT OR IGNORE INTO definition (hash, text) VALUES (?, ?)");
  const selectDefinition = prepare("SELECT text FROM definition WHERE hash = ?");
  const selectKey = prepare("SELECT key FROM execution WHERE id = ?");
  const selectLast = prepare("SELECT seq FROM sqlite_sequence WHERE name = ?");
  const listAll = prepare(
    `SELECT ${summaryColumns} FROM execution WHERE machine = ? AND key < ? ORDER BY key DESC LIMIT ?`,
  );
  const listByStatus = prepare(
    `SELECT ${summaryColumns} FROM execution WHERE machine = ? AND status = ? AND status <> 'SUCCEEDED' AND key < ?
     ORDER BY key DESC LIMIT ?`,
  );
  // Most succeed: the index by machine finds them.
  const listSucceeded = prepare(
    `SELECT ${summaryColumns} FROM execution WHERE machine = ? AND status = 'SUCCEEDED' AND key < ? ORDER BY key DESC LIMIT ?`,
  );
  const selectRunning = prepare("SELECT id FROM execution WHERE status = 'RUNNING' AND key > ? ORDER BY key LIMIT ?");
  const selectActive = prepare("SELECT id FROM execution WHERE is_active = 1 AND key > ? ORDER BY key LIMIT ?");
  // One row holds at least one event, so `limit` rows always suffice.
  const historyUp = prepare(
    "SELECT events FROM history WHERE key BETWEEN ? AND ? AND last_id >= ? ORDER BY key LIMIT ?",
  );
  const historyDown = prepare("SELECT events FROM history WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT ?");
  const selectDue = prepare(
    `SELECT e.id, t.effect, t.due_ms FROM timer t JOIN execution e ON e.key = t.execution
     WHERE t.due_ms <= ? ORDER BY t.due_ms, t.execution LIMIT ?`,
  );
  const selectNextDue = prepare("SELECT due_ms FROM timer ORDER BY due_ms LIMIT 1");
  const selectToken = prepare(
    "SELECT e.id, t.effect, t.is_closed FROM token t JOIN execution e ON e.key = t.execution WHERE t.token = ?",
  );
  const selectForPruning = prepare("SELECT key, id, stopped_ms FROM execution WHERE key > ? ORDER BY key LIMIT ?");
  const selectRound = prepare("SELECT round FROM step_log");
  const updateRound = prepare("UPDATE step_log SET round = ?");

  /** A commit of such an execution is on its way to the disk: the next one waits for it. */
  const onTheWay = new Map<string, Promise<unknown>>();
  const definitions = new Set<string>();
  let lastKey = Number(selectLast.get<{ seq: number }>("execution")?.seq ?? 0);
  let lastMessageId = Number(selectLast.get<{ seq: number }>("outbox")?.seq ?? 0);
  const nextMessageId = () => ++lastMessageId;
  let settling: { cancel: () => void } | undefined;

  const log = stepLog({
    file: logFile,
    round: recover(),
    release: (round) => unsettled.settleForGood(round, () => updateRound.run(round + 1)),
  });

  /** Brings into the tables what the log holds beyond them; answers the first round that is free. */
  function recover(): number {
    const { round: first } = selectRound.get<{ round: number }>() as { round: number };
    let last = first - 1;
    for (const { line, round } of readStepLog(logFile, first)) {
      last = round;
      replay(line, round);
    }
    unsettled.settleForGood(last, () => updateRound.run(last + 1));
    return last + 1;
  }

  function replay(line: string, round: number): void {
    const { record, eventsText } = parseLine(line);
    if (record.type === "delivered") {
      unsettled.strikeOff(record.ids);
      return;
    }
    const known = unsettled.get(record.id) ?? rows.take(record.id, { withBody: true });
    if (record.type === "forget") {
      if (known !== undefined) unsettled.forget(known);
      return;
    }
    for (const [id] of record.commit.outbox ?? []) lastMessageId = Math.max(lastMessageId, id);
    if (record.type === "start") lastKey = Math.max(lastKey, record.key);
    const sequence = record.type === "start" ? 0 : record.sequence;
    const execution =
      known ??
      (record.type === "start"
        ? newUnsettled(
            { ...record, definition: { hash: record.hash } },
            { key: record.key, detailsText: JSON.stringify(record.details) },
          )
        : undefined);
    if (execution === undefined || execution.record.sequence !== sequence) return; // The tables know more.
    const body = bodyAfter(execution.body, record.commit);
    take(
      execution,
      { logged: record.commit, body, eventsText },
      record.type === "start" ? undefined : record.redrivenMs,
    );
    unsettled.add(execution, round);
  }

  /** Writes a line for this execution, then does what follows from it. */
  async function write(id: string, line: string, then: (round: number) => void): Promise<void> {
    const written = log.append(line);
    onTheWay.set(id, written);
    try {
      then(await written);
    } finally {
      onTheWay.delete(id);
    }
    settleSoon();
  }

  /** Executions go into the tables bit by bit: when enough have ended, and so that a file is free when its turn comes. */
  function settleSoon(afterMs?: number): void {
    if (settling !== undefined || !unsettled.hasWork(settledAtOnce, log.round() - 1)) return;
    const go = (): void => {
      settling = undefined;
      try {
        unsettled.settleSome(settledAtOnce, log.round() - 1);
        settleSoon();
      } catch (error) {
        onError(error);
        settleSoon(settleRetryMs);
      }
    };
    if (afterMs === undefined) {
      const immediate = setImmediate(go);
      settling = { cancel: () => clearImmediate(immediate) };
    } else {
      const timeout = setTimeout(go, afterMs).unref();
      settling = { cancel: () => clearTimeout(timeout) };
    }
  }

  const describe = (id: string): ExecutionRecord | undefined => {
    const known = unsettled.get(id);
    if (known !== undefined) return { ...known.record };
    const row = rows.find(id);
    return row && readRecord(row);
  };

  return {
    async start(execution): Promise<StartOutcome> {
      const { id, input, definition } = execution;
      while (onTheWay.has(id)) await onTheWay.get(id)?.catch(() => {}); // Whatever becomes of it.
      const taken = unsettled.get(id) === undefined && !rows.has(id) ? undefined : describe(id);
      if (taken !== undefined) {
        const isSame = taken.status === "RUNNING" && taken.input === input;
        return { outcome: isSame ? "same" : "conflict", record: taken };
      }
      if (!definitions.has(definition.hash)) {
        database.transaction(() => insertDefinition.run(definition.hash, definition.text));
        if (definitions.size >= maxDefinitionsKnown) definitions.clear();
        definitions.add(definition.hash);
      }
      const detailsText = JSON.stringify(execution.details);
      const created = newUnsettled(execution, { key: ++lastKey, detailsText });
      const commit = prepareCommit(execution, { before: created, nextMessageId });
      await write(id, startLine(execution, created, commit), (round) => {
        take(created, commit, undefined);
        unsettled.add(created, round);
      });
      return { outcome: "created", record: { ...created.record } };
    },
    async append(commit) {
      const { id } = commit;
      while (onTheWay.has(id)) await onTheWay.get(id)?.catch(() => {});
      const execution = unsettled.get(id) ?? rows.take(id, { withBody: false });
      if (execution === undefined || execution.record.sequence !== commit.sequence) return false;
      const prepared = prepareCommit(commit, { before: execution, nextMessageId });
      await write(id, appendLine(commit, prepared), (round) => {
        take(execution, prepared, commit.redrive?.atMs);
        unsettled.add(execution, round);
      });
      return true;
    },
    describe,
    load(id) {
      const known = unsettled.get(id);
      const record = describe(id);
      const body = known?.body ?? (known === undefined ? rows.body(id) : undefined);
      return record === undefined || body === undefined ? undefined : { record, body };
    },
    definition: (hash) => selectDefinition.get<{ text: string }>(hash)?.text,
    list({ machine, status, limit, after }) {
      unsettled.settle(({ record }) => record.machine === machine);
      const below = after === undefined ? Number.MAX_SAFE_INTEGER : Number(after);
      const found =
        status === undefined || status === "SUCCEEDED"
          ? (status === undefined ? listAll : listSucceeded).all<Row>(machine, below, limit + 1)
          : listByStatus.all<Row>(machine, status, below, limit + 1);
      const page = found.slice(0, limit);
      return {
        executions: page.map((row) => {
          const { input: _input, output: _output, ...summary } = readRecord(row);
          return summary;
        }),
        next: found.length > limit ? String(page.at(-1)?.key) : undefined,
      };
    },
    running({ after, limit, isActive }) {
      unsettled.settle(() => true);
      const key = after === undefined ? 0 : (selectKey.get<{ key: number }>(after)?.key ?? 0);
      const select = isActive === undefined ? selectRunning : selectActive;
      return select.all<{ id: string }>(key, limit).map((row) => row.id);
    },
    history<Event extends StoredEvent>(id: string, { from, limit, reverse = false }: HistoryRange): Event[] {
      if (unsettled.get(id) !== undefined) unsettled.settle(({ record }) => record.id === id);
      const key = selectKey.get<{ key: number }>(id)?.key;
      if (key === undefined) return [];
      const start = from ?? (reverse ? Number.MAX_SAFE_INTEGER : 0);
      const events: Event[] = [];
      const [first, last] = historyKeys(key);
      const rowsOf = reverse
        ? historyDown.iterate<{ events: string }>(first, Math.min(last, historyKey(key, start)), limit)
        : historyUp.iterate<{ events: string }>(first, last, start, limit);
      for (const row of rowsOf) {
        const some = JSON.parse(row.events) as Event[];
        if (reverse) some.reverse();
        events.push(...some.filter((event) => (reverse ? event.id <= start : event.id >= start)));
        if (events.length >= limit) break;
      }
      return events.slice(0, limit);
    },
    dueTimers(nowMs, limit): DueTimer[] {
      unsettled.settle(touchesTimers);
      return selectDue
        .all<{ id: string; effect: string; due_ms: number }>(nowMs, limit)
        .map((row) => ({ id: row.id, effectId: row.effect, dueMs: Number(row.due_ms) }));
    },
    nextDue() {
      unsettled.settle(touchesTimers);
      const row = selectNextDue.get<{ due_ms: number }>();
      return row && Number(row.due_ms);
    },
    token(token) {
      const known = unsettled.byToken(token);
      const held = known?.tokens?.get(token);
      if (known !== undefined && held !== undefined) return { id: known.record.id, ...held };
      const row = selectToken.get<{ id: string; effect: string; is_closed: number }>(token);
      if (row === undefined) return undefined;
      const execution = unsettled.get(row.id);
      const isClosed = Number(row.is_closed) === 1 || execution?.isAllClosed || execution?.closed?.has(row.effect);
      return { id: row.id, effectId: row.effect, isClosed: isClosed === true };
    },
    outbox: (limit) =>
      unsettled.messages(limit).map(({ id, message }) => ({ id, message: JSON.parse(message) as Json })),
    async delivered(ids) {
      await log.append(otherLine({ type: "delivered", ids: [...ids] }));
      unsettled.strikeOff(ids);
    },
    async forget(id) {
      while (onTheWay.has(id)) await onTheWay.get(id)?.catch(() => {});
      const execution = unsettled.get(id) ?? rows.take(id, { withBody: false });
      if (execution === undefined) return;
      if (execution.record.status === "RUNNING") {
        throw new Error(`execution ${id} still runs and cannot be forgotten`);
      }
      await write(id, otherLine({ type: "forget", id }), () => {
        // It may have come into the tables meanwhile.
        const known = unsettled.get(id) ?? rows.take(id, { withBody: false });
        if (known !== undefined) unsettled.forget(known);
      });
    },
    prune({ endedBeforeMs, after, limit }) {
      if (after === undefined) unsettled.settle(({ record }) => (record.stoppedMs ?? endedBeforeMs) < endedBeforeMs);
      const some = selectForPruning.all<{ key: number; id: string; stopped_ms: number | null }>(
        Number(after ?? 0),
        limit,
      );
      const hasEnded = (row: (typeof some)[number]): boolean => {
        const stoppedMs = row.stopped_ms === null ? endedBeforeMs : Number(row.stopped_ms);
        return stoppedMs < endedBeforeMs && unsettled.get(row.id) === undefined; // It may have been redriven.
      };
      unsettled.deleteRows(some.filter(hasEnded).map(({ key }) => Number(key)));
      return some.length === limit ? String(some.at(-1)?.key) : undefined;
    },
    close() {
      settling?.cancel();
      log.close();
      unsettled.settleForGood(log.round(), () => updateRound.run(log.round() + 1));
    },
  };
}

/** Of those a machine's executions have been started with: beyond, it is looked up again. */
const maxDefinitionsKnown = 10_000;

function touchesTimers({ timers, closed, isAllClosed }: Unsettled): boolean {
  return timers !== undefined || closed !== undefined || isAllClosed;
}
