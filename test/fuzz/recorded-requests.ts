// Requests as real clients make them: botocore calls every operation of every service, and what arrives is kept.
import { execFile, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { projectFolder } from "../server.ts";

export interface RawRequest {
  method: string;
  /** With its query. */
  target: string;
  headers: [name: string, value: string][];
  body: Buffer;
}

export type Protocol = "json" | "query" | "restJson" | "restXml" | "cbor";

const models = join(projectFolder, "src", "wire", "models");
const sweep = join(projectFolder, "src", "wire", "botocore-sweep.py");
/** It holds its caller for a minute, as it should. */
const longPolls = ["GetActivityTask"];

/** Pythons of different ages: the old one speaks the query protocol where the new one speaks CBOR. */
export const pythons = ["/usr/bin/python3", "python3"].filter(
  (python) => spawnSync(python, ["-c", "import botocore"]).status === 0,
);

export async function recordRequests(): Promise<Map<Protocol, RawRequest[]>> {
  const found = new Map<Protocol, RawRequest[]>();
  const recorder = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const { method = "GET", url: target = "/", rawHeaders } = request;
      const headers = rawHeaders.flatMap((name, i): [string, string][] =>
        i % 2 === 0 ? [[name, rawHeaders[i + 1] as string]] : [],
      );
      const kept = { method, target, headers, body: Buffer.concat(pieces) };
      const protocol = protocolOf(kept);
      found.set(protocol, [...(found.get(protocol) ?? []), kept]);
      response.writeHead(400).end();
    });
  });
  await new Promise<void>((resolve) => recorder.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;
  await Promise.all(pythons.map((python) => callEverything(python, url)));
  recorder.close();
  found.set("cbor", (found.get("json") ?? []).map(asCbor));
  return found;
}

/** The same call as clients of RPC v2 make it; which of the two a botocore chooses for CloudWatch changes with its version. */
function asCbor(request: RawRequest): RawRequest {
  const [service, operation] = (headerOf(request, "x-amz-target") ?? "").split(".");
  const others = request.headers.filter(([name]) => !/^(x-amz-target|content-type)$/i.test(name));
  return {
    method: "POST",
    target: `/service/${service}/operation/${operation}`,
    headers: [...others, ["Smithy-Protocol", "rpc-v2-cbor"], ["Content-Type", "application/cbor"]],
    body: cborOf(JSON.parse(request.body.toString())),
  };
}

function cborOf(value: unknown): Buffer {
  if (typeof value === "string") return Buffer.concat([cborHead(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === "boolean" || value === null) return Buffer.of(value === null ? 0xf6 : value ? 0xf5 : 0xf4);
  if (Array.isArray(value)) return Buffer.concat([cborHead(4, value.length), ...value.map(cborOf)]);
  if (typeof value === "object") {
    const entries = Object.entries(value as object);
    return Buffer.concat([cborHead(5, entries.length), ...entries.flatMap(([key, one]) => [cborOf(key), cborOf(one)])]);
  }
  const number = Buffer.alloc(9, 0xfb);
  number.writeDoubleBE(value as number, 1);
  return number;
}

function cborHead(major: number, length: number): Buffer {
  const head = Buffer.alloc(5, (major << 5) | 26);
  head.writeUInt32BE(length, 1);
  return head;
}

function callEverything(python: string, url: string): Promise<void> {
  const wanted = Object.fromEntries(
    readdirSync(models).map((file) => {
      const { name, operations } = JSON.parse(readFileSync(join(models, file), "utf8"));
      return [name, Object.keys(operations).filter((operation) => !longPolls.includes(operation))];
    }),
  );
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 64 * 2 ** 20, timeout: 120_000 };
    execFile(python, [sweep, url, JSON.stringify(wanted)], options, (error) => (error ? reject(error) : resolve()));
  });
}

export function headerOf({ headers }: RawRequest, name: string): string | undefined {
  return headers.find(([known]) => known.toLowerCase() === name)?.[1];
}

function protocolOf(request: RawRequest): Protocol {
  if (headerOf(request, "x-amz-target") !== undefined) return "json";
  if (headerOf(request, "content-type")?.startsWith("application/x-www-form-urlencoded")) return "query";
  return /\/s3\/aws4_request/.test(headerOf(request, "authorization") ?? "") ? "restXml" : "restJson";
}
