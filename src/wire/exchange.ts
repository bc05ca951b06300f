// One request, from its head to its answer: who calls, what for and with what; then its handler, and what that says.
//
// Thousands of these are made in a second. What a request may never ask for (a signal, an address, a parsed query) is made
// when it does; and a getter is one of the class, since a getter of an object literal keeps its request alive until the
// next full collection.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { isDiskFull } from "../kit/disk-full.ts";
import { Fault } from "../kit/fault.ts";
import { inflate, readBody } from "./body.ts";
import { admitPage, answerPreflight } from "./cross-origin.ts";
import {
  type Found,
  findOperation,
  isNamedInBody,
  nameFromBody,
  type ServedService,
  splitBucket,
  UnknownOperation,
} from "./dispatch.ts";
import { boundaryOf, readForm } from "./form-upload.ts";
import { checkHost, type ForeignPage, foreignPage, type OwnNames } from "./hosts.ts";
import { bindingsOf } from "./http-bindings.ts";
import { bodyLimit, type WireLimits } from "./limits.ts";
import { loadModel } from "./model.ts";
import { checkWhole, isAwsChunked, isBodiless, isSmallAndPlain, objectBody } from "./object-body.ts";
import { parseInput } from "./parse-input.ts";
import { type Dialect, type Recognised, recognise } from "./recognise.ts";
import { headerOf, headOf, type RequestHead } from "./request-head.ts";
import { sendAnswer } from "./send-answer.ts";
import type { Call } from "./service.ts";
import { type Signed, sha256, type Verifier } from "./signatures.ts";
import { validate } from "./validate.ts";
import { type Answer, type AnswerOptions, writeFault, writeOutput } from "./write-answer.ts";

/** What is the same for every request. */
export interface Door {
  services: ReadonlyMap<string, ServedService>;
  names: OwnNames;
  /** Absent where everybody on this machine may call. */
  verifier: Verifier | undefined;
  limits: WireLimits;
  region: string;
  accountId: string;
  clock: WireClock;
  /** Such as `http://127.0.0.1:4566`. */
  url: () => string;
  /** Takes what is not AWS; true when it has answered or will. */
  takesOver: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Aborted when that caller is gone, or when the server ends. */
  patienceOf: (response: ServerResponse) => AbortSignal;
  report: (report: WireReport) => void;
}

/** The part of the port `Clock` that the wire needs. */
export interface WireClock {
  now(): number;
  uuid(): string;
}

export interface WireReport {
  kind: "bug" | "full-disk" | "unknown-operation";
  requestId: string;
  operation: string;
  error?: unknown;
}

export async function answerRequest(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const exchange = new Exchange(door, request, response);
  let answer: Answer;
  try {
    checkHost(exchange.head, door.names);
    const page = foreignPage(exchange.head, door.names);
    if (page !== undefined) exchange.admit(page);
    else if (door.takesOver(request, response)) return;
    answer = await exchange.perform();
  } catch (error) {
    if (response.destroyed && !response.writableFinished) return;
    answer = exchange.refuse(error);
  }
  exchange.finish(answer);
  const sent = sendAnswer(request, response, answer, door.limits.drainBytes);
  if (sent !== undefined) await sent;
}

class Exchange implements Call {
  readonly requestId: string;
  readonly head: RequestHead;
  readonly accountId: string;
  readonly #door: Door;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #recognised: Recognised;
  readonly #answering: AnswerOptions;
  #operationName: string | undefined;
  #signal: AbortSignal | undefined;
  #pageHeaders: Record<string, string> | undefined;

  constructor(door: Door, request: IncomingMessage, response: ServerResponse) {
    this.#door = door;
    this.#request = request;
    this.#response = response;
    this.requestId = door.clock.uuid();
    this.head = headOf(request);
    this.#recognised = recognise(this.head);
    this.accountId = door.accountId;
    this.#answering = {
      dialect: this.#recognised.dialect,
      requestId: this.requestId,
      requestType: headerOf(this.head, "content-type"),
    };
  }

  get region(): string {
    return this.head.scope?.region ?? this.#door.region;
  }

  get baseUrl(): string {
    return this.head.isSecure || this.head.host === "" ? this.#door.url() : `http://${this.head.headers.host}`;
  }

  get callerAddress(): string | undefined {
    return this.#request.socket.remoteAddress;
  }

  get signal(): AbortSignal {
    this.#signal ??= signalOf(this.#response);
    return this.#signal;
  }

  get patience(): AbortSignal {
    return this.#door.patienceOf(this.#response);
  }

  async perform(): Promise<Answer> {
    const { dialect } = this.#recognised;
    const fromPage = dialect === "restXml" ? this.#pageRequest() : undefined;
    if (fromPage !== undefined) return fromPage;
    // The query protocol says in its body what it wants; all others are known by now, and refused before they are read.
    const early = isNamedInBody(this.#recognised, this.head)
      ? await this.#readAll(this.#recognised.service)
      : undefined;
    if (early !== undefined) nameFromBody(this.#recognised, this.#inflate(early));
    const found = findOperation(this.#door.services, this.#recognised, this.head);
    const { operation, service } = found;
    this.#operationName = `${service.model.name}.${operation.name}`;
    const input = dialect === "restXml" ? await this.#objectInput(found) : await this.#plainInput(found, early);
    validate(service.model, operation.input, input);
    const output = await found.handler(input, this);
    return writeOutput(service.model, operation, output, this.#answering);
  }

  /** Lets a page of another site in, or throws. */
  admit(page: ForeignPage): void {
    const { services, verifier } = this.#door;
    const context = { head: this.head, recognised: this.#recognised, services, isSigned: verifier !== undefined };
    this.#pageHeaders = admitPage(page, context);
  }

  /** The headers of every answer: by which support, logs and people name this request, and by which a page may have it. */
  finish({ headers }: Answer): void {
    if (this.#pageHeaders !== undefined) Object.assign(headers, this.#pageHeaders);
    if (this.#recognised.dialect === "restXml") {
      headers["x-amz-request-id"] = this.requestId;
      headers["x-amz-id-2"] = this.requestId;
    } else headers["x-amzn-requestid"] = this.requestId;
  }

  /** What browsers send to S3 and no SDK models: the question before a request, and forms. */
  #pageRequest(): Answer | Promise<Answer> | undefined {
    const { head } = this;
    if (head.method === "OPTIONS") return answerPreflight(head);
    const boundary = head.method === "POST" ? boundaryOf(headerOf(head, "content-type") ?? "") : undefined;
    if (boundary === undefined) return undefined;
    const { bucket, path } = splitBucket(head);
    const isForm = bucket !== undefined && path.length <= 1 && head.rawQuery === "";
    return isForm ? this.#upload(bucket, boundary) : undefined;
  }

  async #upload(bucket: string, boundary: string): Promise<Answer> {
    const { services, verifier } = this.#door;
    this.#operationName = "s3.PostObject";
    const pages = services.get("s3")?.pages;
    if (pages === undefined) throw new UnknownOperation(this.#operationName, "restXml");
    const form = await readForm(this.#request, boundary);
    try {
      verifier?.verifyForm(form.fields);
      const { status, headers, body } = await pages.upload({ bucket, ...form }, this);
      return { status, headers, body };
    } finally {
      await form.close();
    }
  }

  /** What is said of a failure: the fault, or that we have a bug. */
  refuse(error: unknown): Answer {
    const { requestId } = this;
    const { service, dialect } = this.#recognised;
    const operation = this.#operationName ?? this.#recognised.operation ?? `${this.head.method} ${this.head.path}`;
    const isFault = error instanceof Fault;
    if (!isFault) this.#door.report({ kind: isDiskFull(error) ? "full-disk" : "bug", requestId, operation, error });
    if (error instanceof UnknownOperation) {
      this.#door.report({ kind: "unknown-operation", requestId, operation: error.operation });
    }
    const model = service === undefined ? undefined : loadModel(service);
    return writeFault(model, isFault ? error : faultOf(error, dialect), this.#answering);
  }

  async #plainInput(
    { operation, service, labels }: Found,
    early: Buffer | undefined,
  ): Promise<Record<string, unknown>> {
    const { head } = this;
    const { verifier } = this.#door;
    const raw = early ?? (await this.#readAll(service.model.name));
    if (verifier !== undefined) {
      // What was signed is what was sent: a compressed body is signed compressed.
      if (!isMailedLink(this.#recognised, head)) verifier.verify(head, this.#recognised.dialect, () => sha256(raw));
      checkDeclaredHash(head, raw);
    }
    return parseInput(operation, { dialect: this.#recognised.dialect, head, labels, body: this.#inflate(raw) });
  }

  /** Objects stream; other bodies of S3 are read, after the same checks. Sets the members that the body's framing decides. */
  async #objectInput({ operation, labels }: Found): Promise<Record<string, unknown>> {
    const { head } = this;
    const { dialect } = this.#recognised;
    const { limits, verifier } = this.#door;
    const signed: Signed | undefined = verifier?.verify(head, dialect, () => "UNSIGNED-PAYLOAD");
    if (isBodiless(head)) return parseInput(operation, { dialect, head, labels, body: noBytes });
    if (isSmallAndPlain(head)) {
      const whole = await readBody(this.#request, limits.bodyBytes);
      checkWhole(whole, head);
      return parseInput(operation, { dialect, head, labels, body: whole });
    }
    // Filled in place: checksums that come after an object's bytes are set here while the handler reads.
    const input: Record<string, unknown> = {};
    const onTrailer = (name: string, value: string) => {
      const member = operation.input.members.find(({ traits }) => traits.httpHeader?.toLowerCase() === name);
      if (member !== undefined) input[member.name] = value;
    };
    const stream = objectBody(this.#request, head, { signed, onTrailer });
    const isObject = bindingsOf(operation.input).payload?.shape.kind === "streaming-blob";
    const body: Buffer | Readable = isObject ? stream : await readBody(stream, limits.bodyBytes);
    if (isObject && isAwsChunked(head)) Object.assign(input, framedMembers(head));
    return Object.assign(input, { ...parseInput(operation, { dialect, head, labels, body }), ...input });
  }

  #readAll(service: string | undefined): Promise<Buffer> {
    return readBody(this.#request, bodyLimit(this.#door.limits, service));
  }

  #inflate(raw: Buffer): Buffer {
    const encoding = this.head.headers["content-encoding"];
    if (encoding === undefined) return raw;
    return inflate(raw, encoding, bodyLimit(this.#door.limits, this.#recognised.service));
  }
}

const noBytes = Buffer.alloc(0);

/** Of an object in chunks, its own length and encoding, instead of those that it travelled with. */
function framedMembers(head: RequestHead): Record<string, unknown> {
  const length = headerOf(head, "x-amz-decoded-content-length");
  const encoding = (headerOf(head, "content-encoding") ?? "").replace(/\baws-chunked\b,?\s*/, "").trim();
  return {
    ...(length !== undefined && { ContentLength: Number(length) }),
    ContentEncoding: encoding === "" ? undefined : encoding,
  };
}

export function checkDeclaredHash(head: RequestHead, raw: Buffer): void {
  const declared = headerOf(head, "x-amz-content-sha256");
  if (declared === undefined || !/^[0-9a-f]{64}$/.test(declared) || declared === sha256(raw)) return;
  throw new Fault("InvalidSignatureException", "x-amz-content-sha256 is not the hash of the body", { status: 403 });
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

/** What is answered where a handler failed without a fault: a full disk can be helped, the rest is ours. */
export function faultOf(error: unknown, dialect: Dialect): Fault {
  if (isDiskFull(error)) {
    const message = "No space is left on the disk of the data folder, nothing was written: delete objects or make room";
    // Not one of the statuses that SDKs send again: waiting alone makes no room.
    return new Fault("InsufficientStorage", message, { status: 507, isRetryable: false, cause: error });
  }
  const code = dialect === "restXml" || dialect === "query" ? "InternalError" : "InternalFailure";
  const message = "Scones failed to answer this request; its log has the reason under the request id";
  return new Fault(code, message, { status: 500 });
}

const mailedLinks = ["ConfirmSubscription", "Unsubscribe"];

/** The links in notifications are followed by people, who cannot sign: their token or address is the proof, as on AWS. */
function isMailedLink({ service, operation }: Recognised, head: RequestHead): boolean {
  return head.method === "GET" && service === "sns" && operation !== undefined && mailedLinks.includes(operation);
}
