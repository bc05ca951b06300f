import type {
  CreateLogGroupRequest,
  CreateLogStreamRequest,
  DeleteLogGroupRequest,
  DeleteLogStreamRequest,
  DeleteRetentionPolicyRequest,
  DescribeLogGroupsRequest,
  DescribeLogGroupsResponse,
  DescribeLogStreamsRequest,
  DescribeLogStreamsResponse,
  FilterLogEventsRequest,
  FilterLogEventsResponse,
  GetLogEventsRequest,
  GetLogEventsResponse,
  PutLogEventsRequest,
  PutLogEventsResponse,
  PutRetentionPolicyRequest,
} from "@aws-sdk/client-cloudwatch-logs";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { LogStream, Logs } from "../../ports/logs.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Service } from "../../wire/service.ts";
import { compilePattern } from "./filter-pattern.ts";
import { type FoundEvent, readEvents, searchEvents } from "./read-events.ts";
import { retention, retentionDays } from "./retention.ts";

const defaultPage = 50;
const defaultEvents = 10_000;
/** What PutLogEvents takes: two weeks of the past, two hours of the future. */
const oldestMs = 14 * 86_400_000;
const newestMs = 2 * 3_600_000;

export interface LogsServiceOptions {
  logs: Logs;
  resources: Resources;
  clock: Clock;
  report: (line: string, error?: unknown) => void;
}

export interface LogsService extends Service {
  close(): void;
}

/** CloudWatch Logs, as far as it takes to write and read log lines. */
export function logsService(options: LogsServiceOptions): LogsService {
  const { logs, clock } = options;
  const kept = retention(options);
  const groupOf = (input: { logGroupName?: string; logGroupIdentifier?: string }): string => {
    const identifier = input.logGroupName ?? input.logGroupIdentifier;
    if (identifier === undefined) throw invalid("Either logGroupName or logGroupIdentifier is required.");
    const name = identifier.startsWith("arn:") ? (identifier.split(":")[6] ?? "") : identifier;
    if (!logs.groups(name).some((group) => group.name === name)) throw missing("group");
    return name;
  };
  const streamOf = (group: string, name: string): LogStream => {
    const stream = logs.streams(group, name).find((candidate) => candidate.name === name);
    if (stream === undefined) throw missing("stream");
    return stream;
  };

  return {
    name: "logs",
    handlers: {
      async CreateLogGroup(input: CreateLogGroupRequest): Promise<object> {
        const name = input.logGroupName as string;
        if (logs.groups(name).some((group) => group.name === name)) throw taken("group");
        logs.createGroup(name);
        return {};
      },

      async CreateLogStream(input: CreateLogStreamRequest): Promise<object> {
        const group = groupOf(input);
        const name = input.logStreamName as string;
        if (logs.streams(group, name).some((stream) => stream.name === name)) throw taken("stream");
        logs.createStream(group, name);
        return {};
      },

      async DeleteLogGroup(input: DeleteLogGroupRequest): Promise<object> {
        const group = groupOf(input);
        logs.deleteGroup(group);
        kept.set(group, undefined);
        return {};
      },

      async DeleteLogStream(input: DeleteLogStreamRequest): Promise<object> {
        const group = groupOf(input);
        logs.deleteStream(group, streamOf(group, input.logStreamName as string).name);
        return {};
      },

      async PutRetentionPolicy(input: PutRetentionPolicyRequest): Promise<object> {
        const days = input.retentionInDays as number;
        if (!retentionDays.includes(days)) {
          throw invalid(
            `1 validation error detected: Value '${days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${retentionDays.join(", ")}]`,
          );
        }
        kept.set(groupOf(input), days);
        return {};
      },

      async DeleteRetentionPolicy(input: DeleteRetentionPolicyRequest): Promise<object> {
        kept.set(groupOf(input), undefined);
        return {};
      },

      async DescribeLogGroups(input: DescribeLogGroupsRequest, call: Call): Promise<DescribeLogGroupsResponse> {
        const { logGroupNamePrefix = "", logGroupNamePattern = "", nextToken, limit = defaultPage } = input;
        const all = logs.groups(logGroupNamePrefix).filter(({ name }) => name.includes(logGroupNamePattern));
        const { items, next } = page(all, { nextToken, limit });
        return {
          logGroups: items.map(({ name, createdMs, sizeBytes }) => ({
            logGroupName: name,
            creationTime: createdMs,
            retentionInDays: kept.get(name),
            metricFilterCount: 0,
            arn: `${groupArn(call, name)}:*`,
            storedBytes: sizeBytes,
            logGroupClass: "STANDARD",
            logGroupArn: groupArn(call, name),
          })),
          nextToken: next,
        };
      },

      async DescribeLogStreams(input: DescribeLogStreamsRequest, call: Call): Promise<DescribeLogStreamsResponse> {
        const {
          logStreamNamePrefix = "",
          orderBy = "LogStreamName",
          descending,
          nextToken,
          limit = defaultPage,
        } = input;
        if (orderBy === "LastEventTime" && logStreamNamePrefix !== "") {
          throw invalid("Cannot order by LastEventTime with a logStreamNamePrefix.");
        }
        const group = groupOf(input);
        const all = logs.streams(group, logStreamNamePrefix);
        if (orderBy === "LastEventTime") all.sort((a, b) => (a.lastEventMs ?? 0) - (b.lastEventMs ?? 0));
        if (descending === true) all.reverse();
        const { items, next } = page(all, { nextToken, limit });
        return {
          logStreams: items.map((stream) => ({
            logStreamName: stream.name,
            creationTime: stream.createdMs,
            firstEventTimestamp: stream.firstEventMs,
            lastEventTimestamp: stream.lastEventMs,
            lastIngestionTime: stream.lastIngestedMs,
            uploadSequenceToken: stream.lastIngestedMs === undefined ? undefined : "0",
            arn: `${groupArn(call, group)}:log-stream:${stream.name}`,
            storedBytes: 0, // As AWS answers since 2019; the group's size is true.
          })),
          nextToken: next,
        };
      },

      async PutLogEvents(input: PutLogEventsRequest): Promise<PutLogEventsResponse> {
        const group = groupOf(input);
        const { name } = streamOf(group, input.logStreamName as string);
        const nowMs = clock.now();
        const events = (input.logEvents ?? []).map(({ timestamp = 0, message = "" }) => ({
          timestampMs: timestamp,
          message,
        }));
        if (events.some((event, index) => event.timestampMs < (events[index - 1]?.timestampMs ?? 0))) {
          throw invalid("Log events in a single PutLogEvents request must be in chronological order.");
        }
        const tooOld = events.findLastIndex(({ timestampMs }) => timestampMs < nowMs - oldestMs) + 1;
        const days = kept.get(group);
        const expired =
          days === undefined
            ? 0
            : events.findLastIndex(({ timestampMs }) => timestampMs < nowMs - days * 86_400_000) + 1;
        const tooNew = events.findIndex(({ timestampMs }) => timestampMs > nowMs + newestMs);
        logs.append(group, name, events.slice(Math.max(tooOld, expired), tooNew === -1 ? undefined : tooNew));
        const isRejected = tooOld > 0 || expired > 0 || tooNew !== -1;
        return {
          nextSequenceToken: "0",
          rejectedLogEventsInfo: isRejected
            ? {
                expiredLogEventEndIndex: expired > 0 ? expired : undefined,
                tooOldLogEventEndIndex: tooOld > 0 ? tooOld : undefined,
                tooNewLogEventStartIndex: tooNew === -1 ? undefined : tooNew,
              }
            : undefined,
        };
      },

      async GetLogEvents(input: GetLogEventsRequest): Promise<GetLogEventsResponse> {
        const { startTime, endTime, startFromHead = false, nextToken, limit = defaultEvents } = input;
        const group = groupOf(input);
        const { name } = streamOf(group, input.logStreamName as string);
        const { events, forward, backward } = readEvents(logs, {
          group,
          stream: name,
          limit,
          position: nextToken === undefined ? undefined : parsePosition(nextToken),
          startFromHead,
          isWanted: ({ timestampMs }) =>
            (startTime === undefined || timestampMs >= startTime) && (endTime === undefined || timestampMs < endTime),
        });
        return {
          events: events.map(({ timestampMs, message, ingestedMs }) => ({
            timestamp: timestampMs,
            message,
            ingestionTime: ingestedMs,
          })),
          nextForwardToken: `f/${String(forward).padStart(56, "0")}/s`,
          nextBackwardToken: `b/${String(backward).padStart(56, "0")}/s`,
        };
      },

      async FilterLogEvents(input: FilterLogEventsRequest): Promise<FilterLogEventsResponse> {
        const { logStreamNames, logStreamNamePrefix = "", startTime, endTime, filterPattern = "", nextToken } = input;
        const group = groupOf(input);
        const isMatch = compilePattern(filterPattern);
        const streams = logs
          .streams(group, logStreamNamePrefix)
          .map(({ name }) => name)
          .filter((name) => logStreamNames === undefined || logStreamNames.includes(name));
        const { events, next } = searchEvents(logs, {
          group,
          streams,
          limit: input.limit ?? defaultEvents,
          after: nextToken === undefined ? undefined : (decode(nextToken) as FoundEvent | undefined),
          isWanted: ({ timestampMs, message }) =>
            (startTime === undefined || timestampMs >= startTime) &&
            (endTime === undefined || timestampMs < endTime) &&
            isMatch(message),
        });
        return {
          events: events.map(({ stream, timestampMs, ingestedMs, message, sequence }) => ({
            logStreamName: stream,
            timestamp: timestampMs,
            message,
            ingestionTime: ingestedMs,
            eventId: `${stream}:${sequence}`,
          })),
          searchedLogStreams: [],
          nextToken: next === undefined ? undefined : encode(next),
        };
      },
    },
    close: kept.close,
  };
}

function groupArn({ region, accountId }: Call, name: string): string {
  return `arn:aws:logs:${region}:${accountId}:log-group:${name}`;
}

/** Never a token when the last page was served: clients go on for as long as there is one. */
function page<T extends { name: string }>(
  all: readonly T[],
  { nextToken, limit }: { nextToken?: string; limit: number },
): { items: T[]; next?: string } {
  const after = nextToken === undefined ? undefined : decode(nextToken);
  const start = after === undefined ? 0 : all.findIndex(({ name }) => name === after) + 1;
  if (after !== undefined && start === 0) throw invalid("The specified nextToken is invalid.");
  const items = all.slice(start, start + limit);
  return { items, next: start + limit < all.length ? encode(items.at(-1)?.name) : undefined };
}

function parsePosition(token: string): { direction: "f" | "b"; sequence: number } {
  const match = /^([fb])\/(-?\d+|0+-1)\/s$/.exec(token);
  if (match === null) throw invalid("The specified nextToken is invalid.");
  const digits = match[2] as string;
  return { direction: match[1] as "f" | "b", sequence: digits.endsWith("-1") ? -1 : Number(digits) };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    throw invalid("The specified nextToken is invalid.");
  }
}

function invalid(text: string): Fault {
  return new Fault("InvalidParameterException", text);
}

function missing(what: "group" | "stream"): Fault {
  return new Fault("ResourceNotFoundException", `The specified log ${what} does not exist.`);
}

function taken(what: "group" | "stream"): Fault {
  return new Fault("ResourceAlreadyExistsException", `The specified log ${what} already exists`);
}
