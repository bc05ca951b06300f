import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault } from "../kit/fault.ts";
import type { Models } from "../ports/models.ts";
import { answerInference, modelMetadata, serverMetadata } from "./open-inference.ts";

/*
 * What the server answers beside AWS's protocols: the numbers that Prometheus scrapes (`/_scones/metrics`) and the Open
 * Inference Protocol (`/v2/...`), which reaches the same endpoints under the same limits. Where callers of AWS must sign,
 * callers of these doors name the same key and secret by HTTP basic authentication; health alone is open to everybody.
 */

export interface DoorOptions {
  models: Models;
  /** Names of endpoints that answer. */
  hasEndpoint: (name: string) => boolean;
  metricsText: () => string;
  credentials: readonly { accessKeyId: string; secretAccessKey: string }[];
  /** As SageMaker bounds a request to an endpoint. */
  maxBodyBytes: number;
}

export const metricsPath = "/_scones/metrics";

/** True when the request is for one of the doors: it is answered or will be. */
export type Doors = (request: IncomingMessage, response: ServerResponse) => boolean;

export function httpDoors(options: DoorOptions): Doors {
  return (request, response) => {
    const path = (request.url ?? "").split("?", 1)[0] as string;
    const isDoor = path === metricsPath || path === "/v2" || path.startsWith("/v2/");
    if (!isDoor) return false;
    answer(options, request, path).then(
      ({ status, type, body, headers }) => {
        response.writeHead(status, { "content-type": type, "content-length": body.length, ...headers }).end(body);
      },
      (error: unknown) => refuse(response, error),
    );
    return true;
  };
}

interface DoorAnswer {
  status: number;
  type: string;
  body: Buffer;
  headers?: Record<string, string>;
}

async function answer(options: DoorOptions, request: IncomingMessage, path: string): Promise<DoorAnswer> {
  if (path === "/v2/health/live" || path === "/v2/health/ready") return json({});
  if (!isKnown(options, request.headers.authorization))
    throw new Fault("Unauthorized", "name your key", { status: 401 });
  if (path === metricsPath) {
    return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body: Buffer.from(options.metricsText()) };
  }
  if (path === "/v2") return json(serverMetadata);
  const [, name, rest] = /^\/v2\/models\/([^/]+)(?:\/versions\/1)?(?:\/(ready|infer))?$/.exec(path) ?? [];
  if (name === undefined) throw new Fault("NotFound", `there is nothing at ${path}`, { status: 404 });
  if (!options.hasEndpoint(name)) throw new Fault("NotFound", `there is no model "${name}"`, { status: 404 });
  if (rest === "ready") return json({ name, ready: true });
  if (rest === undefined) return json(modelMetadata(name));
  if (request.method !== "POST") throw new Fault("MethodNotAllowed", "infer is asked by POST", { status: 405 });
  const body = await readBody(request, options.maxBodyBytes);
  const headerBytes = request.headers["inference-header-content-length"];
  return json(await answerInference(options.models, name, { body, headerBytes: headerBytes as string | undefined }));
}

/** Bytes beyond the limit are thrown away, so that their sender hears the refusal. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > 8 * maxBytes) break;
  }
  if (bytes > maxBytes) throw new Fault("TooLarge", `the body is above ${maxBytes} bytes`, { status: 413 });
  return Buffer.concat(chunks);
}

function refuse(response: ServerResponse, error: unknown): void {
  const isFault = error instanceof Fault;
  const status = isFault ? error.status : 500;
  const body = Buffer.from(JSON.stringify({ error: isFault ? error.message : "internal error" }));
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": body.length,
    ...(status === 401 ? { "www-authenticate": 'Basic realm="scones"' } : {}),
    ...(status === 503 ? { "retry-after": "1" } : {}),
  });
  response.end(body);
  if (!isFault) process.stderr.write(`scones: a door failed: ${(error as Error).stack}\n`);
}

function json(value: object): DoorAnswer {
  return { status: 200, type: "application/json", body: Buffer.from(JSON.stringify(value)) };
}

function isKnown({ credentials }: DoorOptions, authorization: string | undefined): boolean {
  if (credentials.length === 0) return true;
  const given = Buffer.from(/^Basic (.+)$/.exec(authorization ?? "")?.[1] ?? "", "base64");
  // Digests have one length: how long the secret is cannot be measured either.
  return credentials.some(({ accessKeyId, secretAccessKey }) =>
    timingSafeEqual(digest(given), digest(Buffer.from(`${accessKeyId}:${secretAccessKey}`))),
  );
}

function digest(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
