import type { HistoryEvent } from "../../asl/contract.ts";
import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import { type LogEvent, type Logs, maxEventsPerLogStream } from "../../ports/logs.ts";
import type { Logged } from "./engine-contract.ts";
import type { ExecutionDetails } from "./execution-records.ts";
import { dataMembers, withoutData } from "./history-data.ts";

/*
 * Executions in CloudWatch Logs: what of the history is logged, how a line looks, and the stream it goes to. Lines leave with the
 * commit that holds their events (through the outbox), so a crash may write one twice and loses none of a STANDARD execution.
 */

export interface LogMessage {
  kind: "log";
  /** Of the execution. */
  id: string;
  group: string;
  machineName: string;
  lines: LogEvent[];
}

interface LoggingConfiguration {
  level?: "ALL" | "ERROR" | "FATAL" | "OFF";
  includeExecutionData?: boolean;
  destinations?: { cloudWatchLogsLogGroup?: { logGroupArn?: string } }[];
}

/** As AWS documents them: `FATAL` is how executions end badly; `ERROR` adds what failed, timed out or was aborted on the way. */
const loggedAt = {
  ALL: /^/,
  ERROR: /(Failed|TimedOut|Aborted)$|^FailStateEntered$/,
  FATAL: /^Execution(Failed|TimedOut|Aborted)$/,
};
/** CloudWatch Logs takes no longer event. */
const maxLineBytes = 256 * 1024;
/** What is left of input or output in a line that would be longer. */
const shortenedTo = 16 * 1024;
/** A stream is followed by another one after so many lines, or a day: below where the oldest lines of a stream are dropped. */
const maxLinesPerStream = maxEventsPerLogStream / 2;
const maxStreamAgeMs = 86_400_000;
/** Streams that are remembered as open; a forgotten one is followed by a new one. */
const maxOpenStreams = 1_000;

/** What a commit must have written, if its machine is logged at all. */
export function logMessages({ id, details, redriveCount, events }: Logged): LogMessage[] {
  const { settings, arn, machineName } = details as unknown as ExecutionDetails;
  const configuration = settings?.loggingConfiguration as LoggingConfiguration | undefined;
  const { level = "OFF", includeExecutionData = false, destinations = [] } = configuration ?? {};
  const group = groupOf(destinations[0]?.cloudWatchLogsLogGroup?.logGroupArn ?? "");
  if (level === "OFF" || group === "") return [];
  const lines = events
    .filter(({ type }) => loggedAt[level].test(type))
    .map((event) => ({
      timestampMs: event.timestampMs,
      message: lineOf(event, { arn, redriveCount, withData: includeExecutionData }),
    }));
  return lines.length === 0 ? [] : [{ kind: "log", id, group, machineName, lines }];
}

/** `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*` */
export function groupOf(logGroupArn: string): string {
  return logGroupArn.split(":")[6] ?? "";
}

/** All numbers are texts, as in the lines that AWS writes. */
function lineOf(
  { id, type, details, previousEventId, timestampMs }: HistoryEvent,
  { arn, redriveCount, withData }: { arn: string; redriveCount: number; withData: boolean },
): string {
  const written = (shown: HistoryEvent["details"]): string =>
    JSON.stringify({
      id: String(id),
      type,
      details: shown ?? {},
      previous_event_id: String(previousEventId),
      event_timestamp: String(timestampMs),
      execution_arn: arn,
      redrive_count: String(redriveCount),
    });
  const line = written(withData || details === undefined ? details : withoutData(details));
  return line.length * 3 <= maxLineBytes || Buffer.byteLength(line) <= maxLineBytes
    ? line
    : written(shortened(details));
}

function shortened(details: { [name: string]: Json } = {}): { [name: string]: Json } {
  const short = { ...details };
  for (const [name, value] of Object.entries(details)) {
    if (!dataMembers.has(name) && name !== "cause") continue;
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (text.length <= shortenedTo) continue;
    short[name] = text.slice(0, shortenedTo);
    if (short[`${name}Details`] !== undefined) short[`${name}Details`] = { truncated: true };
  }
  return short;
}

export function executionLog({ logs, clock }: { logs: Logs; clock: Clock }): { write(message: LogMessage): void } {
  const open = new Map<string, { name: string; openedMs: number; lines: number }>();

  const streamFor = (key: string, machineName: string, more: number): string => {
    const nowMs = clock.now();
    const known = open.get(key);
    open.delete(key);
    const isFull =
      known !== undefined && (known.lines + more > maxLinesPerStream || nowMs - known.openedMs > maxStreamAgeMs);
    const minute = new Date(nowMs).toISOString().slice(0, 16).replace(/[T:]/g, "-");
    const stream =
      known === undefined || isFull
        ? { name: `states/${machineName}/${minute}/${clock.uuid().slice(0, 8)}`, openedMs: nowMs, lines: 0 }
        : known;
    stream.lines += more;
    open.set(key, stream); // The map's order is that of last use.
    const oldest = open.keys().next();
    if (open.size > maxOpenStreams && !oldest.done) open.delete(oldest.value);
    return stream.name;
  };

  return {
    write({ group, machineName, lines }) {
      // A group that was deleted since is not made again.
      if (!logs.groups(group).some(({ name }) => name === group)) return;
      logs.append(group, streamFor(`${group}\n${machineName}`, machineName, lines.length), lines);
    },
  };
}
