import type { Database } from "../kit/sqlite.ts";
import type { ExecutionRows } from "./execution-rows.ts";
import { markSettled, type Unsettled } from "./unsettled.ts";

/** The executions that the tables do not hold as they are, with their tokens and messages; and the way into the tables. */
export interface UnsettledExecutions {
  get(id: string): Unsettled | undefined;
  byToken(token: string): Unsettled | undefined;
  /** Something of it has become durable in that round of the log. */
  add(execution: Unsettled, round: number): void;
  /** As if it had never been; its row, where it has one, goes without waiting for the disk: the log has that too. */
  forget(execution: Unsettled): void;
  /** These rows go, without waiting for the disk: what comes back after power loss goes again. */
  deleteRows(keys: readonly number[]): void;
  /** Those that match, in one transaction that does not wait for the disk: the log has them. */
  settle(isWanted: (execution: Unsettled) => boolean): void;
  /** Whether so many have ended, which nothing will be added to, or there are any of that round or an earlier one. */
  hasWork(limit: number, round: number): boolean;
  /** So many of those that have ended, and then of the oldest, if they are of that round or an earlier one. */
  settleSome(limit: number, round: number): void;
  /** All of that round and those before, for good: `also` is part of the transaction, which waits for the disk. */
  settleForGood(round: number, also: () => void): void;
  messages(limit: number): { id: number; message: string }[];
  strikeOff(ids: readonly number[]): void;
}

export function unsettledExecutions(database: Database, rows: ExecutionRows): UnsettledExecutions {
  const selectMessages = database.prepare("SELECT id, message FROM outbox ORDER BY id LIMIT ?");
  const deleteMessage = database.prepare("DELETE FROM outbox WHERE id = ?");
  const countMessages = database.prepare("SELECT count(*) AS n FROM outbox");
  /** In the order of the rounds that they became unsettled in. */
  const executions = new Map<string, Unsettled>();
  const ended = new Set<Unsettled>();
  const tokens = new Map<string, Unsettled>();
  const messages = new Map<number, Unsettled>();
  /** Messages of the tables that are delivered. */
  const delivered = new Set<number>();
  let messagesInTables = Number(countMessages.get<{ n: number }>()?.n ?? 0);

  const write = (some: readonly Unsettled[], also = () => {}): void => {
    let change = 0;
    database.transaction(() => {
      for (const id of delivered) change -= Number(deleteMessage.run(id).changes);
      for (const execution of some) change += execution.messages?.size ?? 0;
      also();
      for (const execution of some) rows.settle(execution);
    });
    messagesInTables += change;
    delivered.clear();
    for (const execution of some) {
      for (const token of execution.tokens?.keys() ?? []) tokens.delete(token);
      for (const id of execution.messages?.keys() ?? []) messages.delete(id);
      markSettled(execution);
      ended.delete(execution);
      executions.delete(execution.record.id);
    }
  };

  const lazily = (work: () => void): void => {
    database.exec("PRAGMA synchronous=NORMAL");
    try {
      work();
    } finally {
      database.exec("PRAGMA synchronous=FULL");
    }
  };
  const writeLazily = (some: readonly Unsettled[]): void => {
    if (some.length > 0) lazily(() => write(some));
  };

  return {
    get: (id) => executions.get(id),
    byToken: (token) => tokens.get(token),
    add(execution, round) {
      const { id } = execution.record;
      if (!executions.has(id)) {
        execution.round = round;
        executions.set(id, execution);
      }
      if (execution.record.status === "RUNNING") ended.delete(execution);
      else ended.add(execution);
      for (const token of execution.tokens?.keys() ?? []) tokens.set(token, execution);
      for (const message of execution.messages?.keys() ?? []) messages.set(message, execution);
    },
    forget(execution) {
      for (const token of execution.tokens?.keys() ?? []) tokens.delete(token);
      for (const id of execution.messages?.keys() ?? []) messages.delete(id);
      executions.delete(execution.record.id);
      ended.delete(execution);
      if (execution.isStored) lazily(() => database.transaction(() => rows.delete(execution.key)));
    },
    deleteRows(keys) {
      if (keys.length > 0) lazily(() => database.transaction(() => keys.forEach((key) => void rows.delete(key))));
    },
    hasWork(limit, round) {
      const oldest = executions.values().next();
      return ended.size >= limit || (!oldest.done && oldest.value.round <= round);
    },
    settle: (isWanted) => writeLazily([...executions.values()].filter(isWanted)),
    settleSome(limit, round) {
      const some = new Set<Unsettled>();
      for (const execution of ended) {
        if (some.size === limit) break;
        some.add(execution);
      }
      for (const execution of executions.values()) {
        if (execution.round > round || some.size === limit) break;
        some.add(execution);
      }
      writeLazily([...some]);
    },
    settleForGood(round, also) {
      write(
        [...executions.values()].filter((execution) => execution.round <= round),
        also,
      );
    },
    messages(limit) {
      const found: { id: number; message: string }[] = [];
      if (messagesInTables > delivered.size) {
        for (const { id, message } of selectMessages.all<{ id: number; message: string }>(limit + delivered.size)) {
          if (!delivered.has(Number(id))) found.push({ id: Number(id), message });
        }
      }
      for (const [id, execution] of messages) {
        if (found.length >= 2 * limit) break;
        found.push({ id, message: execution.messages?.get(id) as string });
      }
      return found.sort((one, other) => one.id - other.id).slice(0, limit);
    },
    strikeOff(ids) {
      for (const id of ids) {
        const execution = messages.get(id);
        if (execution === undefined) delivered.add(id);
        execution?.messages?.delete(id);
        messages.delete(id);
      }
    },
  };
}
