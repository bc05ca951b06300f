import type {
  CopyObjectCommandInput,
  DeleteObjectCommandInput,
  DeleteObjectsCommandInput,
  PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { BlobBody, BlobInfo, Blobs, PutOptions } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import { type ChecksumAlgorithm, checksumAlgorithms, checksumHeader } from "../../wire/checksums.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { Buckets } from "./buckets.ts";
import { checksumMembers, parseAlgorithm, watchBody } from "./checksums.ts";
import { matches } from "./conditions.ts";
import type { ObjectEventName } from "./event-records.ts";
import {
  invalidArgument,
  malformedXml,
  noSuchKey,
  noSuchVersion,
  notImplemented,
  preconditionFailed,
} from "./faults.ts";
import type { Notifier } from "./notify.ts";
import { checkKey, headersOf } from "./object-headers.ts";
import { isOfParts, partChecksumsHeader, partSizesHeader } from "./object-parts.ts";
import { deletedHeaders } from "./read-object.ts";
import { checkVersionId, newVersion, shownVersion } from "./versions.ts";

export interface WriteOptions {
  blobs: Blobs;
  /** The largest body of one request. */
  largestObjectBytes: number;
  clock: Pick<Clock, "uuid">;
  buckets: Buckets;
  notifier: Notifier;
}

/** As S3. */
const mostDeletedAtOnce = 1000;

export function writeHandlers(options: WriteOptions): Record<string, Handler> {
  const { blobs, buckets, clock, notifier } = options;

  /** What became of one object of a deletion: gone for good, or behind a marker. */
  async function remove(
    at: { bucket: string; key: string; version?: string | undefined; ifMatch?: string | undefined },
    call: Call,
  ) {
    const { bucket, key, version, ifMatch } = at;
    checkVersionId(version);
    const marker = version === undefined ? newVersion(buckets.find(bucket), clock) : undefined;
    const name = marker === undefined ? "ObjectRemoved:Delete" : "ObjectRemoved:DeleteMarkerCreated";
    const note = notifier.noteOf(name, { bucket, call });
    const removed = await blobs.delete(`${bucket}/${key}`, { version, marker, ifMatch, note });
    notifier.wake();
    return removed?.isMarker ? removed : undefined;
  }

  return {
    PutObject: (input: PutObjectCommandInput, call: Call) =>
      putObject(options, input, { call, event: "ObjectCreated:Put" }),

    async DeleteObject(input: DeleteObjectCommandInput, call: Call) {
      const at = { bucket: input.Bucket as string, key: input.Key as string, version: input.VersionId };
      const marker = await remove({ ...at, ifMatch: input.IfMatch }, call);
      return { DeleteMarker: marker && true, VersionId: input.VersionId ?? marker?.version };
    },

    async DeleteObjects(input: DeleteObjectsCommandInput, call: Call) {
      const objects = input.Delete?.Objects ?? [];
      if (objects.length === 0 || objects.length > mostDeletedAtOnce) {
        throw malformedXml(`it must name 1 to ${mostDeletedAtOnce} objects, not ${objects.length}`);
      }
      const outcomes = await Promise.all(
        objects.map(async ({ Key = "", VersionId, ETag }) => {
          try {
            const at = { bucket: input.Bucket as string, key: Key, version: VersionId, ifMatch: ETag };
            const marker = await remove(at, call);
            const behind = marker && { DeleteMarker: true, DeleteMarkerVersionId: marker.version };
            return { deleted: { Key, ...(VersionId !== undefined && { VersionId }), ...behind } };
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
            return { error: { Key, VersionId, Code: error.code, Message: error.message } };
          }
        }),
      );
      const errors = outcomes.flatMap((outcome) => outcome.error ?? []);
      return {
        Deleted: input.Delete?.Quiet ? undefined : outcomes.flatMap((outcome) => outcome.deleted ?? []),
        Errors: errors.length > 0 ? errors : undefined,
      };
    },

    async CopyObject(input: CopyObjectCommandInput, call: Call) {
      const bucket = input.Bucket as string;
      const source = parseCopySource(input.CopySource);
      checkKey(input.Key as string);
      const sourceBucket = buckets.find(source.bucket);
      const target = `${bucket}/${input.Key}`;
      const original = await findCopySource(blobs, source);
      checkCopyConditions(original, input);
      if (original.sizeBytes > options.largestObjectBytes) {
        throw new Fault(
          "InvalidRequest",
          `The specified copy source is larger than the maximum allowable size for a copy source: ${options.largestObjectBytes}`,
        );
      }
      const isReplacing = input.MetadataDirective === "REPLACE";
      if (source.blobKey === target && source.version === undefined && !changesSomething(input)) {
        throw new Fault(
          "InvalidRequest",
          "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        );
      }
      const put: PutOptions = {
        headers: copiedHeaders(original, input, isReplacing),
        ...conditionsOf(input),
        version: newVersion(buckets.find(bucket), clock),
        note: notifier.noteOf("ObjectCreated:Copy", { bucket, call }),
      };
      const algorithm = newChecksum(original, input);
      const info =
        algorithm !== undefined || isOfParts(original)
          ? await rewrite(target, put, algorithm)
          : await blobs.copy(source.blobKey, target, { ...put, sourceVersion: source.version });
      if (info === undefined) throw noSuchKey(source.key);
      notifier.wake();
      return {
        CopyObjectResult: {
          ETag: info.etag,
          LastModified: new Date(info.lastModifiedMs),
          ...checksumMembers(info.headers),
        },
        CopySourceVersionId: shownVersion(sourceBucket, original),
        ...aboutNew(info, buckets, bucket),
      };

      /** A hash that the source does not have is made by reading it: another checksum, or that of what came in parts. */
      async function rewrite(
        key: string,
        { headers = {}, ...rest }: PutOptions,
        ChecksumAlgorithm: ChecksumAlgorithm | undefined,
      ): Promise<BlobInfo | undefined> {
        const opened = await blobs.get(source.blobKey, { version: source.version });
        if (opened === undefined) return undefined;
        const watch = watchBody({ ChecksumAlgorithm }, options.largestObjectBytes);
        const kept = Object.entries(headers).filter(([name]) => !name.startsWith("x-amz-checksum-"));
        return blobs.put(key, opened.body, { ...rest, headers: Object.fromEntries(kept), ...watch });
      }
    },
  };
}

export type PutOutcome = { ETag: string; VersionId?: string | undefined };

export async function putObject(
  { blobs, buckets, clock, notifier, largestObjectBytes }: WriteOptions,
  input: PutObjectCommandInput,
  { call, event }: { call: Call; event: ObjectEventName },
): Promise<PutOutcome> {
  const bucket = input.Bucket as string;
  const key = input.Key as string;
  checkKey(key);
  if (input.WriteOffsetBytes !== undefined) throw notImplemented("appending to an object");
  const info = await blobs.put(`${bucket}/${key}`, bodyOf(input.Body), {
    headers: headersOf(input),
    ...conditionsOf(input),
    version: newVersion(buckets.find(bucket), clock),
    note: notifier.noteOf(event, { bucket, call }),
    ...watchBody(input, largestObjectBytes),
  });
  notifier.wake();
  return { ETag: info.etag, ...checksumMembers(info.headers), ...aboutNew(info, buckets, bucket) };
}

/** What every answer about a new object tells beside its tag. */
export function aboutNew(info: BlobInfo, buckets: Buckets, bucket: string): object {
  return {
    VersionId: info.version === "null" ? undefined : shownVersion(buckets.find(bucket), info),
    ServerSideEncryption: info.headers["x-amz-server-side-encryption"],
  };
}

/** Conditions that a write may have. */
export function conditionsOf(input: { IfNoneMatch?: string | undefined; IfMatch?: string | undefined }) {
  if (input.IfNoneMatch !== undefined && input.IfNoneMatch !== "*") {
    throw notImplemented("If-None-Match with an entity tag");
  }
  return {
    ...(input.IfNoneMatch === "*" && { ifNoneMatch: "*" as const }),
    ...(input.IfMatch !== undefined && { ifMatch: input.IfMatch }),
  };
}

/** The object that a copy names, which must be there. */
export async function findCopySource(blobs: Blobs, source: CopySource): Promise<BlobInfo> {
  const original = await blobs.head(source.blobKey, { version: source.version });
  if (original === undefined)
    throw source.version === undefined ? noSuchKey(source.key) : noSuchVersion(source.version);
  if (original.isMarker) {
    throw new Fault(
      "InvalidRequest",
      "The source of a copy request may not specifically refer to a delete marker by version id.",
      {
        headers: deletedHeaders(original),
      },
    );
  }
  return original;
}

function changesSomething(input: CopyObjectCommandInput): boolean {
  return (
    input.MetadataDirective === "REPLACE" ||
    input.TaggingDirective === "REPLACE" ||
    input.StorageClass !== undefined ||
    input.ServerSideEncryption !== undefined ||
    input.WebsiteRedirectLocation !== undefined ||
    input.ChecksumAlgorithm !== undefined
  );
}

/** What a copy needs that its source does not have: as S3, a copy's checksum is always of the whole. */
function newChecksum(
  original: BlobInfo,
  { ChecksumAlgorithm: asked }: CopyObjectCommandInput,
): ChecksumAlgorithm | undefined {
  const kept = checksumAlgorithms.find((algorithm) => original.headers[checksumHeader(algorithm)] !== undefined);
  const wanted = parseAlgorithm(asked) ?? kept;
  return wanted !== kept || isOfParts(original) ? wanted : undefined;
}

/** The wire hands over a stream or bytes; an absent body is an empty object. */
export function bodyOf(body: unknown): BlobBody {
  return (body as BlobBody | undefined) ?? new Uint8Array();
}

export interface CopySource {
  bucket: string;
  key: string;
  blobKey: string;
  version: string | undefined;
}

/** `bucket/key` or `/bucket/key`, URL-encoded, perhaps with `?versionId=`. */
export function parseCopySource(source: string | undefined): CopySource {
  const [path = "", query] = (source ?? "").split("?");
  let decoded: string;
  try {
    decoded = decodeURIComponent(path).replace(/^\//, "");
  } catch {
    throw invalidArgument("Copy Source must be URL-encoded", "x-amz-copy-source", source);
  }
  const slash = decoded.indexOf("/");
  if (slash <= 0 || slash === decoded.length - 1) {
    throw invalidArgument(
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
      "x-amz-copy-source",
      source,
    );
  }
  const version = new URLSearchParams(query).get("versionId") ?? undefined;
  checkVersionId(version);
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1), blobKey: decoded, version };
}

interface CopyConditions {
  CopySourceIfMatch?: string | undefined;
  CopySourceIfNoneMatch?: string | undefined;
  CopySourceIfModifiedSince?: Date | undefined;
  CopySourceIfUnmodifiedSince?: Date | undefined;
}

/** Unlike those of a read, each that does not hold is answered 412. */
export function checkCopyConditions(source: BlobInfo, input: CopyConditions): void {
  const modifiedMs = Math.floor(source.lastModifiedMs / 1000) * 1000;
  if (input.CopySourceIfMatch !== undefined) {
    if (!matches(input.CopySourceIfMatch, source.etag)) throw preconditionFailed("x-amz-copy-source-If-Match");
  } else if (input.CopySourceIfUnmodifiedSince && modifiedMs > input.CopySourceIfUnmodifiedSince.getTime()) {
    throw preconditionFailed("x-amz-copy-source-If-Unmodified-Since");
  }
  if (input.CopySourceIfNoneMatch !== undefined) {
    if (matches(input.CopySourceIfNoneMatch, source.etag)) throw preconditionFailed("x-amz-copy-source-If-None-Match");
  } else if (input.CopySourceIfModifiedSince && modifiedMs <= input.CopySourceIfModifiedSince.getTime()) {
    throw preconditionFailed("x-amz-copy-source-If-Modified-Since");
  }
}

function copiedHeaders(
  original: BlobInfo,
  input: CopyObjectCommandInput,
  isReplacing: boolean,
): Record<string, string> {
  const given = headersOf(input);
  const checksums = Object.entries(original.headers).filter(([name]) => name.startsWith("x-amz-checksum-"));
  const headers = isReplacing ? { ...given, ...Object.fromEntries(checksums) } : { ...original.headers };
  delete headers[partSizesHeader];
  delete headers[partChecksumsHeader];
  // As S3: where and how the copy is kept is never taken from its source.
  for (const name of ["x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-website-redirect-location"]) {
    delete headers[name];
    if (given[name] !== undefined) headers[name] = given[name];
  }
  if (input.TaggingDirective !== "REPLACE") {
    delete headers["x-amz-tagging"];
    if (original.headers["x-amz-tagging"]) headers["x-amz-tagging"] = original.headers["x-amz-tagging"];
  } else if (input.Tagging) headers["x-amz-tagging"] = input.Tagging;
  return headers;
}
