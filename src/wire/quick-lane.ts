// A way past node:http for the kinds of requests that must cost least: its head, its streams and its objects cost three times
// what a plain request needs. A connection begins here and stays while all that comes is plain; with the first byte that is
// not, it goes to node:http for good, together with what was read. So nothing is ever refused here for its form, and node:http
// alone judges what is unusual, slow or wrong.
import { type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Farewell } from "./farewell.ts";
import { type PlainHead, readPlainHead } from "./plain-head.ts";
import type { Answer } from "./write-answer.ts";

export interface QuickLaneOptions {
  kinds: readonly QuickKind[];
  keepAliveMs: number;
  /** Undefined hands the request over to node:http. */
  answer: (head: PlainHead, body: Buffer, caller: QuickCaller) => Promise<Answer | undefined>;
  leaving: Pick<Farewell, "isHandedOn" | "enter" | "leave">;
  onBug: (error: unknown) => void;
}

export interface QuickKind {
  /** How requests of this kind begin. */
  prefix: string;
  maxBodyBytes: number;
  /** Asked before the body is there: an answer for a request that is not worth reading. */
  refusal?: (head: PlainHead) => Answer | undefined;
}

export interface QuickCaller {
  readonly socket: Socket;
  /** Aborted when the caller goes away before it has its answer. */
  readonly signal: AbortSignal;
}

/** A body that does not come goes to node:http, whose own limits go on from there. */
const patienceMs = 10_000;
const lookEveryMs = 5_000;

/** Puts the lane before the server; returns what breaks off the connections in it. */
export function openQuickLane(server: Server, options: QuickLaneOptions): () => void {
  const toHttp = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  const connections = new Set<QuickConnection>();
  const lane: Lane = {
    ...options,
    starts: options.kinds.map((kind) => ({ kind, start: Buffer.from(kind.prefix, "latin1") })),
    connections,
    toHttp: (socket) => {
      for (const listener of toHttp) listener.call(server, socket);
    },
  };
  server.on("connection", (socket: Socket & { encrypted?: boolean }) => {
    if (socket.encrypted === true) lane.toHttp(socket);
    else connections.add(new QuickConnection(lane, socket));
  });
  const looking = setInterval(() => {
    const now = performance.now();
    for (const connection of connections) connection.look(now);
  }, lookEveryMs).unref();
  server.on("close", () => clearInterval(looking));
  return () => {
    for (const connection of connections) connection.destroy();
  };
}

interface Lane extends QuickLaneOptions {
  starts: readonly { kind: QuickKind; start: Buffer }[];
  connections: Set<QuickConnection>;
  toHttp: (socket: Socket) => void;
}

class QuickConnection implements QuickCaller {
  shouldKeepAlive = true;
  readonly #lane: Lane;
  readonly socket: Socket;
  /** Bytes that belong to no answered request yet. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #head: PlainHead | undefined;
  #kind: QuickKind | undefined;
  /** Of the body of a refused request, still to come. */
  #skippedBytes = 0;
  #isBusy = false;
  #gone: AbortController | undefined;
  #lastAt = performance.now();

  constructor(lane: Lane, socket: Socket) {
    this.#lane = lane;
    this.socket = socket;
    socket.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClose);
  }

  get signal(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.socket.destroyed) this.#gone.abort();
    return this.#gone.signal;
  }

  look(now: number): void {
    if (this.#isBusy) return;
    const quietMs = now - this.#lastAt;
    if (this.#waitingBytes > 0 && quietMs > patienceMs) this.#handOver();
    else if (quietMs > this.#lane.keepAliveMs) this.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #onData = (chunk: Buffer): void => {
    this.#lastAt = performance.now();
    let bytes = chunk;
    if (this.#skippedBytes > 0) {
      const skipped = Math.min(this.#skippedBytes, chunk.length);
      this.#skippedBytes -= skipped;
      if (skipped === chunk.length) return;
      bytes = chunk.subarray(skipped);
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#isBusy) this.socket.pause();
    else this.#take();
  };

  /** Answers what is there, one request after the other. */
  #take(): void {
    const { leaving } = this.#lane;
    while (!this.#isBusy && this.#waitingBytes > 0) {
      this.#head ??= this.#readHead();
      const head = this.#head;
      // What is not whole when the socket is handed on is for the successor, which node:http asks.
      if (head === undefined || leaving.isHandedOn()) {
        this.#handOver();
        return;
      }
      const sizeBytes = head.headBytes + head.bodyBytes;
      const refusal = this.#kind?.refusal?.(head);
      if (refusal !== undefined) {
        this.#skippedBytes = Math.max(0, sizeBytes - this.#waitingBytes);
        this.#shift(Math.min(sizeBytes, this.#waitingBytes));
        this.#send(refusal);
        continue;
      }
      if (this.#waitingBytes < sizeBytes) return;
      this.#joinWaiting();
      const body = (this.#waiting[0] as Buffer).subarray(head.headBytes, sizeBytes);
      this.#isBusy = true;
      leaving.enter(this);
      this.#answer(head, body)
        .catch((error: unknown) => {
          this.#lane.onBug(error);
          this.destroy();
        })
        .then(leaving.leave);
    }
  }

  #readHead(): PlainHead | undefined {
    const first = this.#joinWaiting();
    for (const { kind, start } of this.#lane.starts) {
      if (first.length < start.length || first.compare(start, 0, start.length, 0, start.length) !== 0) continue;
      this.#kind = kind;
      return readPlainHead(first, kind.maxBodyBytes);
    }
    return undefined;
  }

  async #answer(head: PlainHead, body: Buffer): Promise<void> {
    const answer = await this.#lane.answer(head, body, this);
    this.#isBusy = false;
    this.#gone = undefined;
    if (!this.socket.writable) return;
    if (answer === undefined) {
      this.#handOver();
      return;
    }
    this.#shift(head.headBytes + head.bodyBytes);
    this.#send(answer);
    this.#goOn();
  }

  #goOn(): void {
    this.#take();
    if (!this.#isBusy && this.socket.isPaused()) this.socket.resume();
  }

  #send({ status, headers, body }: Answer): void {
    const { socket } = this;
    if (typeof body !== "string" && !Buffer.isBuffer(body)) throw new Error("the quick lane sends no streams");
    const lengthBytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    head += `content-length: ${lengthBytes}\r\ndate: ${httpDate()}\r\n`;
    head += this.shouldKeepAlive ? this.#keepAlive() : "connection: close\r\n\r\n";
    let isTaken: boolean;
    // One write; large bytes go in a second one.
    if (typeof body === "string") {
      isTaken = socket.write(head + body, lengthBytes === body.length ? "latin1" : "utf8");
    } else if (lengthBytes <= maxJoinedBytes) {
      isTaken = socket.write(head + body.toString("latin1"), "latin1");
    } else {
      socket.cork();
      socket.write(head, "latin1");
      isTaken = socket.write(body);
      socket.uncork();
    }
    if (!this.shouldKeepAlive) {
      socket.end();
      this.#shift(this.#waitingBytes);
      this.#skippedBytes = Number.POSITIVE_INFINITY;
    } else if (!isTaken) this.#waitForDrain();
  }

  #keepAlive(): string {
    return `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(this.#lane.keepAliveMs / 1000)}\r\n\r\n`;
  }

  /** Whoever does not read its answers gets no more of them. */
  #waitForDrain(): void {
    this.#isBusy = true;
    this.socket.once("drain", () => {
      this.#isBusy = false;
      this.#goOn();
    });
  }

  #handOver(): void {
    const { socket } = this;
    socket.off("data", this.#onData).off("end", this.#onEnd).off("error", this.#onError).off("close", this.#onClose);
    this.#lane.connections.delete(this);
    const bytes = this.#joinWaiting();
    if (bytes.length > 0) socket.unshift(bytes);
    this.#lane.toHttp(socket);
    if (socket.isPaused()) socket.resume();
  }

  /** As node:http has it: whoever sends no more wants no answer either. */
  #onEnd = (): void => {
    this.#gone?.abort();
    this.socket.end();
  };

  #onError = (): void => this.destroy(); // a broken connection: there is nobody to tell

  #onClose = (): void => {
    this.#lane.connections.delete(this);
    this.#gone?.abort();
  };

  #joinWaiting(): Buffer {
    if (this.#waiting.length !== 1) this.#waiting = [Buffer.concat(this.#waiting)];
    return this.#waiting[0] as Buffer;
  }

  #shift(bytes: number): void {
    const all = this.#joinWaiting();
    this.#waiting = bytes === all.length ? [] : [all.subarray(bytes)];
    this.#waitingBytes -= bytes;
    this.#head = undefined;
  }
}

const maxJoinedBytes = 16 * 1024;

let dateSecond = 0;
let dateText = "";

/** Made once a second, as node:http does. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date().toUTCString();
  }
  return dateText;
}
