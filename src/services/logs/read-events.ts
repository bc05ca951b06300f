import type { Logs, StoredLogEvent } from "../../ports/logs.ts";

/** An answer holds at most 1 MiB of lines, as AWS has it; each line counts 26 bytes more. */
const maxAnswerBytes = 2 ** 20;
const overheadBytes = 26;
const chunkSize = 1_000;

export interface ReadOptions {
  group: string;
  stream: string;
  limit: number;
  /** Where a token says to go on: from this sequence number, upwards or downwards. */
  position: { direction: "f" | "b"; sequence: number } | undefined;
  startFromHead: boolean;
  isWanted: (event: StoredLogEvent) => boolean;
}

/**
 * One page of a stream, always in ascending order, and where the pages after and before it begin. A page that is empty
 * because the end was reached answers the position it was asked with, which is how clients know.
 */
export function readEvents(
  logs: Logs,
  options: ReadOptions,
): { events: StoredLogEvent[]; forward: number; backward: number } {
  const { position, startFromHead } = options;
  const isForward = position === undefined ? startFromHead : position.direction === "f";
  const start = position?.sequence ?? (startFromHead ? 0 : Number.MAX_SAFE_INTEGER);
  const { events, next } = collect(logs, options, { start, isForward });
  const first = events[0];
  const last = events.at(-1);
  if (first === undefined || last === undefined) {
    const end = start === Number.MAX_SAFE_INTEGER ? 0 : start;
    return isForward
      ? { events, forward: end, backward: end - 1 }
      : { events, forward: end + (position ? 1 : 0), backward: end };
  }
  return isForward
    ? { events, forward: next, backward: first.sequence - 1 }
    : { events, forward: last.sequence + 1, backward: next };
}

function collect(
  logs: Logs,
  { group, stream, limit, isWanted }: ReadOptions,
  { start, isForward }: { start: number; isForward: boolean },
): { events: StoredLogEvent[]; next: number } {
  const events: StoredLogEvent[] = [];
  let bytes = 0;
  let next = start;
  for (;;) {
    const chunk = logs.read(group, stream, { from: next, limit: chunkSize, backwards: !isForward });
    if (!isForward) chunk.reverse();
    for (const event of chunk) {
      if (isWanted(event)) {
        bytes += Buffer.byteLength(event.message) + overheadBytes;
        if (events.length === limit || (events.length > 0 && bytes > maxAnswerBytes)) return finish();
        events.push(event);
      }
      next = event.sequence + (isForward ? 1 : -1);
    }
    if (chunk.length < chunkSize) return finish();
  }

  function finish() {
    if (!isForward) events.reverse();
    return { events, next };
  }
}

/** A line of one of several streams; together they say where a search stands. */
export interface FoundEvent {
  timestampMs: number;
  stream: string;
  sequence: number;
}

/** Wanted lines of several streams in order of time, after `after`. */
export function searchEvents(
  logs: Logs,
  options: {
    group: string;
    streams: readonly string[];
    limit: number;
    after: FoundEvent | undefined;
    isWanted: (event: StoredLogEvent) => boolean;
  },
): { events: (StoredLogEvent & FoundEvent)[]; next?: FoundEvent } {
  const { group, streams, limit, after, isWanted } = options;
  let found: (StoredLogEvent & FoundEvent)[] = [];
  for (const stream of streams) {
    for (let from = 0; ; ) {
      const chunk = logs.read(group, stream, { from, limit: chunkSize });
      const wanted = chunk.filter(isWanted).map((event) => ({ ...event, stream }));
      found.push(...wanted.filter((event) => after === undefined || compare(event, after) > 0));
      // Only the first `limit` can be answered: memory stays bounded however much matches.
      if (found.length > 2 * (limit + chunkSize)) found = found.sort(compare).slice(0, limit + 1);
      if (chunk.length < chunkSize) break;
      from = (chunk.at(-1) as StoredLogEvent).sequence + 1;
    }
  }
  found.sort(compare);
  const events = found.slice(0, limit);
  const last = events.at(-1);
  if (found.length <= limit || last === undefined) return { events };
  const { timestampMs, stream, sequence } = last;
  return { events, next: { timestampMs, stream, sequence } };
}

function compare(a: FoundEvent, b: FoundEvent): number {
  if (a.timestampMs !== b.timestampMs) return a.timestampMs - b.timestampMs;
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1;
  return a.sequence - b.sequence;
}
