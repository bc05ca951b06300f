import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { openDatabase } from "../kit/sqlite.ts";
import type { Clock } from "../ports/clock.ts";
import type { Store } from "../ports/store.ts";
import { groupCommit } from "./group-commit.ts";
import { createSchema } from "./schema.ts";
import { sqliteExecutions } from "./sqlite-executions.ts";
import { sqliteLogs } from "./sqlite-logs.ts";
import { sqliteMetricPoints } from "./sqlite-metric-points.ts";
import { sqliteResources } from "./sqlite-resources.ts";

export interface SqliteStoreOptions {
  file: string;
  clock: Clock;
  /** Told of what went wrong in the background, where nobody waits for it. */
  onError?: (error: unknown) => void;
}

/**
 * The embedded store: one SQLite file, and beside it the log of the executions' steps; owned by one process. A commit that was
 * answered survives power loss, and `kill -9` needs no repair: both logs, SQLite's own and ours, are read when it opens.
 */
export function sqliteStore({ file, clock, onError = () => {} }: SqliteStoreOptions): Store {
  mkdirSync(dirname(file), { recursive: true });
  const database = openDatabase(file, { isExclusive: true });
  try {
    // Fewer checkpoints, each of them larger: 16000 pages of 4 KiB keep the log below 64 MiB.
    database.exec("PRAGMA wal_autocheckpoint=16000");
    createSchema(database, file);
    const commits = groupCommit(database);
    const logs = sqliteLogs({ database, clock, commits });
    const executions = sqliteExecutions({ database, logFile: `${file}.steps`, onError });
    let isOpen = true;
    return {
      executions,
      resources: sqliteResources({ database, clock }),
      logs: logs.port,
      metrics: sqliteMetricPoints({ database, commits }),
      close() {
        if (!isOpen) return;
        isOpen = false;
        try {
          executions.close();
        } finally {
          try {
            logs.flush();
            commits.flush();
          } finally {
            database.close();
          }
        }
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}
