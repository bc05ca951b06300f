// The one door: every AWS request of every protocol comes in here, is recognised, checked, handed to its service and answered.
//
// W1. An unknown operation, field or enum answers as AWS does: a modelled error, never a 500 or a silent success.
// W2. A bug in a handler is logged with its stack and request id, answered 500, and never ends the server.
// W3. Nothing but the body of an object is longer in memory than the limit of its service.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault } from "../kit/fault.ts";
import { inflate, readBody } from "./body.ts";
import { bindingsOf } from "./http-bindings.ts";
import { loadModel, type Model, type Operation } from "./model.ts";
import { parseInput } from "./parse-input.ts";
import { parseForm } from "./query-codec.ts";
import { bucketOfHost, type Dialect, type Recognised, recognise, scopeOf, versions } from "./recognise.ts";
import { headerOf, headOf, type RequestHead } from "./request-head.ts";
import { decodePath, findRoute, type Route, routesOf } from "./rest-routes.ts";
import type { Call, Handler, Service } from "./service.ts";
import { validate } from "./validate.ts";
import { type Answer, type AnswerOptions, writeFault, writeOutput } from "./write-answer.ts";

export interface WireOptions {
  services: readonly Service[];
  host?: string;
  /** 0 for any that is free. */
  port?: number;
  /** What a caller must sign with. Without any, everybody on this machine may call. */
  credentials?: readonly { accessKeyId: string; secretAccessKey: string }[];
  region?: string;
  accountId?: string;
  limits?: Partial<WireLimits>;
  clock: WireClock;
  /** Takes what is not AWS (the console, its event stream); true when it has answered or will. */
  onRequest?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Told of bugs and of operations that nobody answers. Bugs go to standard error by default. */
  report?: (report: WireReport) => void;
}

/** The part of the port `Clock` that the wire needs. */
export interface WireClock {
  now(): number;
  uuid(): string;
}

export interface WireReport {
  kind: "bug" | "unknown-operation";
  requestId: string;
  operation: string;
  error?: unknown;
}

export interface WireLimits {
  /** Bodies other than objects: above the 5.2 MB of the largest JSON request of AWS. */
  bodyBytes: number;
  /** Lambda takes 50 MB archives as base64; the runtime takes 25 MB payloads. */
  bodyBytesOf: Readonly<Record<string, number>>;
  /** A request must be complete within this time: a 5 GB object at 10 MB/s takes nine minutes. */
  requestTimeoutMs: number;
  connections: number;
}

export const defaultLimits: WireLimits = {
  bodyBytes: 8 * 2 ** 20,
  bodyBytesOf: { lambda: 96 * 2 ** 20, "sagemaker-runtime": 26 * 2 ** 20 },
  requestTimeoutMs: 30 * 60_000,
  connections: 10_000,
};

export const defaultRegion = "us-east-1";
export const defaultAccountId = "000000000000";

export interface WireServer {
  /** Such as `http://127.0.0.1:4566`. */
  url: string;
  port: number;
  server: Server;
  close(): Promise<void>;
}

interface ServedService {
  model: Model;
  handlers: Record<string, Handler>;
  routes: readonly Route[];
}

/** An operation found, and where its parts lie. */
interface Found {
  service: ServedService;
  operation: Operation;
  handler: Handler;
  labels: Record<string, string>;
}

export async function createWireServer(options: WireOptions): Promise<WireServer> {
  const { host = "127.0.0.1", port = 4566, clock, region = defaultRegion, accountId = defaultAccountId } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const report = options.report ?? reportToStandardError;
  const services = new Map(options.services.map((service) => [service.name, serve(service)]));
  let url = "";

  const server = createServer(
    { requestTimeout: limits.requestTimeoutMs, keepAliveTimeout: 65_000 },
    (request, response) => {
      handle(request, response).catch((error: unknown) => {
        report({ kind: "bug", requestId: "-", operation: `${request.method} ${request.url}`, error });
        response.destroy();
      });
    },
  );
  server.maxConnections = limits.connections;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/_scones/health" && request.method === "GET") {
      response.writeHead(200, { "content-type": "application/json" });
      response.end('{"status":"ok"}');
      return;
    }
    if (options.onRequest?.(request, response)) return;
    const requestId = clock.uuid();
    const head = headOf(request, false);
    const recognised = recognise(head);
    const answering: AnswerOptions = {
      dialect: recognised.dialect,
      requestId,
      requestType: headerOf(head, "content-type"),
    };
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    let answer: Answer;
    let operationName = recognised.operation ?? `${head.method} ${head.path}`;
    try {
      answer = await callOperation();
    } catch (error) {
      if (gone.signal.aborted) return;
      const model = recognised.service === undefined ? undefined : loadModel(recognised.service);
      if (!(error instanceof Fault)) report({ kind: "bug", requestId, operation: operationName, error });
      answer = writeFault(model, error instanceof Fault ? error : internalFault(recognised.dialect), answering);
    }
    await send(request, response, answer, requestId);

    async function callOperation(): Promise<Answer> {
      const early = bodyIsNeeded(recognised, head) ? await readAll(recognised.service ?? "") : undefined;
      if (early !== undefined) nameFromForm(recognised, early);
      answering.dialect = recognised.dialect;
      const found = find(recognised, head, requestId);
      operationName = `${found.service.model.name}.${found.operation.name}`;
      const isStreaming = bindingsOf(found.operation.input).payload?.shape.kind === "streaming-blob";
      const body: Buffer | Readable = early ?? (isStreaming ? request : await readAll(found.service.model.name));
      const input = parseInput(found.operation, { dialect: recognised.dialect, head, labels: found.labels, body });
      validate(found.service.model, found.operation.input, input);
      const scope = scopeOf(head);
      const call: Call = {
        requestId,
        region: scope?.region ?? region,
        accountId,
        baseUrl: head.isSecure || head.host === "" ? url : `http://${request.headers.host}`,
        signal: gone.signal,
      };
      const output = await found.handler(input, call);
      return writeOutput(found.service.model, found.operation, output, answering);
    }

    async function readAll(service: string): Promise<Buffer> {
      const limitBytes = limits.bodyBytesOf[service] ?? limits.bodyBytes;
      const raw = await readBody(request, limitBytes);
      return inflate(raw, headerOf(head, "content-encoding"), limitBytes);
    }
  }

  function find(recognised: Recognised, head: RequestHead, requestId: string): Found {
    const { service: name, dialect, calledService } = recognised;
    const unknown = (operation: string) => {
      report({ kind: "unknown-operation", requestId, operation });
      return unknownOperation(dialect, operation);
    };
    if (name === undefined) throw unknown(`${calledService}.${recognised.operation ?? `${head.method} ${head.path}`}`);
    const service = services.get(name);
    if (dialect === "restJson" || dialect === "restXml") {
      return findRest(service ?? serve({ name, handlers: {} }), head, unknown);
    }
    const operation =
      recognised.operation === undefined ? undefined : service?.model.operations.get(recognised.operation);
    const handler = operation === undefined ? undefined : service?.handlers[operation.name];
    if (service === undefined || operation === undefined || handler === undefined) {
      throw unknown(`${name}.${recognised.operation ?? "(none named)"}`);
    }
    return { service, operation, handler, labels: {} };
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  url = `http://${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;

  return {
    url,
    port: bound.port,
    server,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function serve({ name, handlers }: Service): ServedService {
  const model = loadModel(name);
  const strange = Object.keys(handlers).filter((operation) => !model.operations.has(operation));
  if (strange.length > 0) {
    throw new Error(
      `the model of ${name} has no operation ${strange.join(", ")}: add it to scripts/model-services.mjs`,
    );
  }
  return { model, handlers, routes: routesOf(model) };
}

function findRest(service: ServedService, head: RequestHead, unknown: (operation: string) => Fault): Found {
  const isS3 = service.model.name === "s3";
  const { bucket, path } = isS3 ? splitBucket(head) : { bucket: undefined, path: head.path };
  const among = isS3 ? (route: Route) => isOnBucket(route) === (bucket !== undefined) : undefined;
  const match = findRoute(service.routes, { ...head, path }, among);
  if (match === undefined) throw unknown(`${service.model.name}.${head.method} ${head.path}`);
  const { operation, operationName } = match.route;
  const handler = service.handlers[operationName];
  if (operation === undefined || handler === undefined) throw unknown(`${service.model.name}.${operationName}`);
  const labels = bucket === undefined ? match.labels : { ...match.labels, Bucket: bucket };
  return { service, operation, handler, labels };
}

/** Buckets are named by the host or by the first part of the path; the model's patterns begin after that. */
function splitBucket(head: RequestHead): { bucket: string | undefined; path: string } {
  const fromHost = bucketOfHost(head.host);
  if (fromHost !== undefined) return { bucket: fromHost, path: head.path };
  const [, first = "", rest = "/"] = /^\/([^/]*)(\/.*)?$/s.exec(head.path) ?? [];
  return first === "" ? { bucket: undefined, path: "/" } : { bucket: decodePath(first), path: rest };
}

function isOnBucket({ operation }: Route): boolean {
  return operation === undefined || operation.input.byName.get("Bucket")?.traits.httpLabel !== undefined;
}

/** The query protocol names its operation in the body. */
function bodyIsNeeded({ dialect, operation }: Recognised, head: RequestHead): boolean {
  return dialect === "query" && operation === undefined && head.method === "POST";
}

function nameFromForm(recognised: Recognised, body: Buffer): void {
  const { children } = parseForm(body.toString());
  recognised.operation = children.get("Action")?.value;
  recognised.service ??= versions[children.get("Version")?.value ?? ""];
}

function unknownOperation(dialect: Dialect, operation: string): Fault {
  const message = `Scones does not answer ${operation}; COMPATIBILITY.md lists the operations that it has`;
  switch (dialect) {
    case "query":
      return new Fault("InvalidAction", message);
    case "restXml":
      return new Fault("NotImplemented", message, { status: 501, isRetryable: false });
    case "restJson":
      return new Fault("UnknownOperationException", message, { status: 404 });
    default:
      return new Fault("UnknownOperationException", message);
  }
}

function internalFault(dialect: Dialect): Fault {
  const code = dialect === "restXml" || dialect === "query" ? "InternalError" : "InternalFailure";
  return new Fault(code, "Scones failed to answer this request; its log has the reason under the request id", {
    status: 500,
  });
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  requestId: string,
): Promise<void> {
  const { status, headers, body } = answer;
  headers["x-amzn-requestid"] = requestId;
  headers["x-amz-request-id"] = requestId;
  // What is left of a refused body is not worth reading: the connection ends with the answer.
  if (!request.complete) headers["connection"] = "close";
  const hasBody = request.method !== "HEAD" && status !== 204 && status !== 304;
  if (Buffer.isBuffer(body)) {
    if (hasBody) headers["content-length"] ??= String(body.length);
    response.writeHead(status, headers);
    response.end(hasBody ? body : undefined);
    return;
  }
  response.writeHead(status, headers);
  if (!hasBody) {
    body.destroy();
    response.end();
    return;
  }
  // A body that breaks off after its head was sent can only be said by breaking the connection, which pipeline does.
  await pipeline(body, response).catch(() => {});
}

function reportToStandardError({ kind, requestId, operation, error }: WireReport): void {
  if (kind !== "bug") return;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bug in ${operation} (request ${requestId}): ${text}\n`);
}
