import type { Json } from "../kit/json.ts";
import type { Clock } from "./clock.ts";
import type { Resource, Resources } from "./resources.ts";

interface Row {
  id: string;
  text: string;
  createdMs: number;
  updatedMs: number;
}

export function memoryResources(clock: Clock): Resources {
  let kinds = new Map<string, Map<string, Row>>();
  let isInTransaction = false;
  const rowsOf = (kind: string): Map<string, Row> => {
    const rows = kinds.get(kind) ?? new Map<string, Row>();
    kinds.set(kind, rows);
    return rows;
  };
  const read = <T>(row: Row): Resource<T> => ({
    id: row.id,
    value: JSON.parse(row.text) as T,
    createdMs: row.createdMs,
    updatedMs: row.updatedMs,
  });
  const write = (kind: string, id: string, value: unknown): Row => {
    const nowMs = clock.now();
    const createdMs = rowsOf(kind).get(id)?.createdMs ?? nowMs;
    const row = { id, text: JSON.stringify(value), createdMs, updatedMs: nowMs };
    rowsOf(kind).set(id, row);
    return row;
  };
  return {
    get<T = Json>(kind: string, id: string) {
      const row = rowsOf(kind).get(id);
      return row && read<T>(row);
    },
    create(kind, id, value) {
      if (rowsOf(kind).has(id)) return false;
      write(kind, id, value);
      return true;
    },
    put: (kind, id, value) => void write(kind, id, value),
    update<T = Json>(kind: string, id: string, change: (value: T) => T | undefined) {
      const row = rowsOf(kind).get(id);
      if (row === undefined) return undefined;
      const changed = change(read<T>(row).value);
      return read<T>(changed === undefined ? row : write(kind, id, changed));
    },
    delete: (kind, id) => rowsOf(kind).delete(id),
    list<T = Json>(kind: string, options: { prefix?: string; after?: string; limit?: number } = {}) {
      const { prefix = "", after, limit = Number.POSITIVE_INFINITY } = options;
      return [...rowsOf(kind).values()]
        .filter(({ id }) => id.startsWith(prefix) && (after === undefined || compare(id, after) > 0))
        .sort((a, b) => compare(a.id, b.id))
        .slice(0, limit)
        .map((row) => read<T>(row));
    },
    transaction(work) {
      if (isInTransaction) return work();
      const before = new Map([...kinds].map(([kind, rows]) => [kind, new Map(rows)]));
      isInTransaction = true;
      try {
        return work();
      } catch (error) {
        kinds = before;
        throw error;
      } finally {
        isInTransaction = false;
      }
    },
  };
}

/** UTF-8 byte order, as databases and S3 sort. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
