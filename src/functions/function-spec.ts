import type { LogFormat } from "./platform-lines.ts";

/** Everything an environment must know of a function version. Two specs that differ in any field never share an environment. */
export interface FunctionSpec {
  name: string;
  /** `$LATEST` or a number. */
  version: string;
  /** The function's own ARN, without a qualifier. */
  arn: string;
  /** The unpacked code: a folder that nobody changes any more. */
  codeFolder: string;
  /** Base64 of the package's SHA-256. */
  codeSha256: string;
  /** Such as `python3.12` or `nodejs20.x`. */
  runtime: string;
  handler: string;
  timeoutMs: number;
  memoryMb: number;
  ephemeralStorageMb: number;
  logGroup: string;
  log: LogFormat;
  /** The user's own environment variables. */
  variables: Readonly<Record<string, string>>;
  /** At most this many at a time, then 429; absent: the environments' own bound, and callers wait their turn. */
  reservedConcurrency?: number;
}

/** One call of a function. */
export interface Invocation {
  requestId: string;
  /** JSON text. */
  event: Uint8Array;
  /** As the caller wrote it. */
  invokedArn: string;
  clientContext?: string;
  /** Takes the result in parts while the function makes it; without, or where the function does not stream, it comes whole. */
  stream?: ResponseStream;
}

export interface ResponseStream {
  /** Resolves when more is welcome. */
  write(chunk: Uint8Array): Promise<void>;
}

export interface Outcome {
  /** The handler's bytes, or an error object as JSON; empty after a result that was streamed. */
  payload: Uint8Array;
  isError: boolean;
  /** From when the event was handed out, as the REPORT line says. */
  durationMs: number;
  /** The last 4 KB of the invocation's log. */
  logTail: string;
}
