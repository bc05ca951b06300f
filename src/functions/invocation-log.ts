// The log of one environment: its output as lines, and START, END and REPORT around each invocation.
//
// L1. What an environment may write per invocation is bounded; what is beyond is counted, not kept.
// L2. A process that floods its output is slowed down to a rate that leaves the server free for others.
import type { Readable } from "node:stream";
import type { Clock } from "../ports/clock.ts";
import type { LogEvent, Logs } from "../ports/logs.ts";
import type { PlatformLines, Report } from "./platform-lines.ts";

/** Far above what a useful log needs, far below what would hurt: 1 MiB of output per invocation. */
export const maxOutputBytes = 1024 * 1024;
/** CloudWatch's own limit of one event is 256 KiB; a line that is longer is cut into several. */
const maxLineBytes = 256 * 1024;
/** AWS answers the last 4 KB of the log. */
const tailBytes = 4096;
/** A flood is read at about 64 KiB per this many milliseconds. */
const floodPauseMs = 4;

export interface InvocationLog {
  readonly stream: string;
  /** Takes everything the process writes there from now on. */
  follow(output: Readable): void;
  /** Lines of the platform's own. */
  write(lines: readonly string[]): void;
  start(requestId: string, version: string): void;
  /** Ends the invocation's part, and answers its last 4 KB. */
  end(report: Report): string;
}

export interface InvocationLogOptions {
  logs: Logs;
  clock: Clock;
  group: string;
  version: string;
  lines: PlatformLines;
}

export function invocationLog(options: InvocationLogOptions): InvocationLog {
  const { logs, clock, group, lines: platform } = options;
  const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll("-", "/");
  const stream = `${day}/[${options.version}]${clock.uuid().replaceAll("-", "")}`;
  let tail: string[] = [];
  let tailSize = 0;
  let writtenBytes = 0;
  let droppedBytes = 0;
  const partial = new Map<Readable, { parts: Buffer[]; sizeBytes: number }>();

  function append(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const timestampMs = clock.now();
    const events: LogEvent[] = lines.map((message) => ({ timestampMs, message }));
    logs.append(group, stream, events);
    for (const line of lines) {
      tail.push(`${line}\n`);
      tailSize += line.length + 1;
    }
    while (tail.length > 1 && tailSize - tail[0]!.length > tailBytes) tailSize -= tail.shift()!.length;
  }

  function take(output: Readable, chunk: Buffer): void {
    const room = maxOutputBytes - writtenBytes;
    if (room <= 0) {
      droppedBytes += chunk.byteLength;
      output.pause();
      setTimeout(() => output.resume(), floodPauseMs);
      return;
    }
    writtenBytes += Math.min(room, chunk.byteLength);
    droppedBytes += Math.max(0, chunk.byteLength - room);
    const pending = partial.get(output) ?? { parts: [], sizeBytes: 0 };
    const lines: string[] = [];
    let rest = chunk.subarray(0, room);
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      lines.push(Buffer.concat([...pending.parts, rest.subarray(0, at)]).toString());
      pending.parts = [];
      pending.sizeBytes = 0;
      rest = rest.subarray(at + 1);
    }
    if (rest.byteLength > 0) pending.parts.push(Buffer.from(rest));
    pending.sizeBytes += rest.byteLength;
    if (pending.sizeBytes >= maxLineBytes) {
      lines.push(Buffer.concat(pending.parts).toString());
      pending.parts = [];
      pending.sizeBytes = 0;
    }
    partial.set(output, pending);
    append(lines);
  }

  function flush(): void {
    const open = [...partial.values()].filter(({ sizeBytes }) => sizeBytes > 0);
    append(open.map(({ parts }) => Buffer.concat(parts).toString()));
    partial.clear();
    if (droppedBytes > 0) append([`[scones] ${droppedBytes} bytes of output beyond ${maxOutputBytes} were dropped`]);
    writtenBytes = 0;
    droppedBytes = 0;
  }

  return {
    stream,
    follow: (output) => {
      output.on("data", (chunk: Buffer) => take(output, chunk));
      output.on("error", () => {}); // the process is gone: its exit is what counts
    },
    write: append,
    start(requestId, version) {
      flush();
      tail = [];
      tailSize = 0;
      append(platform.start(requestId, version));
    },
    end(report) {
      flush();
      append(platform.end(report));
      return Buffer.from(tail.join("")).subarray(-tailBytes).toString();
    },
  };
}
