// The Lambda Runtime API of one environment: a listener of its own, so that the port says who is calling.
//
// R1. A result counts once, and only for the invocation that is running now: a late one is refused and changes nothing.
// R2. What a process sends is bounded: of a body beyond the limit nothing is kept. A streamed result has a limit of its own.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { maxResponseBytes } from "./error-objects.ts";
import type { Invocation, ResponseStream } from "./function-spec.ts";

export interface RuntimeApi {
  /** `127.0.0.1:port`, the value of AWS_LAMBDA_RUNTIME_API. */
  address: string;
  /** Whether the process waits for an event. */
  readonly isAsking: boolean;
  /** Hands an event to the process. Only while it is asking. */
  handOut(invocation: Invocation, deadlineMs: number): void;
  close(): void;
}

/** What the process said. */
export interface RuntimeEvents {
  /** It asks for an event: the first time this means that its initialisation is done. */
  ready(): void;
  result(result: RuntimeResult): void;
  initError(body: Uint8Array): void;
}

export interface RuntimeResult {
  kind: "response" | "error" | "too large";
  body: Uint8Array;
  /** The peak of the process's memory so far, where its bootstrap tells. */
  maxMemoryKb?: number;
}

const prefix = "/2018-06-01/runtime";
/** How a runtime says that it streams, and that it failed after it had begun. */
const modeHeader = "lambda-runtime-function-response-mode";
const errorBodyTrailer = "lambda-runtime-function-error-body";
/** AWS's limit of a streamed result: 200 MiB. */
const maxStreamBytes = 200 * 1024 * 1024;

export async function startRuntimeApi(events: RuntimeEvents): Promise<RuntimeApi> {
  let waiting: ServerResponse | undefined;
  let running: Invocation | undefined;

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      // The process died in the middle of a body: its exit tells the rest.
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  // A warm environment waits for hours.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    if (request.method === "GET" && path === `${prefix}/invocation/next`) {
      waiting = response;
      events.ready();
      return;
    }
    const match = /^\/invocation\/([^/]+)\/(response|error)$/.exec(path.slice(prefix.length));
    const invocation = match?.[1] === running?.requestId ? running : undefined;
    const isStream = match?.[2] === "response" && request.headers[modeHeader] === "streaming";
    const stream = isStream ? invocation?.stream : undefined;
    if (isStream) running = undefined;
    const body = stream === undefined ? await readBody(request) : await pass(request, stream);
    if (request.method !== "POST")
      return refuse(response, 404, "InvalidRoute", `there is no ${request.method} ${path}`);
    if (path === `${prefix}/init/error`) {
      accept(response);
      events.initError(body ?? new Uint8Array());
      return;
    }
    if (match === null) return refuse(response, 404, "InvalidRoute", `there is no POST ${path}`);
    if (invocation === undefined || (!isStream && running !== invocation))
      return refuse(response, 400, "InvalidRequestID", "Invalid request ID");
    running = undefined;
    if (body === undefined) refuse(response, 413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size");
    else accept(response);
    const lateError = request.trailers[errorBodyTrailer];
    const isError = match[2] === "error" || lateError !== undefined;
    events.result({
      kind: body === undefined ? "too large" : isError ? "error" : "response",
      body: lateError === undefined ? (body ?? new Uint8Array()) : Buffer.from(lateError, "base64"),
      maxMemoryKb: Number(request.headers["scones-max-memory-kb"]) || undefined,
    });
  }

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get isAsking() {
      return waiting !== undefined;
    },
    handOut(invocation, deadlineMs) {
      if (waiting === undefined) throw new Error("an event was handed out to a process that had not asked for one");
      running = invocation;
      send(waiting, invocation, deadlineMs);
      waiting = undefined;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function send(response: ServerResponse, invocation: Invocation, deadlineMs: number): void {
  response.writeHead(200, {
    "Content-Type": "application/json",
    "Content-Length": invocation.event.byteLength,
    "Lambda-Runtime-Aws-Request-Id": invocation.requestId,
    "Lambda-Runtime-Deadline-Ms": String(deadlineMs),
    "Lambda-Runtime-Invoked-Function-Arn": encodeURI(invocation.invokedArn),
    ...(invocation.clientContext && { "Lambda-Runtime-Client-Context": asciiJson(invocation.clientContext) }),
  });
  response.end(invocation.event);
}

/** The body, or nothing when it is larger than a result may be. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes <= maxResponseBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  return sizeBytes <= maxResponseBytes ? Buffer.concat(chunks) : undefined;
}

/** Hands the body on as it comes; nothing when it was more than may be streamed. */
async function pass(request: IncomingMessage, stream: ResponseStream): Promise<Uint8Array | undefined> {
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes <= maxStreamBytes) await stream.write(chunk);
  }
  return sizeBytes <= maxStreamBytes ? new Uint8Array() : undefined;
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}\n');
}

function refuse(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify({ errorMessage, errorType }));
}

// A header may only carry ASCII.
function asciiJson(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
