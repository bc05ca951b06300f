// Pages of other sites: whoever sees one in a browser on this machine lends it a way to this server. None may use it, but for
// the buckets whose rules (CORS) let it in.
//
// P1. Without a rule of the very bucket that a page names nothing is done for it. P2. Where callers need not sign, a rule
// opens the objects of its bucket alone: not the bucket's own settings, and no copies out of other buckets.
import { Fault } from "../kit/fault.ts";
import { type ServedService, splitBucket } from "./dispatch.ts";
import { type ForeignPage, refusedCaller } from "./hosts.ts";
import type { Recognised } from "./recognise.ts";
import { headerOf, type RequestHead } from "./request-head.ts";
import type { Answer } from "./write-answer.ts";

export interface PageContext {
  head: RequestHead;
  recognised: Recognised;
  services: ReadonlyMap<string, ServedService>;
  isSigned: boolean;
}

/** The headers by which the page may have its answer; throws where it may not. */
export function admitPage(
  page: ForeignPage,
  { head, recognised, services, isSigned }: PageContext,
): Record<string, string> {
  const pages = recognised.service === "s3" ? services.get("s3")?.pages : undefined;
  const { bucket, path } = splitBucket(head);
  if (pages === undefined || bucket === undefined) {
    const who = page.origin === undefined ? "another site" : page.origin;
    throw refusedCaller(`a page of ${who} may not call this server`);
  }
  const isOfObject = path.length > 1;
  const isAsking = head.method === "OPTIONS";
  const method = isAsking ? (headerOf(head, "access-control-request-method") ?? "") : head.method;
  const headers = isAsking ? namesIn(headerOf(head, "access-control-request-headers")) : [];
  const allowed = pages.allow({ bucket, isOfObject, origin: page.origin, method, headers });
  if (!isSigned) {
    if (!isOfObject && (method === "PUT" || method === "DELETE")) {
      throw refusedCaller("a page of another site may not change a bucket itself");
    }
    if (head.headers["x-amz-copy-source"] !== undefined || headers.includes("x-amz-copy-source")) {
      throw refusedCaller("a page of another site may not copy objects");
    }
  }
  // Chrome asks this of servers on the machine or network of its user.
  const isPrivate = head.headers["access-control-request-private-network"] === "true";
  return isPrivate ? { ...allowed, "access-control-allow-private-network": "true" } : allowed;
}

/** What a browser asks before it lets a page send the request itself: that it was let in is all there is to say. */
export function answerPreflight(head: RequestHead): Answer {
  if (headerOf(head, "origin") === undefined) {
    throw new Fault("BadRequest", "Insufficient information. Origin request header needed.");
  }
  return { status: 200, headers: {}, body: "" };
}

function namesIn(list: string | undefined): string[] {
  return (list ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
