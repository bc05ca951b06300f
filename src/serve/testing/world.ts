import { createHash, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { BlobBody, BlobInfo, Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logs } from "../../ports/logs.ts";

// Small honest ports for the tests of this room and of the services above it.

/** The machine's own clock, for tests with real processes. */
export const realClock: Clock = {
  now: () => Date.now(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  uuid: () => randomUUID(),
  random: () => Math.random(),
};

/** A clock that stands still until it is moved. */
export function handClock(startMs: number): Clock & { advance(ms: number): Promise<void> } {
  let now = startMs;
  let ids = 0;
  let timers: { dueMs: number; callback: () => void }[] = [];
  return {
    now: () => now,
    schedule: (delayMs, callback) => {
      const timer = { dueMs: now + delayMs, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    uuid: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`,
    random: () => 0.5,
    advance: async (ms) => {
      const until = now + ms;
      for (;;) {
        await settled();
        const next = timers.filter(({ dueMs }) => dueMs <= until).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined) break;
        timers = timers.filter((timer) => timer !== next);
        now = Math.max(now, next.dueMs);
        next.callback();
      }
      now = until;
      await settled();
    },
  };
}

/** Lets everything that waits for no timer happen. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Only what serving and training use of the port. */
export function memoryBlobs(): Blobs & { contents: Map<string, Buffer>; puts: string[]; failPuts: boolean } {
  const contents = new Map<string, Buffer>();
  const info = (key: string, bytes: Buffer): BlobInfo => ({
    key,
    sizeBytes: bytes.length,
    etag: `"${createHash("md5").update(bytes).digest("hex")}"`,
    lastModifiedMs: 0,
    version: "null",
    headers: {},
  });
  const blobs = {
    contents,
    puts: [] as string[],
    failPuts: false,
    put: async (key: string, body: BlobBody) => {
      const bytes = await bytesOf(body);
      if (blobs.failPuts) throw new Error("disk full");
      contents.set(key, bytes);
      blobs.puts.push(key);
      return info(key, bytes);
    },
    get: async (key: string) => {
      const bytes = contents.get(key);
      return bytes && { ...info(key, bytes), body: Readable.from(bytes.length > 0 ? [bytes] : []) };
    },
    head: async (key: string) => {
      const bytes = contents.get(key);
      return bytes && info(key, bytes);
    },
    list: async ({
      prefix,
      delimiter,
      startAfter = "",
      maxKeys = 1000,
    }: {
      prefix: string;
      delimiter?: string;
      startAfter?: string;
      maxKeys?: number;
    }) => {
      const below = [...contents.keys()].filter((key) => key.startsWith(prefix) && key > startAfter).sort();
      const end = (key: string) => (delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length));
      const keys = below.filter((key) => end(key) < 0);
      const commonPrefixes = new Set(below.filter((key) => end(key) >= 0).map((key) => key.slice(0, end(key) + 1)));
      const page = keys.slice(0, maxKeys);
      const next = keys.length > maxKeys ? page.at(-1) : undefined;
      return {
        blobs: page.map((key) => info(key, contents.get(key) as Buffer)),
        commonPrefixes: [...commonPrefixes],
        ...(next === undefined ? {} : { next }),
      };
    },
    delete: async (key: string) => {
      contents.delete(key);
      return undefined;
    },
    close: async () => undefined,
  };
  // The rest of the port is absent on purpose: calling it is an error of the test.
  return blobs as typeof blobs & Blobs;
}

async function bytesOf(body: BlobBody): Promise<Buffer> {
  if (typeof body === "string" || body instanceof Uint8Array) return Buffer.from(body as Uint8Array);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Remembers the lines, by `group stream`. */
export function memoryLogs(): Logs & { lines: Map<string, string[]> } {
  const lines = new Map<string, string[]>();
  const nothing = (): never => {
    throw new Error("not in this test's logs");
  };
  return {
    lines,
    append: (group, stream, events) => {
      const name = `${group} ${stream}`;
      lines.set(name, [...(lines.get(name) ?? []), ...events.map(({ message }) => message)]);
    },
    createGroup: () => undefined,
    createStream: () => undefined,
    deleteGroup: () => undefined,
    deleteStream: () => undefined,
    deleteBefore: () => undefined,
    groups: nothing,
    streams: nothing,
    read: nothing,
  };
}

/** Waits for a condition; fails after `limitMs`. */
export async function until(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not true within ${limitMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
