import type { Database } from "../kit/sqlite.ts";
import type { Clock } from "../ports/clock.ts";
import { type LogEvent, type Logs, maxEventsPerLogStream, type StoredLogEvent } from "../ports/logs.ts";
import type { GroupCommit } from "./group-commit.ts";

/** Log lines wait this long for company: a chatty function must not make the disk wait once per line. */
const logDelayMs = 100;
/** ... but no more of them than this wait in memory. */
const maxWaitingEvents = 10_000;

interface Waiting {
  group: string;
  stream: string;
  events: readonly LogEvent[];
  ingestedMs: number;
}

interface StreamRow {
  key: number;
  name: string;
  created_ms: number;
  next_sequence: number;
  size_bytes: number;
}

interface EventRow {
  sequence: number;
  timestamp_ms: number;
  ingested_ms: number;
  message: string;
}

/** Lines become durable within `logDelayMs`; whoever reads sees all that was appended before. */
export function sqliteLogs({ database, clock, commits }: { database: Database; clock: Clock; commits: GroupCommit }): {
  port: Logs;
  flush(): void;
} {
  const insertGroup = database.prepare("INSERT OR IGNORE INTO log_group (name, created_ms) VALUES (?, ?)");
  const insertStream = database.prepare(
    "INSERT OR IGNORE INTO log_stream (log_group, name, created_ms) VALUES (?, ?, ?)",
  );
  const streamColumns = "key, name, created_ms, next_sequence, size_bytes";
  const selectStream = database.prepare(`SELECT ${streamColumns} FROM log_stream WHERE log_group = ? AND name = ?`);
  const updateStream = database.prepare("UPDATE log_stream SET next_sequence = ?, size_bytes = ? WHERE key = ?");
  const insertEvent = database.prepare(
    "INSERT INTO log_event (stream, sequence, timestamp_ms, ingested_ms, message) VALUES (?, ?, ?, ?, ?)",
  );
  const sizeBelow = database.prepare(
    "SELECT coalesce(sum(length(CAST(message AS BLOB))), 0) AS bytes FROM log_event WHERE stream = ? AND sequence < ?",
  );
  const deleteBelow = database.prepare("DELETE FROM log_event WHERE stream = ? AND sequence < ?");
  const selectGroups = database.prepare(
    `SELECT g.name, g.created_ms, coalesce(sum(s.size_bytes), 0) AS size_bytes FROM log_group g
     LEFT JOIN log_stream s ON s.log_group = g.name WHERE substr(g.name, 1, length(?)) = ? GROUP BY g.name ORDER BY g.name`,
  );
  const selectStreams = database.prepare(
    `SELECT ${streamColumns} FROM log_stream WHERE log_group = ? AND substr(name, 1, length(?)) = ? ORDER BY name`,
  );
  const eventColumns = "sequence, timestamp_ms, ingested_ms, message";
  const forwards = database.prepare(
    `SELECT ${eventColumns} FROM log_event WHERE stream = ? AND sequence >= ? ORDER BY sequence LIMIT ?`,
  );
  const backwards = database.prepare(
    `SELECT ${eventColumns} FROM log_event WHERE stream = ? AND sequence <= ? ORDER BY sequence DESC LIMIT ?`,
  );
  const deleteEvents = database.prepare(
    "DELETE FROM log_event WHERE stream IN (SELECT key FROM log_stream WHERE log_group = ?)",
  );
  const deleteStreamEvents = database.prepare("DELETE FROM log_event WHERE stream = ?");
  const deleteStreamRow = database.prepare("DELETE FROM log_stream WHERE key = ?");
  const sizeBefore = database.prepare(
    "SELECT coalesce(sum(length(CAST(message AS BLOB))), 0) AS bytes FROM log_event WHERE stream = ? AND timestamp_ms < ?",
  );
  const deleteEventsBefore = database.prepare("DELETE FROM log_event WHERE stream = ? AND timestamp_ms < ?");
  const deleteStreams = database.prepare("DELETE FROM log_stream WHERE log_group = ?");
  const deleteGroup = database.prepare("DELETE FROM log_group WHERE name = ?");

  let waiting: Waiting[] = [];
  let waitingCount = 0;
  let timer: NodeJS.Timeout | undefined;

  const makeStream = (group: string, stream: string, nowMs: number): StreamRow => {
    insertGroup.run(group, nowMs);
    insertStream.run(group, stream, nowMs);
    return selectStream.get<StreamRow>(group, stream) as StreamRow;
  };
  const write = ({ group, stream, events, ingestedMs }: Waiting): void => {
    const row = makeStream(group, stream, ingestedMs);
    let sequence = Number(row.next_sequence);
    let sizeBytes = Number(row.size_bytes);
    for (const { timestampMs, message } of events) {
      insertEvent.run(row.key, sequence++, Math.trunc(timestampMs), ingestedMs, message);
      sizeBytes += Buffer.byteLength(message);
    }
    const oldest = sequence - maxEventsPerLogStream;
    // Old lines go a thousand at a time, so that a full stream does not pay for it at every append.
    if (oldest > 0 && Math.trunc(oldest / 1000) > Math.trunc((oldest - events.length) / 1000)) {
      sizeBytes -= Number(sizeBelow.get<{ bytes: number }>(row.key, oldest)?.bytes ?? 0);
      deleteBelow.run(row.key, oldest);
    }
    updateStream.run(sequence, sizeBytes, row.key);
  };
  const take = (): Waiting[] => {
    clearTimeout(timer);
    timer = undefined;
    const taken = waiting;
    waiting = [];
    waitingCount = 0;
    return taken;
  };
  const flush = (): void => {
    const taken = take();
    if (taken.length > 0) database.transaction(() => taken.forEach(write));
  };
  const flushWithOthers = (): void => {
    const taken = take();
    // Logs are the one thing that may be lost: a full disk is reported by those who must not lose theirs.
    commits.add(() => taken.forEach(write)).catch(() => {});
  };

  const port: Logs = {
    append(group, stream, events) {
      waiting.push({ group, stream, events: [...events], ingestedMs: clock.now() });
      waitingCount += events.length;
      if (waitingCount >= maxWaitingEvents) flushWithOthers();
      else timer ??= setTimeout(flushWithOthers, logDelayMs).unref();
    },
    createGroup: (group) => void database.transaction(() => insertGroup.run(group, clock.now())),
    createStream: (group, stream) => void database.transaction(() => makeStream(group, stream, clock.now())),
    deleteGroup(group) {
      flush();
      database.transaction(() =>
        [deleteEvents, deleteStreams, deleteGroup].forEach((statement) => void statement.run(group)),
      );
    },
    deleteStream(group, stream) {
      flush();
      database.transaction(() => {
        const row = selectStream.get<StreamRow>(group, stream);
        if (row === undefined) return;
        deleteStreamEvents.run(row.key);
        deleteStreamRow.run(row.key);
      });
    },
    deleteBefore(group, beforeMs) {
      flush();
      database.transaction(() => {
        for (const { key, next_sequence, size_bytes } of selectStreams.all<StreamRow>(group, "", "")) {
          const bytes = Number(sizeBefore.get<{ bytes: number }>(key, beforeMs)?.bytes);
          if (Number(deleteEventsBefore.run(key, beforeMs).changes) === 0) continue;
          updateStream.run(next_sequence, Number(size_bytes) - bytes, key);
        }
      });
    },
    groups(prefix) {
      flush();
      return selectGroups
        .all<{ name: string; created_ms: number; size_bytes: number }>(prefix, prefix)
        .map((row) => ({ name: row.name, createdMs: Number(row.created_ms), sizeBytes: Number(row.size_bytes) }));
    },
    streams(group, prefix) {
      flush();
      return selectStreams.all<StreamRow>(group, prefix, prefix).map((row) => {
        const first = forwards.get<EventRow>(row.key, 0, 1);
        const last = backwards.get<EventRow>(row.key, row.next_sequence, 1);
        return {
          name: row.name,
          createdMs: Number(row.created_ms),
          firstEventMs: first && Number(first.timestamp_ms),
          lastEventMs: last && Number(last.timestamp_ms),
          lastIngestedMs: last && Number(last.ingested_ms),
          sizeBytes: Number(row.size_bytes),
        };
      });
    },
    read(group, stream, { from, limit, backwards: isBackwards = false }) {
      flush();
      const row = selectStream.get<StreamRow>(group, stream);
      if (row === undefined) return [];
      const bound = Math.max(-1, Math.min(from, Number.MAX_SAFE_INTEGER));
      const rows = isBackwards
        ? backwards.all<EventRow>(row.key, bound, limit).reverse()
        : forwards.all<EventRow>(row.key, bound, limit);
      return rows.map(readEvent);
    },
  };
  return { port, flush };
}

function readEvent(row: EventRow): StoredLogEvent {
  return {
    sequence: Number(row.sequence),
    timestampMs: Number(row.timestamp_ms),
    ingestedMs: Number(row.ingested_ms),
    message: row.message,
  };
}
