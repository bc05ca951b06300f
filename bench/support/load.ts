import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Histogram } from "./histogram.ts";

/*
 * Load over raw sockets: an AWS client costs more than what is to be measured. An answer that is not 200 is counted, and
 * a bench that does not expect one throws: a rate of refusals is no rate.
 */

export interface Load {
  /** Of answers with status 200. */
  perSecond: number;
  /** Of those answers. Of an open loop: from when the request should have begun. */
  latenciesMs: Histogram;
  /** How many answers came with each status; 0 stands for a connection that broke, `nobody` for one that could not be made. */
  statuses: Map<number, number>;
}

export const nobody = -1;

interface LoadOptions {
  url: string;
  /** The same again and again, or the next one. */
  request: Buffer | (() => Buffer);
  durationMs: number;
  /** Whether other answers than 200 are what is looked for. */
  mayRefuse?: boolean;
}

/** So many connections, each sending its next request as soon as it has its answer. */
export async function closedLoop(options: LoadOptions & { connections: number }): Promise<Load> {
  const lines = await Promise.all(Array.from({ length: options.connections }, () => openLine(options.url)));
  const tally = new Tally(options);
  const startedAt = performance.now();
  const endsAt = startedAt + options.durationMs;
  await Promise.all(
    lines.map(async (line) => {
      for (;;) {
        const sentAt = performance.now();
        if (sentAt >= endsAt) return;
        await tally.ask(line, sentAt);
      }
    }),
  );
  for (const line of lines) line.close();
  return tally.load((performance.now() - startedAt) / 1000);
}

/** Requests begin at random times (Poisson) whether or not earlier ones are answered; those without a free connection wait. */
export async function openLoop(options: LoadOptions & { perSecond: number; connections?: number }): Promise<Load> {
  const { url, perSecond, durationMs, connections = 256 } = options;
  const free = await Promise.all(Array.from({ length: connections }, () => openLine(url)));
  const lines = [...free];
  const waiting: number[] = [];
  const tally = new Tally(options);
  const underWay = new Set<Promise<void>>();
  const send = (intendedAt: number): void => {
    const line = free.pop();
    if (line === undefined) return void waiting.push(intendedAt);
    const asked = tally.ask(line, intendedAt).then(() => {
      underWay.delete(asked);
      free.push(line);
      const next = waiting.shift();
      if (next !== undefined) send(next);
    });
    underWay.add(asked);
  };
  const startedAt = performance.now();
  for (
    let dueAt = startedAt;
    dueAt < startedAt + durationMs;
    dueAt += (-Math.log(1 - Math.random()) * 1000) / perSecond
  ) {
    if (dueAt > performance.now()) await sleep(Math.max(1, dueAt - performance.now()));
    send(dueAt);
  }
  while (underWay.size > 0) await Promise.all(underWay);
  for (const line of lines) line.close();
  return tally.load((performance.now() - startedAt) / 1000);
}

class Tally {
  readonly #options: LoadOptions;
  readonly #latenciesMs = new Histogram();
  readonly #statuses = new Map<number, number>();

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  async ask(line: Line, begunAt: number): Promise<void> {
    const { request, mayRefuse = false } = this.#options;
    const { status, text } = await line.ask(typeof request === "function" ? request() : request).then(
      (answer) => ({ status: answer.status, text: answer.status === 200 ? "" : answer.body.toString() }),
      (error: NodeJS.ErrnoException) => ({ status: error.syscall === "connect" ? nobody : 0, text: error.message }),
    );
    if (status === 200) this.#latenciesMs.add(performance.now() - begunAt);
    else if (!mayRefuse) throw new Error(`answered ${status}: ${text}`);
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
  }

  load(seconds: number): Load {
    const latenciesMs = this.#latenciesMs;
    return { perSecond: latenciesMs.length / seconds, latenciesMs, statuses: this.#statuses };
  }
}

/** Each request once, over so many connections; the bodies of the answers, in the order of the requests. */
export async function askAll(options: {
  url: string;
  requests: readonly Buffer[];
  connections: number;
}): Promise<string[]> {
  const { url, requests, connections } = options;
  const lines = await Promise.all(Array.from({ length: connections }, () => openLine(url)));
  const answers: string[] = [];
  let next = 0;
  await Promise.all(
    lines.map(async (line) => {
      for (let i = next++; i < requests.length; i = next++) answers[i] = await bodyOf(line, requests[i] as Buffer);
    }),
  );
  for (const line of lines) line.close();
  return answers;
}

/** One request, and the body of its answer. */
export async function askOnce(url: string, request: Buffer): Promise<string> {
  const line = await openLine(url);
  try {
    return await bodyOf(line, request);
  } finally {
    line.close();
  }
}

async function bodyOf(line: Line, request: Buffer): Promise<string> {
  const { status, body } = await line.ask(request);
  if (status !== 200) throw new Error(`answered ${status}: ${body.toString()}`);
  return body.toString();
}

export function percentile(latencies: Histogram, share: number): number {
  return latencies.percentile(share);
}

interface Line {
  /** Rejects when the connection breaks; the next call opens another one. */
  ask(request: Buffer): Promise<{ status: number; body: Buffer }>;
  close(): void;
}

/** A connection that is opened again when the server has asked for its end or broke it. */
async function openLine(url: string): Promise<Line> {
  let socket: Socket | undefined = await connected(url);
  return {
    async ask(request) {
      socket ??= await connected(url);
      try {
        const { isKept, ...answer } = await exchange(socket, request);
        if (!isKept) {
          socket.destroy();
          socket = undefined;
        }
        return answer;
      } catch (error) {
        socket?.destroy();
        socket = undefined;
        throw error;
      }
    },
    close: () => void socket?.destroy(),
  };
}

function connected(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const opened = connect({ host: hostname, port: Number(port), noDelay: true }, () => resolve(opened));
    opened.once("error", reject);
  });
}

function exchange(socket: Socket, request: Buffer): Promise<{ status: number; body: Buffer; isKept: boolean }> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const done = (): void => {
      socket.off("data", onData).off("error", onError).off("close", onClose);
    };
    const onError = (error: Error): void => {
      done();
      reject(error);
    };
    const onClose = (): void => onError(new Error("the server closed a connection"));
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const headEnd = received.indexOf("\r\n\r\n");
      if (headEnd === -1) return;
      const head = received.toString("latin1", 0, headEnd);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      if (length === undefined) {
        onError(new Error(`an answer without its length: ${head}`));
        return;
      }
      const end = headEnd + 4 + Number(length);
      if (received.length < end) return;
      done();
      const isKept = !/\r\nconnection: *close/i.test(head);
      resolve({ status: Number(head.slice(9, 12)), body: received.subarray(headEnd + 4, end), isKept });
    };
    socket.on("data", onData).on("error", onError).on("close", onClose);
    socket.write(request);
  });
}
