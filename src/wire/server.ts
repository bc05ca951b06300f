// The one door: every AWS request of every protocol comes in here, is recognised, checked, handed to its service and answered.
//
// W1. An unknown operation, field or enum answers as AWS does: a modelled error, never a 500 or a silent success.
// W2. A bug in a handler is logged with its stack and request id, answered 500, and never ends the server.
// W3. Nothing but the body of an object is longer than the limit of its service, and that one is never held whole.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault } from "../kit/fault.ts";
import { inflate, readBody } from "./body.ts";
import { authorityPath, type CertificateAuthority } from "./certificate-authority.ts";
import { findOperation, isNamedInBody, nameFromBody, serve, UnknownOperation } from "./dispatch.ts";
import { farewell } from "./farewell.ts";
import { checkCaller, isLoopback } from "./hosts.ts";
import { bindingsOf } from "./http-bindings.ts";
import { loadModel, type Operation } from "./model.ts";
import { checkWhole, isAwsChunked, isBodiless, isSmallAndPlain, objectBody } from "./object-body.ts";
import { parseInput } from "./parse-input.ts";
import { type Dialect, type Recognised, recognise } from "./recognise.ts";
import { headerOf, headOf, type RequestHead } from "./request-head.ts";
import type { Call, Service } from "./service.ts";
import { type Credential, createVerifier, type Signed, sha256 } from "./signatures.ts";
import { acceptTunnels } from "./tunnels.ts";
import { validate } from "./validate.ts";
import { type Answer, type AnswerOptions, writeFault, writeOutput } from "./write-answer.ts";

export interface WireOptions {
  services: readonly Service[];
  host?: string;
  /** 0 for any that is free. */
  port?: number;
  /** What a caller must sign with. Without any, everybody on this machine may call. */
  credentials?: readonly Credential[];
  /** Names beside localhost and addresses by which callers may know us, such as `scones.example`. */
  hosts?: readonly string[];
  region?: string;
  accountId?: string;
  limits?: Partial<WireLimits>;
  clock: WireClock;
  /** Turns on transparent mode: CONNECT to `*.amazonaws.com` ends here, with certificates of this authority. */
  authority?: CertificateAuthority;
  /** Takes what is not AWS (the console, its event stream); true when it has answered or will. Not asked to verify anything. */
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
  /** Read and thrown away of a refused body, so that its sender hears the refusal before its socket breaks. */
  drainBytes: number;
  /** How long clients are asked to go elsewhere before the listener closes; 0 where nobody restarts under load. */
  farewellMs: number;
  /** For what is under way after that: a slow model's answer; long polls would take longer than anybody wants to wait. */
  graceMs: number;
}

export const defaultLimits: WireLimits = {
  bodyBytes: 8 * 2 ** 20,
  bodyBytesOf: { lambda: 96 * 2 ** 20, "sagemaker-runtime": 26 * 2 ** 20 },
  requestTimeoutMs: 30 * 60_000,
  connections: 10_000,
  drainBytes: 64 * 2 ** 20,
  farewellMs: 0,
  graceMs: 5_000,
};

export const defaultHost = "127.0.0.1";
export const defaultPort = 4566;
export const defaultRegion = "us-east-1";
export const defaultAccountId = "000000000000";
export const healthPath = "/_scones/health";

export interface WireServer {
  /** Such as `http://127.0.0.1:4566`. */
  url: string;
  port: number;
  server: Server;
  close(): Promise<void>;
}

export async function createWireServer(options: WireOptions): Promise<WireServer> {
  const { host = defaultHost, port = defaultPort, clock, credentials = [], hosts = [] } = options;
  const { region: defaultedRegion = defaultRegion, accountId = defaultAccountId } = options;
  if (credentials.length === 0 && !isLoopback(host)) {
    throw new Error(
      `refusing to listen on ${host} without credentials: set SCONES_ACCESS_KEY_ID and SCONES_SECRET_ACCESS_KEY, or listen on ${defaultHost}`,
    );
  }
  const limits = { ...defaultLimits, ...options.limits };
  const report = options.report ?? reportToStandardError;
  const services = new Map(options.services.map((service) => [service.name, serve(service)]));
  const verifier = credentials.length === 0 ? undefined : createVerifier(credentials, () => clock.now());
  let url = "";

  const server = createServer(
    { requestTimeout: limits.requestTimeoutMs, keepAliveTimeout: 65_000 },
    (request, response) => {
      leaving
        .accompany(response, () => handle(request, response))
        .catch((error: unknown) => {
          report({ kind: "bug", requestId: "-", operation: `${request.method} ${request.url}`, error });
          response.destroy();
        });
    },
  );
  server.maxConnections = limits.connections;
  const leaving = farewell(server, { ...limits, closeOthers: acceptTunnels(server, options.authority) });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = clock.uuid();
    const head = headOf(request, isEncrypted(request.socket));
    const recognised = recognise(head);
    const { dialect } = recognised;
    const answering: AnswerOptions = { dialect, requestId, requestType: headerOf(head, "content-type") };
    const isGone = () => response.destroyed && !response.writableFinished;
    let operationName = recognised.operation ?? `${head.method} ${head.path}`;
    let answer: Answer;
    try {
      checkCaller(head, [host, ...hosts]);
      if (head.path === healthPath) return answerHealth(response, leaving.isSaid());
      if (request.url === authorityPath && request.method === "GET" && options.authority !== undefined) {
        response.writeHead(200, { "content-type": "application/x-pem-file" });
        response.end(options.authority.certificate);
        return;
      }
      if (options.onRequest?.(request, response)) return;
      answer = await callOperation();
    } catch (error) {
      if (isGone()) return;
      const isFault = error instanceof Fault;
      if (!isFault) report({ kind: "bug", requestId, operation: operationName, error });
      if (error instanceof UnknownOperation)
        report({ kind: "unknown-operation", requestId, operation: error.operation });
      const model = recognised.service === undefined ? undefined : loadModel(recognised.service);
      answer = writeFault(model, isFault ? error : internalFault(dialect), answering);
    }
    await send(request, response, answer, { requestId, drainBytes: limits.drainBytes });

    async function callOperation(): Promise<Answer> {
      // The query protocol says in its body what it wants; all others are known by now, and refused before they are read.
      const early = isNamedInBody(recognised, head) ? await readAll(recognised.service) : undefined;
      if (early !== undefined) nameFromBody(recognised, inflateBody(early));
      const found = findOperation(services, recognised, head);
      const { operation, service, labels } = found;
      operationName = `${service.model.name}.${operation.name}`;
      const input: Record<string, unknown> = {};
      const body =
        dialect === "restXml" ? await objectInput(operation, input) : await plainBody(early, service.model.name);
      // Filled in place: checksums that come after an object's bytes are set here while the handler reads.
      Object.assign(input, { ...parseInput(operation, { dialect, head, labels, body }), ...input });
      validate(service.model, operation.input, input);
      const output = await found.handler(input, callOf());
      return writeOutput(service.model, operation, output, answering);
    }

    function callOf(): Call {
      const region = head.scope?.region ?? defaultedRegion;
      const baseUrl = head.isSecure || head.host === "" ? url : `http://${request.headers.host}`;
      // A signal costs more than most calls, and most handlers look at none: it is made when asked for.
      let signal: AbortSignal | undefined;
      return {
        requestId,
        region,
        accountId,
        baseUrl,
        get callerAddress() {
          return request.socket.remoteAddress;
        },
        get signal() {
          signal ??= signalOf(response);
          return signal;
        },
      };
    }

    async function plainBody(early: Buffer | undefined, service: string): Promise<Buffer> {
      const raw = early ?? (await readAll(service));
      // What was signed is what was sent: a compressed body is signed compressed.
      if (!isMailedLink(recognised, head)) verifier?.verify(head, dialect, () => sha256(raw));
      const declared = headerOf(head, "x-amz-content-sha256");
      if (verifier !== undefined && /^[0-9a-f]{64}$/.test(declared ?? "") && declared !== sha256(raw)) {
        throw new Fault("InvalidSignatureException", "x-amz-content-sha256 is not the hash of the body", {
          status: 403,
        });
      }
      return inflateBody(raw);
    }

    /** Objects stream; other bodies of S3 are read, after the same checks. Sets the members that the body's framing decides. */
    async function objectInput(operation: Operation, input: Record<string, unknown>): Promise<Buffer | Readable> {
      const signed: Signed | undefined = verifier?.verify(head, dialect, () => "UNSIGNED-PAYLOAD");
      const onTrailer = (name: string, value: string) => {
        const member = operation.input.members.find(({ traits }) => traits.httpHeader?.toLowerCase() === name);
        if (member !== undefined) input[member.name] = value;
      };
      if (isBodiless(head)) return Buffer.alloc(0);
      if (isSmallAndPlain(head)) {
        const whole = await readBody(request, limits.bodyBytes);
        checkWhole(whole, head);
        return whole;
      }
      const body = objectBody(request, head, { signed, onTrailer });
      if (bindingsOf(operation.input).payload?.shape.kind !== "streaming-blob") return readBody(body, limits.bodyBytes);
      if (isAwsChunked(head)) {
        const length = headerOf(head, "x-amz-decoded-content-length");
        if (length !== undefined) input["ContentLength"] = Number(length);
        const encoding = (headerOf(head, "content-encoding") ?? "").replace(/\baws-chunked\b,?\s*/, "").trim();
        input["ContentEncoding"] = encoding === "" ? undefined : encoding;
      }
      return body;
    }

    function readAll(service: string | undefined): Promise<Buffer> {
      return readBody(request, limits.bodyBytesOf[service ?? ""] ?? limits.bodyBytes);
    }

    function inflateBody(raw: Buffer): Buffer {
      const limitBytes = limits.bodyBytesOf[recognised.service ?? ""] ?? limits.bodyBytes;
      return inflate(raw, headerOf(head, "content-encoding"), limitBytes);
    }
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
    close: () => leaving.say(),
  };
}

function isEncrypted(socket: Socket & { encrypted?: boolean }): boolean {
  return socket.encrypted === true;
}

/** Aborted when the caller goes away before it has its answer. */
function signalOf(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const check = () => {
    if (!response.writableFinished) gone.abort();
  };
  if (response.destroyed) check();
  else response.on("close", check);
  return gone.signal;
}

function answerHealth(response: ServerResponse, isLeaving: boolean): void {
  const body = isLeaving ? '{"status":"stopping"}' : '{"status":"ok"}';
  response.writeHead(isLeaving ? 503 : 200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

function internalFault(dialect: Dialect): Fault {
  const code = dialect === "restXml" || dialect === "query" ? "InternalError" : "InternalFailure";
  const message = "Scones failed to answer this request; its log has the reason under the request id";
  return new Fault(code, message, { status: 500 });
}

const maxJoinedBytes = 16 * 1024;

interface SendOptions {
  requestId: string;
  drainBytes: number;
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer,
  { requestId, drainBytes }: SendOptions,
): Promise<void> {
  headers["x-amzn-requestid"] = requestId;
  headers["x-amz-request-id"] = requestId;
  if (status === 503) headers["retry-after"] ??= "1";
  if (!request.complete) await drain(request, drainBytes);
  if (!request.complete) headers["connection"] = "close";
  const hasBody = request.method !== "HEAD" && status !== 204 && status !== 304;
  if (typeof body === "string" || Buffer.isBuffer(body)) return sendWhole(body);
  const declaredBytes = Number(headers["content-length"] ?? Number.NaN);
  if (hasBody && declaredBytes <= maxJoinedBytes) {
    // Reading so little at once costs a third of a pipeline. Nothing was sent yet, but what breaks off is told as below.
    const whole = await readBody(body, maxJoinedBytes).catch(() => undefined);
    if (whole?.length !== declaredBytes) response.destroy();
    else sendWhole(whole);
    return;
  }
  response.writeHead(status, headers);
  if (!hasBody) {
    body.destroy();
    response.end();
    return;
  }
  // A body that breaks off after its head was sent can only be told by breaking the connection, which pipeline does.
  await pipeline(body, response).catch(() => {});

  function sendWhole(bytes: string | Buffer): void {
    if (hasBody) headers["content-length"] ??= String(Buffer.byteLength(bytes));
    response.writeHead(status, headers);
    // Text leaves with its head in one write; bytes would need two, which costs more than this copy.
    if (!hasBody) response.end();
    else if (typeof bytes === "string") response.end(bytes, "utf8");
    else if (bytes.length <= maxJoinedBytes) response.end(bytes.toString("latin1"), "latin1");
    else response.end(bytes);
  }
}

function drain(request: IncomingMessage, limitBytes: number): Promise<void> {
  return new Promise((resolve) => {
    let sizeBytes = 0;
    request.unpipe();
    request.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) {
        request.pause();
        resolve();
      }
    });
    request.on("end", resolve);
    request.on("close", resolve);
    request.resume();
  });
}

const mailedLinks = ["ConfirmSubscription", "Unsubscribe"];

/** The links in notifications are followed by people, who cannot sign: their token or address is the proof, as on AWS. */
function isMailedLink({ service, operation }: Recognised, head: RequestHead): boolean {
  return head.method === "GET" && service === "sns" && operation !== undefined && mailedLinks.includes(operation);
}

function reportToStandardError({ kind, requestId, operation, error }: WireReport): void {
  if (kind !== "bug") return;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`bug in ${operation} (request ${requestId}): ${text}\n`);
}
