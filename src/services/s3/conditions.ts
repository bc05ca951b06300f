import { Fault } from "../../kit/fault.ts";
import type { BlobInfo, GetOptions } from "../../ports/blobs.ts";
import { preconditionFailed } from "./faults.ts";

export interface ReadConditions {
  IfMatch?: string | undefined;
  IfNoneMatch?: string | undefined;
  IfModifiedSince?: Date | undefined;
  IfUnmodifiedSince?: Date | undefined;
}

/** As RFC 9110 and S3 have it: an entity tag outweighs a date, and 412 outweighs 304. */
export function checkReadConditions(blob: BlobInfo, input: ReadConditions): void {
  // HTTP dates have no milliseconds.
  const modifiedMs = Math.floor(blob.lastModifiedMs / 1000) * 1000;
  if (input.IfMatch !== undefined) {
    if (!matches(input.IfMatch, blob.etag)) throw preconditionFailed("If-Match");
  } else if (input.IfUnmodifiedSince !== undefined && modifiedMs > input.IfUnmodifiedSince.getTime()) {
    throw preconditionFailed("If-Unmodified-Since");
  }
  if (input.IfNoneMatch !== undefined) {
    if (matches(input.IfNoneMatch, blob.etag)) throw notModified(blob);
  } else if (input.IfModifiedSince !== undefined && modifiedMs <= input.IfModifiedSince.getTime()) {
    throw notModified(blob);
  }
}

/** Absent when the header is not one range of bytes: then the whole object is answered, as S3 does. */
export function parseRange(header: string | undefined): GetOptions["range"] {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, first, last] = match;
  if (first === "") return last === "" ? undefined : { suffix: Number(last) };
  if (last === "") return { first: Number(first) };
  return Number(last) < Number(first) ? undefined : { first: Number(first), last: Number(last) };
}

export function matches(condition: string, etag: string): boolean {
  const unquoted = (tag: string) => tag.trim().replace(/^W\//, "").replace(/^"|"$/g, "");
  return condition.split(",").some((tag) => tag.trim() === "*" || unquoted(tag) === unquoted(etag));
}

function notModified(blob: BlobInfo): Fault {
  const headers = { etag: blob.etag, "last-modified": new Date(blob.lastModifiedMs).toUTCString() };
  return new Fault("NotModified", "Not Modified", { status: 304, headers });
}
