// An independent second opinion: botocore builds every request from its own models and reads every answer by them.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, beforeEach, test } from "node:test";
import { loadModel, type Shape } from "./model.ts";
import { createWireServer, type WireServer } from "./server.ts";
import type { Service } from "./service.ts";

interface Line {
  service: string;
  operation: string;
  variant: "least" | "most";
  params: Record<string, unknown>;
  output?: Record<string, unknown>;
  error?: string;
  skipped?: string;
}

const names = readdirSync(join(import.meta.dirname, "models")).map((file) => file.replace(".json", ""));
const seen = new Map<string, unknown[]>();
const bugs: unknown[] = [];
const moment = new Date("2026-01-02T03:04:05Z");
// Answered by what botocore itself makes of them, or not shown by it at all.
const notCompared = new Set([
  "ContentLength",
  "Expires",
  "StatusCode",
  "Body",
  "Payload",
  "EventStream",
  "Policy",
  "ResponseStreamContentType",
  "ExpiresString",
  "PartNumberMarker",
  "NextPartNumberMarker",
]);
let wire: WireServer;

before(async () => {
  const services = names.map(echoing);
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  const credentials = [{ accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a secret" }];
  wire = await createWireServer({ services, port: 0, clock, credentials, report: (report) => bugs.push(report.error) });
});

beforeEach(() => {
  seen.clear();
  bugs.length = 0;
});

after(() => wire.close());

for (const python of ["/usr/bin/python3", "python3"]) {
  test(
    `every operation understands, and is understood by, the botocore of ${python}`,
    withBotocore(python),
    async () => {
      const lines = await sweep(python);
      const done = lines.filter(({ skipped }) => skipped === undefined);
      const wrong = done.flatMap(differences);
      assert.deepEqual(wrong, []);
      assert.deepEqual(bugs, []);
      assert.ok(done.length > 400, `only ${done.length} calls were made`);
    },
  );
}

function echoing(name: string): Service {
  const handlers = [...loadModel(name).operations.values()].map(({ name: operation, output }) => {
    const handler = async (input: Record<string, unknown>) => {
      const key = `${name}.${operation}`;
      seen.set(key, [...(seen.get(key) ?? []), await plain(input)]);
      return example(output, 0, name) as object;
    };
    return [operation, handler] as const;
  });
  return { name, handlers: Object.fromEntries(handlers) };
}

/** A value with everything in it, as a handler would answer. */
function example(shape: Shape, depth: number, member: string): unknown {
  switch (shape.kind) {
    case "structure": {
      if (shape.isEventStream) return Readable.from([]);
      const members = shape.isUnion ? shape.members.slice(0, 1) : shape.members;
      const wanted = members.filter((one) => one.isRequired || (depth < 7 && !one.name.startsWith("Checksum")));
      return Object.fromEntries(wanted.map((one) => [one.name, example(one.shape, depth + 1, one.name)]));
    }
    case "list":
      return depth > 6
        ? []
        : [example(shape.element.shape, depth + 1, member), example(shape.element.shape, depth + 1, member)];
    case "map":
      return depth > 6 ? {} : { akey: example(shape.value.shape, depth + 1, member) };
    case "string":
      if (member.endsWith("PartNumberMarker")) return "7"; // a number to older botocores
      return member === "ETag" || member.startsWith("Checksum")
        ? '"tag"'
        : "text with <&> and ü".slice(0, isHeaderish(member) ? 9 : 99);
    case "number":
      return member === "StatusCode" ? 200 : member === "ContentLength" ? 5 : 7;
    case "boolean":
      return true;
    case "blob":
    case "streaming-blob":
      return Buffer.from("bytes");
    case "document":
      return { any: [1] };
    default:
      return moment;
  }
}

/** Header values outside ASCII are read differently by every client. */
function isHeaderish(member: string): boolean {
  return member !== "Key" && member !== "Message";
}

function differences({ service, operation, variant, params, output, error }: Line): string[] {
  const where = `${service}.${operation} (${variant})`;
  if (error !== undefined) return [`${where}: ${error}`];
  const model = loadModel(service).operations.get(operation);
  const input = seen.get(`${service}.${operation}`)?.shift();
  if (model === undefined || input === undefined) return [`${where}: did not arrive`];
  const expected = example(model.output, 0, service);
  return [
    ...compare(model.input, params, input, `${where} input`),
    ...compare(model.output, output, expected, `${where} output`),
  ];
}

/** What botocore has, as far as our model knows it too, must be what we have. */
function compare(shape: Shape, theirs: unknown, ours: unknown, path: string): string[] {
  if (theirs === undefined) return [];
  switch (shape.kind) {
    case "structure":
      return shape.members.flatMap(({ name, shape: target }) => {
        if (notCompared.has(name)) return [];
        return compare(
          target,
          (theirs as Record<string, unknown>)[name],
          (ours as Record<string, unknown> | undefined)?.[name],
          `${path}.${name}`,
        );
      });
    case "list":
      return (theirs as unknown[]).flatMap((one, i) =>
        compare(shape.element.shape, one, (ours as unknown[] | undefined)?.[i], `${path}[${i}]`),
      );
    case "map":
      return Object.entries(theirs as object).flatMap(([key, one]) => {
        return compare(shape.value.shape, one, (ours as Record<string, unknown> | undefined)?.[key], `${path}.${key}`);
      });
    default: {
      const [one, other] = [simple(theirs), simple(ours)];
      return one === other ? [] : [`${path}: ${one} is not ${other}`];
    }
  }
}

function simple(value: unknown): string {
  if (value instanceof Date) return JSON.stringify({ $time: value.getTime() / 1000 });
  if (value instanceof Uint8Array) return JSON.stringify({ $bytes: Buffer.from(value).toString("hex") });
  return JSON.stringify(value);
}

/** Streams read, so that they can be looked at later. */
async function plain(input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const read = Object.entries(input).map(async ([name, value]) => {
    if (!(value instanceof Readable)) return [name, value] as const;
    return [name, Buffer.concat(await value.toArray())] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

function sweep(python: string): Promise<Line[]> {
  const wanted = Object.fromEntries(names.map((name) => [name, [...loadModel(name).operations.keys()]]));
  const args = [join(import.meta.dirname, "botocore-sweep.py"), wire.url, JSON.stringify(wanted)];
  return new Promise((resolve, reject) => {
    execFile(python, args, { maxBuffer: 64 * 2 ** 20, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(stderr));
      else
        resolve(
          stdout
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line) as Line),
        );
    });
  });
}

function withBotocore(python: string): { skip: string | false } {
  return { skip: spawnSync(python, ["-c", "import botocore"]).status !== 0 && `${python} has no botocore` };
}
