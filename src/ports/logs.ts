/** Log groups and streams: functions, training jobs and endpoints write them, CloudWatch Logs reads them. */
export interface Logs {
  /** Creates group and stream when missing. Lines keep their order. Never throws for a full log: it drops the oldest. */
  append(group: string, stream: string, events: readonly LogEvent[]): void;
  createGroup(group: string): void;
  createStream(group: string, stream: string): void;
  deleteGroup(group: string): void;
  deleteStream(group: string, stream: string): void;
  /** Drops the group's lines that are older. */
  deleteBefore(group: string, beforeMs: number): void;
  groups(prefix: string): LogGroup[];
  streams(group: string, prefix: string): LogStream[];
  /**
   * Events of one stream in order, at most `limit`: from sequence number `from` on, or, backwards, the last ones up to and
   * including `from` (still in ascending order).
   */
  read(group: string, stream: string, options: { from: number; limit: number; backwards?: boolean }): StoredLogEvent[];
}

/** Old lines of a stream are dropped beyond this: some 20 MB of usual lines, more than anybody reads. */
export const maxEventsPerLogStream = 200_000;

export interface LogEvent {
  timestampMs: number;
  message: string;
}

export interface StoredLogEvent extends LogEvent {
  /** Position in the stream: 0, 1, 2 ... */
  sequence: number;
  ingestedMs: number;
}

export interface LogGroup {
  name: string;
  createdMs: number;
  sizeBytes: number;
}

export interface LogStream {
  name: string;
  createdMs: number;
  firstEventMs?: number;
  lastEventMs?: number;
  lastIngestedMs?: number;
  sizeBytes: number;
}
