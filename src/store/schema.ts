import type { Database } from "../kit/sqlite.ts";

/** Goes up by one with every change of the tables; each step from one version to the next is one entry of `steps`. */
const steps = [
  `
  CREATE TABLE definition (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE execution (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    machine TEXT NOT NULL,
    status TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    definition_hash TEXT NOT NULL,
    body TEXT,
    input TEXT NOT NULL,
    output TEXT,
    error TEXT,
    cause TEXT,
    started_ms INTEGER NOT NULL,
    stopped_ms INTEGER,
    redrive_count INTEGER NOT NULL DEFAULT 0,
    redriven_ms INTEGER,
    details TEXT NOT NULL
  );
  CREATE INDEX execution_by_machine ON execution (machine, key);
  CREATE INDEX execution_by_status ON execution (machine, status, key);
  CREATE INDEX execution_running ON execution (key) WHERE status = 'RUNNING';

  -- One row per commit, not per event: 17 events of a usual execution lie in 4 rows.
  CREATE TABLE history (
    execution INTEGER NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    events TEXT NOT NULL,
    PRIMARY KEY (execution, first_id)
  ) WITHOUT ROWID;

  CREATE TABLE timer (
    due_ms INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    effect TEXT NOT NULL,
    PRIMARY KEY (due_ms, execution, effect)
  ) WITHOUT ROWID;
  CREATE INDEX timer_by_effect ON timer (execution, effect);

  CREATE TABLE token (
    token TEXT PRIMARY KEY,
    execution INTEGER NOT NULL,
    effect TEXT NOT NULL,
    is_closed INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX token_by_effect ON token (execution, effect);

  CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL);

  CREATE TABLE resource (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    value TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
  ) WITHOUT ROWID;

  CREATE TABLE log_group (name TEXT PRIMARY KEY, created_ms INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE log_stream (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    log_group TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    next_sequence INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (log_group, name)
  );
  CREATE TABLE log_event (
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    ingested_ms INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (stream, sequence)
  ) WITHOUT ROWID;
  `,
  `
  -- What a restart must take up; until now that was everything that ran.
  ALTER TABLE execution ADD COLUMN is_active INTEGER NOT NULL DEFAULT 0;
  UPDATE execution SET is_active = 1 WHERE status = 'RUNNING';
  CREATE INDEX execution_active ON execution (key) WHERE is_active = 1;

  -- The first round of the step log that is not yet in these tables.
  CREATE TABLE step_log (round INTEGER NOT NULL);
  INSERT INTO step_log VALUES (1);
  `,
  `
  -- Most executions succeed, and the index by machine finds those.
  DROP INDEX execution_by_status;
  CREATE INDEX execution_by_status ON execution (machine, status, key) WHERE status <> 'SUCCEEDED';

  -- Keyed by one number, a row of up to a page needs no page of its own: execution * 32768 + id of its first event.
  ALTER TABLE history RENAME TO old_history;
  CREATE TABLE history (key INTEGER PRIMARY KEY, last_id INTEGER NOT NULL, events TEXT NOT NULL);
  INSERT INTO history SELECT execution * 32768 + first_id, last_id, events FROM old_history;
  DROP TABLE old_history;
  `,
  `
  CREATE TABLE metric (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    dimensions TEXT NOT NULL,
    newest_ms INTEGER NOT NULL,
    UNIQUE (namespace, name, dimensions)
  );
  CREATE TABLE metric_point (
    metric INTEGER NOT NULL,
    resolution_seconds INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    unit TEXT NOT NULL,
    point TEXT NOT NULL,
    PRIMARY KEY (metric, resolution_seconds, start_ms, unit)
  ) WITHOUT ROWID;
  CREATE INDEX metric_point_by_age ON metric_point (resolution_seconds, start_ms);
  `,
];

/** Makes the tables, or brings older ones up to date; refuses a file that a newer program has written. */
export function createSchema(database: Database, file: string): void {
  const { user_version: version } = database.prepare("PRAGMA user_version").get<{ user_version: number }>() ?? {
    user_version: 0,
  };
  if (version > steps.length) {
    throw new Error(
      `${file} has schema version ${version}, this program knows only ${steps.length}: start the newer one, or use another data directory`,
    );
  }
  database.transaction(() => {
    for (const step of steps.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version=${steps.length}`);
  });
}
