import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Blobs } from "../../../ports/blobs.ts";
import type { ServiceEvent } from "../../../ports/events.ts";
import { memoryLogs } from "../../../ports/memory-logs.ts";
import { memoryMetrics } from "../../../ports/memory-metrics.ts";
import { memoryResources } from "../../../ports/memory-resources.ts";
import type { Operations } from "../../../ports/operations.ts";
import { packFolder } from "../../../serve/pack-folder.ts";
import { writeTinyModel } from "../../../serve/testing/tiny-model.ts";
import { memoryBlobs, realClock } from "../../../serve/testing/world.ts";
import { testCall } from "../../../wire/testing/call.ts";
import { type SagemakerOptions, sagemakerService } from "../sagemaker-service.ts";

const call = testCall({ accountId: "123456789012" });

/** A service with memory behind it and real processes, for tests; `start` begins it again upon the same memory. */
export function testWorld(options: Partial<SagemakerOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "sagemaker-"));
  const memory = {
    resources: memoryResources(realClock),
    blobs: memoryBlobs(),
    logs: memoryLogs(realClock),
  };
  const events: ServiceEvent[] = [];
  const problems: string[] = [];
  const metrics = memoryMetrics();
  const calls: { operation: string; input: object }[] = [];
  const start = () => {
    const sagemaker = sagemakerService({
      ...memory,
      clock: realClock,
      directory,
      region: call.region,
      accountId: call.accountId,
      operations: operationsNoting(calls, memory.blobs),
      metrics,
      events: { announce: async (event) => void events.push(event) },
      report: (message, error) => problems.push(`${message}: ${(error as Error).message}`),
      programEnvironment: () => ({ PATH: "/usr/local/bin:/usr/bin:/bin" }),
      algorithms: {},
      ...options,
    });
    sagemaker.resume();
    // biome-ignore lint/suspicious/noExplicitAny: tests read members of many different answers
    const ask = async (operation: string, input: object): Promise<any> => {
      const handler = sagemaker.service.handlers[operation];
      if (handler === undefined) throw new Error(`there is no operation ${operation}`);
      return handler(input, call);
    };
    return { ...sagemaker, ask };
  };
  return {
    ...memory,
    directory,
    events,
    problems,
    metrics,
    calls,
    start,
    forget: () => rmSync(directory, { recursive: true }),
  };
}

/** Stores a tiny model's package at `bucket/name.tar.gz`. */
export async function storeModel(world: ReturnType<typeof testWorld>, name: string, strength: number): Promise<string> {
  const folder = join(world.directory, `made-${name}`);
  writeTinyModel(folder, strength);
  await world.blobs.put(`bucket/${name}.tar.gz`, packFolder(folder));
  return `s3://bucket/${name}.tar.gz`;
}

/** One red pixel, as a bitmap file: this room does not draw. */
export function redPicture(): Uint8Array {
  const file = Buffer.alloc(58);
  file.write("BM", "latin1");
  file.writeUInt32LE(58, 2);
  file.writeUInt32LE(54, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(1, 18);
  file.writeInt32LE(1, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  file.set([0, 0, 255], 54);
  return file;
}

/** The other services, which take everything and store objects; what they were asked is in `calls`. */
function operationsNoting(calls: { operation: string; input: object }[], blobs: Blobs): Operations {
  return {
    has: () => true,
    call: async (service, operation, input) => {
      calls.push({ operation: `${service}:${operation}`, input });
      const { Bucket, Key, Body } = input as { Bucket: string; Key: string; Body: Uint8Array };
      if (operation === "PutObject") await blobs.put(`${Bucket}/${Key}`, Body);
      return { output: {}, requestId: "r" };
    },
  };
}
