import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { remembered } from "./remembered.ts";

/** What the first lines of a request say, taken apart once, and only as far as somebody asks. */
export interface RequestHead {
  readonly method: string;
  /** Percent-encoded as sent, without the query. */
  readonly path: string;
  /** As sent, without the question mark: signatures are made of it. */
  readonly rawQuery: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Lower case, without the port. */
  readonly host: string;
  /** Whether it came through our own TLS, in transparent mode. */
  readonly isSecure: boolean;
  /** The credential scope of a signed or presigned request. */
  readonly scope: Scope | undefined;
}

export interface Scope {
  accessKeyId: string;
  date: string;
  region: string;
  service: string;
}

const noQuery = new URLSearchParams();

/** What of a request its head is made from. */
export interface RawHead extends Pick<IncomingMessage, "method" | "url" | "headers"> {
  socket: Socket & { encrypted?: boolean };
}

export function headOf(request: RawHead): RequestHead {
  return new LazyHead(request);
}

class LazyHead implements RequestHead {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly headers: IncomingHttpHeaders;
  readonly host: string;
  readonly #socket: Socket & { encrypted?: boolean };
  #query: URLSearchParams | undefined;
  #scope: Scope | undefined;
  #isScopeRead = false;

  constructor(request: RawHead) {
    const target = request.url ?? "/";
    // A client that takes us for an ordinary proxy sends the whole address.
    const relative = target.startsWith("/") ? target : target.replace(/^[a-z]+:\/\/[^/]*/i, "");
    const at = relative.indexOf("?");
    this.method = request.method ?? "GET";
    this.path = (at === -1 ? relative : relative.slice(0, at)) || "/";
    this.rawQuery = at === -1 ? "" : relative.slice(at + 1);
    this.headers = request.headers;
    this.host = hostName(this.headers.host ?? "");
    this.#socket = request.socket;
  }

  get isSecure(): boolean {
    return this.#socket.encrypted === true;
  }

  get query(): URLSearchParams {
    this.#query ??= this.rawQuery === "" ? noQuery : new URLSearchParams(this.rawQuery);
    return this.#query;
  }

  get scope(): Scope | undefined {
    if (!this.#isScopeRead) {
      this.#scope = readScope(this);
      this.#isScopeRead = true;
    }
    return this.#scope;
  }
}

const nameOfHost = remembered((hostHeader: string) => hostHeader.replace(/:\d*$/, "").toLowerCase());

/** `[::1]:4566` and `localhost:4566` without their port. */
export function hostName(hostHeader: string): string {
  return nameOfHost(hostHeader);
}

export function headerOf(head: RequestHead, name: string): string | undefined {
  const value = head.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function readScope(head: RequestHead): Scope | undefined {
  const authorization = headerOf(head, "authorization");
  const credential = authorization === undefined ? head.query.get("X-Amz-Credential") : credentialOf(authorization);
  return credential ? scopeOf(credential) : undefined;
}

/** What a client signs with changes once a day. An access key may hold slashes in principle: the scope is read from its end. */
export const scopeOf = remembered((credential: string): Scope | undefined => {
  const match = /^(.+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/.exec(credential);
  const [, accessKeyId = "", date = "", region = "", service = ""] = match ?? [];
  return match === null ? undefined : { accessKeyId, date, region, service };
});

function credentialOf(authorization: string): string | undefined {
  if (!authorization.startsWith("AWS4-")) return undefined;
  return fieldOf(authorization, "Credential");
}

/** `Name=value` of an Authorization header; empty when it is not there. */
export function fieldOf(authorization: string, name: string): string {
  const at = authorization.indexOf(`${name}=`);
  if (at === -1) return "";
  const start = at + name.length + 1;
  for (let end = start; end < authorization.length; end++) {
    const code = authorization.charCodeAt(end);
    if (code === comma || code === blank || code === tab) return authorization.slice(start, end);
  }
  return authorization.slice(start);
}

const [comma, blank, tab] = [0x2c, 0x20, 0x09];
