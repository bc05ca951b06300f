// The service on a disk of its own, with destinations that keep what they are told.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { diskBlobs } from "../../../blobs/disk.ts";
import { Fault } from "../../../kit/fault.ts";
import type { ServiceEvent } from "../../../ports/events.ts";
import { type TestClock, testClock } from "../../../ports/test-clock.ts";
import { sqliteStore } from "../../../store/sqlite.ts";
import { testCall } from "../../../wire/testing/call.ts";
import { s3Service } from "../s3-service.ts";

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would
export type Answer = any;

/** What was sent, and by which operation. */
export interface Told {
  to: string;
  message: Answer;
}

export interface Reopened {
  region?: string;
  directory?: string;
  clock?: TestClock;
}

export async function openS3(context: TestContext, options: Reopened = {}) {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "scones-s3-"));
  const clock = options.clock ?? testClock();
  const blobs = await diskBlobs({ directory, clock, smallestPartBytes: 1 });
  const store = sqliteStore({ file: join(directory, "store", "scones.db"), clock });
  const events: ServiceEvent[] = [];
  const told: Told[] = [];
  const missing = new Set<string>();
  let refusals = 0;
  const service = s3Service({
    blobs,
    resources: store.resources,
    clock,
    functions: {
      invoke: async (name, payload) => {
        told.push({ to: name, message: JSON.parse(Buffer.from(payload).toString()) });
        return { payload: new Uint8Array(), executedVersion: "$LATEST", requestId: "request", logTail: "" };
      },
    },
    operations: {
      has: () => true,
      call: async (_service, operation, input) => {
        const members = input as { QueueUrl?: string; MessageBody?: string; TopicArn?: string; Message?: string };
        const name = Object.values(input)[0] as string;
        if (missing.has(name)) throw new Fault("NotFound", "it is not there", { status: 404 });
        if (refusals > 0) {
          refusals--;
          throw new Fault("ServiceUnavailable", "not now", { status: 503 });
        }
        const text = members.MessageBody ?? members.Message;
        if (text !== undefined) told.push({ to: operation, message: JSON.parse(text) });
        return { output: {}, requestId: "request" };
      },
    },
    events: { announce: async (event) => void events.push(event) },
    report: (what, error) => assert.fail(`${what}: ${error}`),
    largestObjectBytes: 1_000_000,
  });
  const close = async (): Promise<void> => {
    await service.close();
    await blobs.close();
    store.close();
  };
  context.after(async () => {
    await close();
    rmSync(directory, { recursive: true, force: true });
  });
  const about = testCall({ region: options.region ?? "us-east-1" });
  const call = async (operation: string, input: object): Promise<Answer> => service.handlers[operation]?.(input, about);
  /** Lets what was noted be told, and what waits for a time come due. */
  const deliver = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(1000);
    }
  };
  return {
    call,
    events,
    told,
    missing,
    refuse: (times: number) => (refusals = times),
    deliver,
    directory,
    clock,
    close,
    objects: service.objects,
    pages: service.pages,
    about,
  };
}

export async function openBucket(context: TestContext) {
  const opened = await openS3(context);
  await opened.call("CreateBucket", { Bucket: "b-1" });
  const put = (Key: string, text: string): Promise<Answer> =>
    opened.call("PutObject", { Bucket: "b-1", Key, Body: Buffer.from(text) });
  return { ...opened, put };
}

export async function textOf(body: Readable | Buffer): Promise<string> {
  return Buffer.isBuffer(body) ? body.toString() : Buffer.concat(await body.toArray()).toString();
}

export function faultOf(code: string, status = 400): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.deepEqual([error.code, error.status], [code, status]);
    return true;
  };
}

/** As headers carry it. */
export function base64Of(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString("base64");
}
