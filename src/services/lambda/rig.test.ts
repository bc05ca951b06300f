// What the tests of this room share: the service over real function environments, in a fresh folder.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { functionEnvironments } from "../../functions/function-environments.ts";
import { systemClock } from "../../kit/clock.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logs } from "../../ports/logs.ts";
import { memoryMetrics } from "../../ports/memory-metrics.ts";
import { memoryResources } from "../../ports/memory-resources.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Call } from "../../wire/service.ts";
import { lambdaService } from "./lambda-service.ts";
import { zipOf } from "./zips.test.ts";

const role = "arn:aws:iam::123456789012:role/functions";
export const arn = "arn:aws:lambda:us-east-1:123456789012:function:greet";
export const code = (text: string) => zipOf([{ name: "index.mjs", text }]);
export const greet =
  "export const handler = async (event, context) => ({ hello: event.name ?? 'nobody', arn: context.invokedFunctionArn });";

export const failing = 'export const handler = async (event) => { throw new RangeError("no " + event.n); };';

export function service({ isHurried = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "scones-lambda-"));
  const clock = systemClock();
  const lines: string[] = [];
  const reports: string[] = [];
  const objects = new Map<string, Buffer>();
  const logs = {
    append: (_group, _stream, events) => void lines.push(...events.map(({ message }) => message)),
  } as Pick<Logs, "append"> as Logs;
  const blobs = {
    get: async (key: string) => {
      const bytes = objects.get(key);
      return bytes && { sizeBytes: bytes.byteLength, body: Readable.from([bytes]) };
    },
  } as unknown as Blobs;
  const resources = memoryResources(clock);
  const environments = functionEnvironments({ folder: join(folder, "run"), logs, clock, searchPath: "/usr/bin:/bin" });
  const pausesMs: number[] = [];
  const sent: { operation: string; input: Record<string, unknown> }[] = [];
  const operations: Operations = {
    has: () => true,
    async call(_service, operation, input) {
      sent.push({ operation, input: input as Record<string, unknown> });
      return { output: {}, requestId: "" };
    },
  };
  // Minutes pass at once, so that pauses of AWS's length can be waited for.
  let skippedMs = 0;
  const metrics = memoryMetrics();
  const hurried: Clock = {
    ...clock,
    now: () => clock.now() + skippedMs,
    schedule(delayMs, callback) {
      pausesMs.push(delayMs);
      if (delayMs < 60_000 || !isHurried) return clock.schedule(delayMs, callback);
      return clock.schedule(1, () => {
        skippedMs += delayMs;
        callback();
      });
    },
  };
  const start = () =>
    lambdaService({
      ...{ resources, blobs, environments, operations, metrics, clock: hurried, folder },
      ...{ region: "us-east-1", accountId: "123456789012" },
      report: (text) => void reports.push(text),
    });
  const it = {
    ...{ lines, reports, objects, resources, pausesMs, sent, metrics },
    lambda: start(),
    async call(operation: string, input: object): Promise<Record<string, unknown>> {
      return (await it.lambda.service.handlers[operation]!(input, callOf())) as Record<string, unknown>;
    },
    create: (input: object) =>
      it.call("CreateFunction", {
        FunctionName: "greet",
        Role: role,
        Runtime: "nodejs20.x",
        Handler: "index.handler",
        ...input,
      }),
    restart() {
      it.lambda = start();
      it.lambda.start();
    },
    async until(holds: () => boolean): Promise<void> {
      for (let i = 0; i < 500 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(holds(), "waited ten seconds");
    },
    async [Symbol.asyncDispose]() {
      await it.lambda.close();
      await environments.close();
      rmSync(folder, { recursive: true });
    },
  };
  return it;
}

function callOf(): Call {
  const { signal } = new AbortController();
  return {
    requestId: randomUUID(),
    region: "us-east-1",
    accountId: "123456789012",
    baseUrl: "http://127.0.0.1",
    signal,
  };
}
