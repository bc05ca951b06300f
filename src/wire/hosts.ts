// A web page in the user's browser can reach a server on this machine. Two things tell its requests from a program's: the
// page's origin, and the name by which it found us.
import { isIP } from "node:net";
import { Fault } from "../kit/fault.ts";
import { remembered } from "./remembered.ts";
import { headerOf, hostName, type RequestHead } from "./request-head.ts";

/** Names by which callers may know us, beside localhost and addresses. */
export interface OwnNames {
  allowed: readonly string[];
  isOurs: (host: string) => boolean;
}

export function ownNames(allowed: readonly string[]): OwnNames {
  return { allowed, isOurs: remembered((host) => host === "" || isOurName(host, allowed)) };
}

/** Throws where the name by which a caller found us is not ours. */
export function checkHost({ host }: RequestHead, { isOurs }: OwnNames): void {
  if (!isOurs(host))
    throw refusedCaller(`the host "${host}" is not one of ours; name it in the configured hosts if it is`);
}

/** A page of another site, as far as browsers tell. */
export interface ForeignPage {
  /** Absent where the browser says none: of pictures, scripts and plain forms. */
  origin: string | undefined;
}

/** Absent of requests that can only come from a program, or from a page that we served. */
export function foreignPage(head: RequestHead, { allowed }: OwnNames): ForeignPage | undefined {
  const origin = headerOf(head, "origin");
  if (origin !== undefined) return isOurOrigin(origin, head, allowed) ? undefined : { origin };
  // Older than Origin on every request, browsers say so here: images, forms and scripts of other sites.
  const site = headerOf(head, "sec-fetch-site");
  if (site !== "cross-site" && site !== "same-site") return undefined;
  const isLink = headerOf(head, "sec-fetch-mode") === "navigate" && head.method === "GET" && !head.query.has("Action");
  return isLink ? undefined : { origin };
}

/** Names that an attacker's name server cannot make ours: a page on `evil.example` that resolves to 127.0.0.1 says its own name. */
function isOurName(host: string, allowedHosts: readonly string[]): boolean {
  const name = host.replace(/^sync-/, "");
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name.endsWith(".amazonaws.com") ||
    isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0 ||
    allowedHosts.some((allowed) => name === allowed || name.endsWith(`.${allowed}`))
  );
}

function isOurOrigin(origin: string, head: RequestHead, allowedHosts: readonly string[]): boolean {
  const match = /^https?:\/\/(.+)$/.exec(origin.toLowerCase());
  if (match === null) return false;
  const isSame = match[1] === (headerOf(head, "host") ?? "").toLowerCase();
  return isSame || allowedHosts.includes(hostName(match[1] as string));
}

/** Whether only this machine can reach an address that we listen on. */
export function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host === "::1" ||
    host === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    host === "::ffff:127.0.0.1"
  );
}

export function refusedCaller(reason: string): Fault {
  return new Fault("AccessDenied", reason, { status: 403 });
}
