import { createRequire } from "node:module";
import { isDiskFull } from "./disk-full.ts";

/*
 * The one door to SQLite: node:sqlite where this Node has it, else @photostructure/sqlite, which has the same API.
 * Only the part of the API that both have is declared here.
 */

export type SqlValue = null | number | bigint | string | Uint8Array;

export interface Statement {
  run(...values: SqlValue[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  /** The first row, or `undefined`. `Row` is what the caller knows its own SQL to answer. */
  get<Row = Record<string, SqlValue>>(...values: SqlValue[]): Row | undefined;
  all<Row = Record<string, SqlValue>>(...values: SqlValue[]): Row[];
  iterate<Row = Record<string, SqlValue>>(...values: SqlValue[]): IterableIterator<Row>;
}

export interface Database {
  exec(sql: string): void;
  /** Prepare once, run often. The statement keeps its database alive. */
  prepare(sql: string): Statement;
  /** Runs `work` between BEGIN IMMEDIATE and COMMIT, rolls back when it throws; a call inside another joins it. */
  transaction<T>(work: () => T): T;
  isInTransaction(): boolean;
  /** May be called twice. */
  close(): void;
}

export interface DatabaseOptions {
  /** Nobody else may open the file while this one is open: the operating system's lock, so a killed owner leaves none behind. */
  isExclusive?: boolean;
}

interface NativeDatabase {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface SqliteModule {
  DatabaseSync: new (path: string) => NativeDatabase;
}

/**
 * Opens (or makes) a durable database file: write-ahead log, and a commit that returns is on the disk
 * (`synchronous=FULL`; NORMAL may lose the last commits when power fails). `:memory:` gives a private one.
 */
export function openDatabase(path: string, options: DatabaseOptions = {}): Database {
  const { DatabaseSync } = sqliteModule();
  const native = new DatabaseSync(path);
  try {
    if (options.isExclusive) native.exec("PRAGMA busy_timeout=0; PRAGMA locking_mode=EXCLUSIVE");
    native.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
    // The first write takes the lock, and an exclusive database never gives it back before it is closed or its process ends.
    if (options.isExclusive) native.exec("BEGIN EXCLUSIVE; COMMIT");
    else native.exec("PRAGMA busy_timeout=5000");
  } catch (error) {
    native.close();
    if (options.isExclusive && /database is locked/.test(String(error))) {
      throw new Error(`${path} is in use by another process; stop that one, or give this one a directory of its own`, {
        cause: error,
      });
    }
    throw error;
  }
  let isOpen = true;
  let isInTransaction = false;
  return {
    exec: (sql) => native.exec(sql),
    prepare(sql) {
      const statement = native.prepare(sql);
      // @photostructure/sqlite closes the connection when the database object is collected, whatever statements still live.
      heldBy.set(statement, native);
      return statement;
    },
    transaction(work) {
      if (isInTransaction) return work();
      native.exec("BEGIN IMMEDIATE");
      isInTransaction = true;
      try {
        const result = work();
        native.exec("COMMIT");
        return result;
      } catch (error) {
        rollBack(native);
        throw error;
      } finally {
        isInTransaction = false;
      }
    },
    isInTransaction: () => isInTransaction,
    close() {
      if (!isOpen) return;
      isOpen = false;
      // @photostructure/sqlite cannot finalize statements, and SQLite keeps file and lock while one lives: give the lock back
      // by hand, which a database that entered the write-ahead log exclusively can do only after leaving it.
      if (options.isExclusive) {
        try {
          native.exec("PRAGMA journal_mode=DELETE; PRAGMA locking_mode=NORMAL; SELECT 1 FROM sqlite_master");
        } catch (error) {
          // The log cannot be brought into the file: it stays beside it, and whoever opens the file next reads both.
          if (!isDiskFull(error)) throw error;
        }
      }
      native.close();
    },
  };
}

/** Which of the two this process uses; shown by `--version` and in published numbers. */
export function sqliteKind(): "node:sqlite" | "@photostructure/sqlite" {
  return process.getBuiltinModule?.("node:sqlite") === undefined ? "@photostructure/sqlite" : "node:sqlite";
}

const heldBy = new WeakMap<Statement, NativeDatabase>();

function rollBack(native: NativeDatabase): void {
  try {
    native.exec("ROLLBACK");
  } catch {
    // SQLite has rolled back by itself already (disk full, I/O error): what made it do so is being thrown.
  }
}

function sqliteModule(): SqliteModule {
  const builtin = process.getBuiltinModule?.("node:sqlite") as SqliteModule | undefined;
  return builtin ?? (createRequire(import.meta.url)("@photostructure/sqlite") as SqliteModule);
}
