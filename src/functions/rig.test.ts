// What the tests of this room share: a machine with functions made of source text, in a fresh folder.
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Clock } from "../ports/clock.ts";
import type { LogEvent, Logs } from "../ports/logs.ts";
import {
  type FunctionEnvironments,
  type FunctionEnvironmentsOptions,
  functionEnvironments,
} from "./function-environments.ts";
import type { FunctionSpec, Outcome } from "./function-spec.ts";

export const wallClock: Clock = {
  now: () => Date.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  uuid: () => randomUUID(),
  random: () => Math.random(),
};

/** Logs that keep every line in memory, by group. */
export function memoryLogs(): Logs & { lines(group: string): string[] } {
  const events = new Map<string, LogEvent[]>();
  return {
    append: (group, _stream, added) => void events.set(group, [...(events.get(group) ?? []), ...added]),
    lines: (group) => (events.get(group) ?? []).map(({ message }) => message),
    createGroup: () => {},
    createStream: () => {},
    deleteGroup: () => {},
    deleteStream: () => {},
    deleteBefore: () => {},
    groups: () => [],
    streams: () => [],
    read: () => [],
  };
}

export interface Machine {
  environments: FunctionEnvironments;
  folder: string;
  logs: ReturnType<typeof memoryLogs>;
  /** A function whose only file is this text. */
  define(source: string, spec?: Partial<FunctionSpec>): FunctionSpec;
  call(spec: FunctionSpec, event?: unknown): Promise<Outcome>;
  [Symbol.asyncDispose](): Promise<void>;
}

export function machine(options: Partial<FunctionEnvironmentsOptions> = {}): Machine {
  const folder = mkdtempSync(join(tmpdir(), "scones-functions-"));
  const logs = memoryLogs();
  const searchPath = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";
  const environments = functionEnvironments({
    folder: join(folder, "run"),
    logs,
    clock: wallClock,
    searchPath,
    ...options,
  });
  return {
    environments,
    folder,
    logs,
    define(source, changes = {}) {
      const isNode = changes.runtime?.startsWith("nodejs");
      const codeSha256 = createHash("sha256").update(source).digest("base64");
      const codeFolder = join(folder, "code", codeSha256.replaceAll(/\W/g, ""));
      const file = join(codeFolder, isNode ? "index.mjs" : "lambda_function.py");
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, source);
      const name = changes.name ?? "under-test";
      return {
        name,
        version: "$LATEST",
        arn: `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
        codeFolder,
        codeSha256,
        runtime: "python3.11",
        handler: isNode ? "index.handler" : "lambda_function.lambda_handler",
        timeoutMs: 10_000,
        memoryMb: 128,
        ephemeralStorageMb: 512,
        logGroup: `/aws/lambda/${name}`,
        log: { format: "Text", applicationLevel: "INFO", systemLevel: "INFO" },
        variables: {},
        ...changes,
      };
    },
    call(spec, event = {}) {
      const invokedArn = spec.arn;
      const text = Buffer.from(typeof event === "string" ? event : JSON.stringify(event));
      return environments.invoke(spec, { requestId: randomUUID(), event: text, invokedArn });
    },
    async [Symbol.asyncDispose]() {
      await environments.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const textOf = (outcome: Outcome): string => Buffer.from(outcome.payload).toString();
export const jsonOf = (outcome: Outcome): Record<string, unknown> => JSON.parse(textOf(outcome));
