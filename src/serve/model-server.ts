import { type IncomingMessage, request } from "node:http";
import { pipeline } from "node:stream";
import { Fault } from "../kit/fault.ts";
import type { Clock } from "../ports/clock.ts";
import type { InferenceRequest } from "../ports/models.ts";

/*
 * A model server of the user's own on this machine, spoken to as SageMaker speaks to a container: GET /ping until it answers
 * 200, then POST /invocations. Every request has a connection of its own: a server of one thread would otherwise listen to one
 * kept connection while others wait.
 */

export interface ModelServerOptions {
  clock: Clock;
  /** Such as `http://127.0.0.1:8080`. */
  origin: string;
  /** Requests at once; more of them wait. */
  maxConcurrent?: number;
  maxQueue?: number;
  timeoutMs?: number;
  startupTimeoutMs?: number;
}

/** As SageMaker bounds an answer. */
const maxAnswerBytes = 6_291_456;
const pingTimeoutMs = 2_000;
const pingEveryMs = 500;

/** What the server answered; status 0 stands for no answer at all. */
export interface ServerAnswer {
  status: number;
  body: Buffer;
  contentType: string;
  customAttributes?: string;
  /** The connection ended before the answer did: it may be asked again, of another server. */
  isLost?: boolean;
}

/** The address behind a container image `process:http://127.0.0.1:PORT`; `undefined` for any other image. Only this machine may be named. */
export function modelServerOrigin(image: string): string | undefined {
  const match = /^process:(http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5})\/?$/.exec(image);
  return match?.[1];
}

export class ModelServer {
  readonly #options: Required<ModelServerOptions>;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #whenIdle: (() => void)[] = [];
  #isClosed = false;

  constructor(options: ModelServerOptions) {
    this.#options = { maxConcurrent: 16, maxQueue: 256, timeoutMs: 60_000, startupTimeoutMs: 240_000, ...options };
  }

  /** Resolves at the first healthy ping; rejects when there is none within the start-up window. */
  async start(): Promise<void> {
    const { clock, startupTimeoutMs, origin } = this.#options;
    const until = clock.now() + startupTimeoutMs;
    for (;;) {
      if (this.#isClosed) throw new Error("closed before the model server was ready");
      const answer = await this.#ping();
      if (answer.status === 200) return;
      if (clock.now() >= until) {
        throw new Error(
          `the model server at ${origin} did not answer GET /ping with 200 within ${startupTimeoutMs / 1000} s: ${
            answer.status === 0 ? answer.body.toString() : `it answered ${answer.status}`
          }`,
        );
      }
      await new Promise<void>((resolve) => {
        clock.schedule(pingEveryMs, resolve);
      });
    }
  }

  /** Whether it answers a ping in time. */
  async isHealthy(): Promise<boolean> {
    return (await this.#ping()).status === 200;
  }

  /** Throws the fault `ServiceUnavailable` when too many requests wait already. */
  async infer(inference: InferenceRequest): Promise<ServerAnswer> {
    if (this.#running >= this.#options.maxConcurrent) {
      if (this.#waiting.length >= this.#options.maxQueue) {
        throw new Fault("ServiceUnavailable", "The service is unavailable. Try your call again.", { status: 503 });
      }
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve); // whoever ends hands its place over
      });
    } else this.#running++;
    try {
      const timeoutMs = inference.timeoutMs ?? this.#options.timeoutMs;
      return await this.#send("POST", "/invocations", { timeoutMs, headers: headersOf(inference), inference });
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
      if (this.#running === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle.push(resolve);
      });
    }
  }

  #ping(): Promise<ServerAnswer> {
    return this.#send("GET", "/ping", { timeoutMs: pingTimeoutMs, headers: {} });
  }

  #send(method: string, path: string, options: SendOptions): Promise<ServerAnswer> {
    return new Promise((resolve) => {
      const noAnswer = (message: string, isLost: boolean) => {
        cancel();
        resolve({ status: 0, body: Buffer.from(message), contentType: "text/plain", isLost });
      };
      const sent = request(this.#options.origin + path, {
        method,
        agent: false,
        headers: { ...options.headers, Connection: "close" },
        signal: options.inference?.signal,
      });
      const cancel = this.#options.clock.schedule(options.timeoutMs, () => {
        noAnswer("Your invocation timed out while waiting for a response from container primary.", false);
        sent.destroy();
      });
      sent.on("error", (error) => noAnswer(error.message, error.name !== "AbortError"));
      sent.on("response", (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("error", (error) => noAnswer(error.message, error.name !== "AbortError"));
        const head = headOf(response);
        const isGood = head.status >= 200 && head.status < 300;
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (isGood) options.inference?.onPart?.({ ...head, body: chunk });
          if (bytes > maxAnswerBytes) {
            noAnswer(`the model server's answer is longer than ${maxAnswerBytes} bytes`, false);
            sent.destroy();
          }
        });
        response.on("end", () => {
          cancel();
          resolve({ ...head, body: Buffer.concat(chunks) });
        });
      });
      const source = options.inference?.source;
      if (source === undefined) sent.end(options.inference?.body);
      else {
        source.open().then(
          (bytes) => {
            bytes.on("error", (error) => noAnswer(error.message, false));
            pipeline(bytes, sent, () => undefined); // what happens to the connection is told by `sent`
          },
          (error: Error) => {
            noAnswer(error.message, false);
            sent.destroy();
          },
        );
      }
    });
  }
}

function headOf({ statusCode = 0, headers }: IncomingMessage): Omit<ServerAnswer, "body"> {
  const attributes = headers["x-amzn-sagemaker-custom-attributes"];
  return {
    status: statusCode,
    contentType: headers["content-type"] ?? "application/octet-stream",
    ...(typeof attributes === "string" ? { customAttributes: attributes } : {}),
  };
}

interface SendOptions {
  timeoutMs: number;
  headers: Record<string, string | number>;
  inference?: InferenceRequest;
}

function headersOf(inference: InferenceRequest): Record<string, string | number> {
  return {
    "Content-Type": inference.contentType,
    ...lengthOf(inference),
    ...(inference.accept === undefined ? {} : { Accept: inference.accept }),
    ...(inference.customAttributes === undefined
      ? {}
      : { "X-Amzn-SageMaker-Custom-Attributes": inference.customAttributes }),
  };
}

/** Without a length Node sends in chunks. */
function lengthOf({ body, source }: InferenceRequest): Record<string, number> {
  const bytes = source === undefined ? body.length : source.sizeBytes;
  return bytes === undefined ? {} : { "Content-Length": bytes };
}
