import type { Json } from "../kit/json.ts";
import type { Database } from "../kit/sqlite.ts";
import type { Clock } from "../ports/clock.ts";
import type { Resource, Resources } from "../ports/resources.ts";
import { hotRows } from "./hot-rows.ts";

interface Row {
  id: string;
  value: string;
  created_ms: number;
  updated_ms: number;
}

export function sqliteResources({ database, clock }: { database: Database; clock: Clock }): Resources {
  const columns = "id, value, created_ms, updated_ms";
  const select = database.prepare(`SELECT ${columns} FROM resource WHERE kind = ? AND id = ?`);
  const insert = database.prepare(
    "INSERT OR IGNORE INTO resource (kind, id, value, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?)",
  );
  const upsert = database.prepare(
    `INSERT INTO resource (kind, id, value, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms`,
  );
  const remove = database.prepare("DELETE FROM resource WHERE kind = ? AND id = ?");
  const page = database.prepare(
    `SELECT ${columns} FROM resource WHERE kind = ? AND id >= ? AND id > ? AND substr(id, 1, length(?)) = ? ORDER BY id LIMIT ?`,
  );

  const hot = hotRows<Row>();

  const get = <T>(kind: string, id: string): Resource<T> | undefined => {
    const known = hot.find(kind, id);
    if (known !== undefined) return read<T>(known);
    const row = select.get<Row>(kind, id);
    if (row === undefined) return undefined;
    if (!database.isInTransaction()) hot.remember(kind, id, row);
    return read<T>(row);
  };
  const put = (kind: string, id: string, value: unknown): void => {
    const nowMs = clock.now();
    hot.forget(kind, id);
    database.transaction(() => upsert.run(kind, id, JSON.stringify(value), nowMs, nowMs));
  };
  return {
    get: <T = Json>(kind: string, id: string) => get<T>(kind, id),
    create(kind, id, value) {
      const nowMs = clock.now();
      return database.transaction(() => Number(insert.run(kind, id, JSON.stringify(value), nowMs, nowMs).changes) > 0);
    },
    put,
    update: <T = Json>(kind: string, id: string, change: (value: T) => T | undefined) =>
      database.transaction(() => {
        const found = get<T>(kind, id);
        const changed = found && change(found.value);
        if (changed === undefined) return get<T>(kind, id);
        put(kind, id, changed);
        return get<T>(kind, id);
      }),
    delete(kind, id) {
      hot.forget(kind, id);
      return database.transaction(() => Number(remove.run(kind, id).changes) > 0);
    },
    list: <T = Json>(
      kind: string,
      { prefix = "", after, limit = -1 }: { prefix?: string; after?: string; limit?: number } = {},
    ) =>
      page
        .all<Row>(kind, prefix, after ?? "", prefix, prefix, Number.isFinite(limit) ? limit : -1)
        .map((row) => read<T>(row)),
    transaction: (work) => database.transaction(work),
  };
}

function read<T>({ id, value, created_ms, updated_ms }: Row): Resource<T> {
  return { id, value: JSON.parse(value) as T, createdMs: Number(created_ms), updatedMs: Number(updated_ms) };
}
