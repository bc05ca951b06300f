// How the server ends without losing what it has taken, and without a client meeting a closed door that it was about to use.
//
// At first the listener stays open and every answer asks for its connection to be closed, while health says 503, so that
// clients and load balancers go elsewhere; then nobody new is let in, and what is under way is answered. Where another
// process holds the same listener the first part is left out: who comes now waits in front of the door for that one. And where
// that one is our successor, connections that are kept stay open: what is asked on them is handed to it.
import type { Server, ServerResponse } from "node:http";
import { Server as TcpServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface FarewellOptions {
  /** The first part ends when nobody has asked for a while, and after this time. 0: there is none. */
  farewellMs: number;
  /** What is not answered by then is broken off. */
  graceMs: number;
  /** Closes the connections that the server does not know as its own. */
  closeOthers: () => void;
}

/** What becomes of the listener: it closes; somebody else keeps it open; a successor of ours goes on with it. */
export type Door = "closes" | "held" | "handed on";

export interface Farewell {
  isSaid(): boolean;
  /** Whether requests are for the successor. */
  isHandedOn(): boolean;
  /** Keeps count of a request until it leaves. */
  enter(response: Pick<ServerResponse, "shouldKeepAlive">): void;
  leave: () => void;
  /** Aborted when nobody new is let in, or when that caller is gone: waiting any longer would only hold up the end. */
  patienceOf(response: ServerResponse): AbortSignal;
  /**
   * Resolves when every connection is closed; with a successor, when what was taken is answered, and at the next call when
   * connections are closed too. May be called again.
   */
  say(door: Door): Promise<void>;
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

  let isClosing = false;
  let isHandedOn = false;
  let isEmpty = false;
  let closed = Promise.resolve();
  const patient = new Set<AbortController>();

  async function end(door: Door): Promise<void> {
    const begunAt = performance.now();
    isHandedOn = door === "handed on";
    const isQuiet = () => isHandedOn || performance.now() - lastAskedAt > quietMs;
    const isAsked = () => busy > 0 || !isQuiet();
    if (door === "closes") {
      while (isAsked() && performance.now() - begunAt < farewellMs) await sleep(lookEveryMs);
      await justAccepted();
    }
    // Of the listener alone: the server's own close would cut connections whose first request is on its way.
    closed = new Promise<void>((resolve) => TcpServer.prototype.close.call(server, () => resolve())).then(() => {
      isEmpty = true;
    });
    isClosing = true;
    const mayTakeMs = farewellMs === 0 && door === "closes" ? 0 : graceMs;
    // What was let in just now has not asked yet.
    if (mayTakeMs > 0) lastAskedAt = Math.max(lastAskedAt, performance.now());
    for (const waiting of patient) waiting.abort();
    const closesAt = performance.now() + mayTakeMs;
    while (!isEmpty && isAsked() && performance.now() < closesAt) await Promise.race([sleep(lookEveryMs), closed]);
    if (!isHandedOn) await closeConnections();
  }

  async function closeConnections(): Promise<void> {
    server.closeAllConnections();
    closeOthers();
    await closed;
  }

  return {
    isSaid: () => ending !== undefined,
    isHandedOn: () => isHandedOn,
    enter(response) {
      busy++;
      lastAskedAt = performance.now();
      if (ending !== undefined) response.shouldKeepAlive = false;
    },
    leave() {
      busy--;
    },
    patienceOf(response) {
      const waiting = new AbortController();
      if (isClosing || response.destroyed) waiting.abort();
      patient.add(waiting);
      response.on("close", () => {
        patient.delete(waiting);
        waiting.abort();
      });
      return waiting.signal;
    },
    say(door) {
      if (ending === undefined) ending = end(door);
      else if (door === "closes") ending = ending.then(closeConnections);
      return ending;
    },
  };
}
