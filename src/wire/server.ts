// The one door: every AWS request of every protocol comes in here, is recognised, checked, handed to its service and answered.
//
// W1. An unknown operation, field or enum answers as AWS does: a modelled error, never a 500 or a silent success.
// W2. A bug in a handler is logged with its stack and request id, answered 500, and never ends the server.
// W3. Nothing but the body of an object is longer than the limit of its service, and that one is never held whole.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { authorityPath, type CertificateAuthority } from "./certificate-authority.ts";
import { serve } from "./dispatch.ts";
import { answerRequest, type WireClock, type WireReport } from "./exchange.ts";
import { type Door, farewell } from "./farewell.ts";
import { ownNames } from "./hosts.ts";
import { defaultLimits, type WireLimits } from "./limits.ts";
import { listen } from "./listener.ts";
import { quickCalls } from "./quick-calls.ts";
import { openQuickLane, type QuickKind } from "./quick-lane.ts";
import { relay } from "./relay.ts";
import type { Service } from "./service.ts";
import { type Credential, createVerifier } from "./signatures.ts";
import { acceptTunnels } from "./tunnels.ts";

export interface WireOptions {
  services: readonly Service[];
  host?: string;
  /** 0 for any that is free. */
  port?: number;
  /** The descriptor of a listening socket that this process was given, instead of host and port. */
  descriptor?: number | undefined;
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
  /** The operations (`service.Operation`) whose plain requests go past node:http, because they must cost least, and how they look. */
  quick?: { kinds: readonly QuickKind[]; takes: (operation: string) => boolean };
  /** Told of bugs and of operations that nobody answers. Bugs go to standard error by default. */
  report?: (report: WireReport) => void;
}

/** Above that of usual clients, so that they end connections and not we, in the moment in which they ask. */
const keepAliveMs = 65_000;

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
  /** Of the listening socket, for the process that is to go on with it. */
  descriptor: number | undefined;
  /**
   * Answers what it has taken. With `door` another process has the socket, and nobody new is let in: they wait for that one.
   * Where it is a successor, connections stay open until the next call, and what is asked on them is handed to it.
   */
  close(door?: Door): Promise<void>;
}

export async function createWireServer(options: WireOptions): Promise<WireServer> {
  const { host = defaultHost, port = defaultPort, clock, credentials = [], hosts = [], authority } = options;
  const { region = defaultRegion, accountId = defaultAccountId } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const report = options.report ?? reportToStandardError;
  let url = "";

  const door = {
    services: new Map(options.services.map((service) => [service.name, serve(service)])),
    names: ownNames([host, ...hosts]),
    verifier: credentials.length === 0 ? undefined : createVerifier(credentials, () => clock.now()),
    limits,
    region,
    accountId,
    clock,
    url: () => url,
    takesOver,
    patienceOf: (response: ServerResponse) => leaving.patienceOf(response),
    report,
  };
  const server = createServer(
    { requestTimeout: limits.requestTimeoutMs, keepAliveTimeout: keepAliveMs },
    (request, response) => {
      if (leaving.isHandedOn()) return relay(request, response, url);
      leaving.enter(response);
      answerRequest(door, request, response)
        .catch((error: unknown) => {
          report({ kind: "bug", requestId: "-", operation: `${request.method} ${request.url}`, error });
          response.destroy();
        })
        .then(leaving.leave);
    },
  );
  server.maxConnections = limits.connections;
  const closeTunnels = acceptTunnels(server, authority);
  const closeOthers = (): void => {
    closeTunnels();
    closeLane();
  };
  const leaving = farewell(server, { ...limits, closeOthers });
  const { quick } = options;
  const closeLane =
    quick === undefined
      ? () => undefined
      : openQuickLane(server, {
          kinds: quick.kinds,
          keepAliveMs,
          leaving,
          answer: quickCalls(door, quick.takes),
          onBug: (error) => report({ kind: "bug", requestId: "-", operation: "a call in the quick lane", error }),
        });

  function takesOver(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.url === healthPath) answerHealth(response, leaving.isSaid());
    else if (request.url === authorityPath && request.method === "GET" && authority !== undefined) {
      response.writeHead(200, { "content-type": "application/x-pem-file" });
      response.end(authority.certificate);
    } else return options.onRequest?.(request, response) ?? false;
    return true;
  }

  const isGuarded = credentials.length > 0;
  const listening = await listen(server, { host, port, descriptor: options.descriptor, isGuarded });
  url = listening.url;

  return { ...listening, server, close: (door = "closes") => leaving.say(door) };
}

function answerHealth(response: ServerResponse, isLeaving: boolean): void {
  const body = JSON.stringify({ status: isLeaving ? "stopping" : "ok", process: process.pid });
  response.writeHead(isLeaving ? 503 : 200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

function reportToStandardError({ kind, requestId, operation, error }: WireReport): void {
  if (kind === "unknown-operation") return;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${kind} in ${operation} (request ${requestId}): ${text}\n`);
}
