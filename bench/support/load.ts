import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/*
 * Load over raw sockets: an AWS client costs more than what is to be measured. An answer that is not 200 is counted, and
 * a bench that finds one throws: a rate of refusals is no rate.
 */

export interface Load {
  perSecond: number;
  /** Sorted. Of an open loop: from when the request should have begun. */
  latenciesMs: number[];
}

/** So many connections, each sending its next request as soon as it has its answer. */
export async function closedLoop(options: {
  url: string;
  request: Buffer;
  connections: number;
  durationMs: number;
}): Promise<Load> {
  const lines = await Promise.all(Array.from({ length: options.connections }, () => openLine(options.url)));
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + options.durationMs;
  await Promise.all(
    lines.map(async (line) => {
      for (;;) {
        const sentAt = performance.now();
        if (sentAt >= endsAt) return;
        await line.ask(options.request);
        latenciesMs.push(performance.now() - sentAt);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  for (const line of lines) line.close();
  return { perSecond: latenciesMs.length / seconds, latenciesMs: latenciesMs.sort((a, b) => a - b) };
}

/** Requests begin at random times (Poisson) whether or not earlier ones are answered; those without a free connection wait. */
export async function openLoop(options: {
  url: string;
  request: Buffer;
  perSecond: number;
  durationMs: number;
  connections?: number;
}): Promise<Load> {
  const { url, request, perSecond, durationMs, connections = 256 } = options;
  const free = await Promise.all(Array.from({ length: connections }, () => openLine(url)));
  const lines = [...free];
  const waiting: number[] = [];
  const latenciesMs: number[] = [];
  const underWay = new Set<Promise<void>>();
  const send = (intendedAt: number): void => {
    const line = free.pop();
    if (line === undefined) return void waiting.push(intendedAt);
    const asked = line.ask(request).then(() => {
      latenciesMs.push(performance.now() - intendedAt);
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
  const seconds = (performance.now() - startedAt) / 1000;
  for (const line of lines) line.close();
  return { perSecond: latenciesMs.length / seconds, latenciesMs: latenciesMs.sort((a, b) => a - b) };
}

/** Each request once, as many at a time as there are connections; the bodies of their answers, in order. */
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
      for (let i = next++; i < requests.length; i = next++) answers[i] = (await line.ask(requests[i]!)).toString();
    }),
  );
  for (const line of lines) line.close();
  return answers;
}

/** One request, and the body of its answer. */
export async function askOnce(url: string, request: Buffer): Promise<string> {
  const line = await openLine(url);
  try {
    return (await line.ask(request)).toString();
  } finally {
    line.close();
  }
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

interface Line {
  /** Answers the body; rejects when the status is not 200. */
  ask(request: Buffer): Promise<Buffer>;
  close(): void;
}

async function openLine(url: string): Promise<Line> {
  const { hostname, port } = new URL(url);
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opened = connect({ host: hostname, port: Number(port), noDelay: true }, () => resolve(opened));
    opened.once("error", reject);
  });
  let received = Buffer.alloc(0);
  let waiting: { resolve: (body: Buffer) => void; reject: (error: Error) => void } | undefined;
  const fail = (error: Error): void => waiting?.reject(error);
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the server closed a connection")));
  socket.on("data", (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const headEnd = received.indexOf("\r\n\r\n");
    if (headEnd === -1) return;
    const head = received.toString("latin1", 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) return fail(new Error(`an answer without its length: ${head}`));
    const end = headEnd + 4 + Number(length);
    if (received.length < end) return;
    const body = received.subarray(headEnd + 4, end);
    received = received.subarray(end);
    if (!head.startsWith("HTTP/1.1 200")) return fail(new Error(`${head}\n${body.toString()}`));
    waiting?.resolve(body);
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => {
      waiting = undefined;
      socket.destroy();
    },
  };
}
