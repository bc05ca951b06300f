import type { Clock } from "./clock.ts";
import { type Logs, maxEventsPerLogStream, type StoredLogEvent } from "./logs.ts";

interface Stream {
  createdMs: number;
  events: StoredLogEvent[];
  nextSequence: number;
}

export function memoryLogs(clock: Clock): Logs {
  const groups = new Map<string, { createdMs: number; streams: Map<string, Stream> }>();
  const groupOf = (name: string) => {
    const group = groups.get(name) ?? { createdMs: clock.now(), streams: new Map<string, Stream>() };
    groups.set(name, group);
    return group;
  };
  const streamOf = (groupName: string, name: string) => {
    const { streams } = groupOf(groupName);
    const stream = streams.get(name) ?? { createdMs: clock.now(), events: [], nextSequence: 0 };
    streams.set(name, stream);
    return stream;
  };
  const bytesOf = (stream: Stream) => stream.events.reduce((sum, { message }) => sum + Buffer.byteLength(message), 0);
  return {
    append(group, name, events) {
      const stream = streamOf(group, name);
      for (const { timestampMs, message } of events) {
        stream.events.push({ timestampMs, message, sequence: stream.nextSequence++, ingestedMs: clock.now() });
      }
      if (stream.events.length > maxEventsPerLogStream) stream.events = stream.events.slice(-maxEventsPerLogStream);
    },
    createGroup: (group) => void groupOf(group),
    createStream: (group, stream) => void streamOf(group, stream),
    deleteGroup: (group) => void groups.delete(group),
    deleteStream: (group, stream) => void groups.get(group)?.streams.delete(stream),
    deleteBefore(group, beforeMs) {
      for (const stream of groups.get(group)?.streams.values() ?? []) {
        stream.events = stream.events.filter(({ timestampMs }) => timestampMs >= beforeMs);
      }
    },
    groups: (prefix) =>
      byName(groups, prefix).map(([name, { createdMs, streams }]) => ({
        name,
        createdMs,
        sizeBytes: [...streams.values()].reduce((sum, stream) => sum + bytesOf(stream), 0),
      })),
    streams: (group, prefix) =>
      byName(groups.get(group)?.streams ?? new Map<string, Stream>(), prefix).map(([name, stream]) => ({
        name,
        createdMs: stream.createdMs,
        firstEventMs: stream.events[0]?.timestampMs,
        lastEventMs: stream.events.at(-1)?.timestampMs,
        lastIngestedMs: stream.events.at(-1)?.ingestedMs,
        sizeBytes: bytesOf(stream),
      })),
    read(group, name, { from, limit, backwards = false }) {
      const events = groups.get(group)?.streams.get(name)?.events ?? [];
      if (!backwards) return events.filter(({ sequence }) => sequence >= from).slice(0, limit);
      return events.filter(({ sequence }) => sequence <= from).slice(-limit);
    },
  };
}

function byName<T>(map: Map<string, T>, prefix: string): [string, T][] {
  return [...map].filter(([name]) => name.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
}
