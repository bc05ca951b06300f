import type { Json } from "../kit/json.ts";
import type { ExecutionRecord, Executions, Journalled, StoredEvent, TokenRecord } from "./store.ts";

interface Row {
  key: number;
  record: ExecutionRecord;
  body: Json | undefined;
  isActive: boolean;
  events: StoredEvent[];
  timers: Map<string, number>;
  tokens: TokenRecord[];
}

export function memoryExecutions(): Executions {
  const rows = new Map<string, Row>();
  const definitions = new Map<string, string>();
  const tokens = new Map<string, TokenRecord>();
  let messages: { id: number; message: Json }[] = [];
  let lastKey = 0;
  let lastMessage = 0;

  const write = (row: Row, commit: Journalled) => {
    const { status, output, error, cause, stoppedMs } = commit;
    const id = row.record.id;
    const { id: firstId } = commit.events[0] ?? {};
    if (firstId !== undefined && firstId !== row.events.length + 1) {
      throw new Error(`event ${firstId} of ${id} does not follow event ${row.events.length}`);
    }
    row.record = { ...row.record, status, output, error, cause, stoppedMs };
    row.body = commit.body;
    row.isActive = commit.isActive === true;
    row.events.push(...commit.events); // Values that nobody changes any more.
    const closed = new Set(commit.closed);
    for (const effectId of closed) row.timers.delete(effectId);
    for (const { effectId, dueMs } of commit.timers ?? []) row.timers.set(effectId, dueMs);
    if (status !== "RUNNING") row.timers.clear();
    for (const record of row.tokens) {
      if (status !== "RUNNING" || closed.has(record.effectId)) record.isClosed = true;
    }
    for (const { effectId, token } of commit.tokens ?? []) {
      const record = { id, effectId, isClosed: status !== "RUNNING" };
      tokens.set(token, record);
      row.tokens.push(record);
    }
    messages.push(...(commit.outbox ?? []).map((message) => ({ id: ++lastMessage, message })));
  };
  const timers = () =>
    [...rows.values()]
      .flatMap((row) => [...row.timers].map(([effectId, dueMs]) => ({ id: row.record.id, effectId, dueMs })))
      .sort((a, b) => a.dueMs - b.dueMs);

  return {
    async start({ id, machine, definition, input, startedMs, details, ...commit }) {
      const taken = rows.get(id);
      if (taken !== undefined) {
        const isSame = taken.record.status === "RUNNING" && taken.record.input === input;
        return { outcome: isSame ? "same" : "conflict", record: { ...taken.record } };
      }
      definitions.set(definition.hash, definition.text);
      const record: ExecutionRecord = {
        id,
        machine,
        status: "RUNNING",
        definitionHash: definition.hash,
        input,
        startedMs,
        redriveCount: 0,
        sequence: 1,
        details,
      };
      const row: Row = {
        key: ++lastKey,
        record,
        body: undefined,
        isActive: false,
        events: [],
        timers: new Map(),
        tokens: [],
      };
      write(row, commit);
      rows.set(id, row);
      return { outcome: "created", record: { ...row.record } };
    },
    async append({ id, sequence, redrive, ...commit }) {
      const row = rows.get(id);
      if (row === undefined || row.record.sequence !== sequence) return false;
      write(row, commit);
      row.record.sequence += 1;
      if (redrive !== undefined) {
        row.record.redriveCount += 1;
        row.record.redrivenMs = redrive.atMs;
      }
      return true;
    },
    describe(id) {
      const row = rows.get(id);
      return row && { ...row.record };
    },
    load(id) {
      const row = rows.get(id);
      return row?.body === undefined ? undefined : { record: { ...row.record }, body: row.body };
    },
    definition: (hash) => definitions.get(hash),
    list({ machine, status, limit, after }) {
      const found = [...rows.values()]
        .filter((row) => row.record.machine === machine && (status === undefined || row.record.status === status))
        .filter((row) => after === undefined || row.key < Number(after))
        .reverse();
      const page = found.slice(0, limit);
      return {
        executions: page.map(({ record: { input: _input, output: _output, ...rest } }) => rest),
        next: found.length > limit ? String(page.at(-1)?.key) : undefined,
      };
    },
    running({ after, limit, isActive }) {
      const from = after === undefined ? 0 : (rows.get(after)?.key ?? 0);
      return [...rows.values()]
        .filter((row) => row.key > from && row.record.status === "RUNNING" && (isActive === undefined || row.isActive))
        .slice(0, limit)
        .map(({ record }) => record.id);
    },
    history<Event extends StoredEvent>(
      id: string,
      { from, limit, reverse = false }: { from?: number; limit: number; reverse?: boolean },
    ) {
      const events = rows.get(id)?.events ?? [];
      const ordered = reverse ? events.toReversed() : events;
      return structuredClone(
        ordered
          .filter((event) => from === undefined || (reverse ? event.id <= from : event.id >= from))
          .slice(0, limit) as Event[],
      );
    },
    dueTimers: (nowMs, limit) =>
      timers()
        .filter(({ dueMs }) => dueMs <= nowMs)
        .slice(0, limit),
    nextDue: () => timers()[0]?.dueMs,
    token(token) {
      const record = tokens.get(token);
      return record && { ...record };
    },
    outbox: (limit) => structuredClone(messages.slice(0, limit)),
    async delivered(ids) {
      messages = messages.filter(({ id }) => !ids.includes(id));
    },
    async forget(id) {
      if (rows.get(id)?.record.status === "RUNNING")
        throw new Error(`execution ${id} still runs and cannot be forgotten`);
      rows.delete(id);
      for (const [token, record] of tokens) if (record.id === id) tokens.delete(token);
    },
    prune({ endedBeforeMs, after, limit }) {
      const some = [...rows.values()].filter(({ key }) => key > Number(after ?? 0)).slice(0, limit);
      for (const { record } of some) {
        const hasEnded = record.status !== "RUNNING" && (record.stoppedMs ?? 0) < endedBeforeMs;
        if (hasEnded) rows.delete(record.id);
      }
      return some.length === limit ? String(some.at(-1)?.key) : undefined;
    },
  };
}
