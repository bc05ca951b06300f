// Version 2 of S3's signatures: the addresses that boto3 still makes, and the header of programs older than 2014.
import { createHmac } from "node:crypto";
import { Fault } from "../kit/fault.ts";
import { bucketOfHost } from "./recognise.ts";
import { headerOf, type RequestHead } from "./request-head.ts";
import { compare, isEqual, maxSkewMs, mismatch, skewed } from "./signatures.ts";

// What of a query belongs to the resource.
const subresources = new Set(
  (
    "accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location logging metrics notification " +
    "object-lock partNumber policy replication requestPayment restore select select-type storageClass tagging torrent " +
    "uploadId uploads versionId versioning versions website response-cache-control response-content-disposition " +
    "response-content-encoding response-content-language response-content-type response-expires"
  ).split(" "),
);

const header = /^AWS ([^:\s]+):(\S+)$/;

export function isVersion2(head: RequestHead): boolean {
  const authorization = headerOf(head, "authorization");
  return authorization === undefined ? head.query.has("AWSAccessKeyId") : header.test(authorization);
}

export interface Version2Options {
  secretOf: (accessKeyId: string) => string;
  nowMs: number;
}

export function verifyVersion2(head: RequestHead, { secretOf, nowMs }: Version2Options): void {
  const inHeader = header.exec(headerOf(head, "authorization") ?? "");
  const [accessKeyId, signature] = inHeader?.slice(1) ?? [
    head.query.get("AWSAccessKeyId"),
    head.query.get("Signature"),
  ];
  const time = inHeader === null ? expiryOf(head, nowMs) : dateOf(head, nowMs);
  const toSign = [
    head.method,
    headerOf(head, "content-md5") ?? "",
    headerOf(head, "content-type") ?? "",
    time,
    amazonHeaders(head) + resourceOf(head),
  ].join("\n");
  const expected = createHmac("sha1", secretOf(accessKeyId ?? ""))
    .update(toSign)
    .digest("base64");
  if (!isEqual(expected, signature ?? "")) throw mismatch("restXml");
}

function expiryOf(head: RequestHead, nowMs: number): string {
  const expires = head.query.get("Expires") ?? "";
  if (/^\d+$/.test(expires) && Number(expires) * 1000 >= nowMs) return expires;
  throw new Fault("AccessDenied", "Request has expired", { status: 403 });
}

/** What is signed as the date: nothing where the date is among the headers of Amazon, which are signed themselves. */
function dateOf(head: RequestHead, nowMs: number): string {
  const date = headerOf(head, "date");
  const told = headerOf(head, "x-amz-date") ?? date ?? "";
  const toldMs = Date.parse(told);
  if (!(Math.abs(toldMs - nowMs) <= maxSkewMs)) throw skewed("restXml", told, nowMs);
  return headerOf(head, "x-amz-date") === undefined ? told : "";
}

function amazonHeaders(head: RequestHead): string {
  return [
    ...Object.entries(head.headers).map(([name, value]) => [name, String(value)] as const),
    ...[...head.query].map(([name, value]) => [name.toLowerCase(), value] as const),
  ]
    .filter(([name]) => name.startsWith("x-amz-"))
    .sort(([one], [other]) => compare(one, other))
    .map(([name, value]) => `${name}:${value.trim()}\n`)
    .join("");
}

function resourceOf(head: RequestHead): string {
  const wanted = [...head.query]
    .filter(([name]) => subresources.has(name))
    .sort(([one], [other]) => compare(one, other));
  const query = wanted.map(([name, value]) => (value === "" ? name : `${name}=${value}`)).join("&");
  const bucket = bucketOfHost(head.host);
  // A bucket in the path is signed with a slash behind it, whether or not it is sent with one.
  const path = bucket === undefined && /^\/[^/]+$/.test(head.path) ? `${head.path}/` : head.path;
  return `${bucket === undefined ? "" : `/${bucket}`}${path}${query === "" ? "" : `?${query}`}`;
}
