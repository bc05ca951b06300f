// How the server ends without losing what it has taken, and without a client meeting a closed door that it was about to use.
//
// At first the listener stays open and every answer asks for its connection to be closed, while health says 503, so that
// clients and load balancers go elsewhere; then nobody new is let in, and what is under way is answered.
import type { Server, ServerResponse } from "node:http";
import { Server as TcpServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface FarewellOptions {
  /** The first part ends when nobody has asked for a while, and after this time. 0: there is none. */
  farewellMs: number;
  /** What is not answered by then is broken off: long polls, mostly. */
  graceMs: number;
  /** Closes the connections that the server does not know as its own. */
  closeOthers: () => void;
}

export interface Farewell {
  isSaid(): boolean;
  /** Keeps count of a request until it leaves. */
  enter(response: ServerResponse): void;
  leave: () => void;
  /** Resolves when every connection is closed. May be called twice. */
  say(): Promise<void>;
}

/** A turn of the event loop takes in all connections that wait at the door; right after a short one hardly anybody does. */
async function justAccepted(): Promise<void> {
  for (let turn = 0; turn < maxTurns; turn++) {
    const begunAt = performance.now();
    await new Promise((resolve) => setImmediate(resolve));
    if (performance.now() - begunAt < shortTurnMs) return;
  }
}

const maxTurns = 1_000;
const shortTurnMs = 0.2;
/** Keep-alive clients that are at work ask more often than that. */
const quietMs = 250;
// Real time, not the port's: these are real sockets, and a test that stands still would never end.
const lookEveryMs = 20;

export function farewell(server: Server, { farewellMs, graceMs, closeOthers }: FarewellOptions): Farewell {
  let busy = 0;
  let lastAskedAt = Number.NEGATIVE_INFINITY;
  let ending: Promise<void> | undefined;

  async function end(): Promise<void> {
    const begunAt = performance.now();
    const isAsked = () => busy > 0 || performance.now() - lastAskedAt < quietMs;
    while (isAsked() && performance.now() - begunAt < farewellMs) await sleep(lookEveryMs);
    await justAccepted();
    // Of the listener alone: the server's own close would cut connections whose first request is on its way.
    const closed = new Promise<void>((resolve) => TcpServer.prototype.close.call(server, () => resolve()));
    const closesAt = performance.now() + (farewellMs === 0 ? 0 : graceMs);
    while (isAsked() && performance.now() < closesAt) await sleep(lookEveryMs);
    server.closeAllConnections();
    closeOthers();
    await closed;
  }

  return {
    isSaid: () => ending !== undefined,
    enter(response) {
      busy++;
      lastAskedAt = performance.now();
      if (ending !== undefined) response.shouldKeepAlive = false;
    },
    leave() {
      busy--;
    },
    say() {
      ending ??= end();
      return ending;
    },
  };
}
