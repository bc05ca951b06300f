import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** What the first lines of a request say, taken apart once. */
export interface RequestHead {
  method: string;
  /** Percent-encoded as sent, without the query. */
  path: string;
  /** As sent, without the question mark: signatures are made of it. */
  rawQuery: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** Lower case, without the port. */
  host: string;
  /** Whether it came through our own TLS, in transparent mode. */
  isSecure: boolean;
}

export function headOf(request: IncomingMessage, isSecure: boolean): RequestHead {
  const target = request.url ?? "/";
  // A client that takes us for an ordinary proxy sends the whole address.
  const relative = target.startsWith("/") ? target : target.replace(/^[a-z]+:\/\/[^/]*/i, "");
  const at = relative.indexOf("?");
  const rawQuery = at === -1 ? "" : relative.slice(at + 1);
  return {
    method: request.method ?? "GET",
    path: (at === -1 ? relative : relative.slice(0, at)) || "/",
    rawQuery,
    query: new URLSearchParams(rawQuery),
    headers: request.headers,
    host: hostName(request.headers.host ?? ""),
    isSecure,
  };
}

/** `[::1]:4566` and `localhost:4566` without their port. */
export function hostName(hostHeader: string): string {
  return hostHeader.replace(/:\d*$/, "").toLowerCase();
}

export function headerOf(head: RequestHead, name: string): string | undefined {
  const value = head.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
