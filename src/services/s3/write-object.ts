import type {
  CopyObjectCommandInput,
  DeleteObjectCommandInput,
  DeleteObjectsCommandInput,
  PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { BlobBody, BlobInfo, Blobs } from "../../ports/blobs.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { AnnounceObject } from "./announce.ts";
import { checksumMembers, watchBody } from "./checksums.ts";
import { matches } from "./conditions.ts";
import { invalidArgument, noSuchKey, notImplemented, preconditionFailed } from "./faults.ts";
import { checkKey, headersOf } from "./object-headers.ts";
import { checkVersion } from "./read-object.ts";

export interface WriteOptions {
  blobs: Blobs;
  /** The largest body of one request. */
  largestObjectBytes: number;
  announce: AnnounceObject;
  checkBucket: (bucket: string) => void;
}

/** As S3. */
const mostDeletedAtOnce = 1000;

export function writeHandlers(options: WriteOptions): Record<string, Handler> {
  const { blobs, announce } = options;
  return {
    async PutObject(input: PutObjectCommandInput, call: Call) {
      const key = input.Key as string;
      checkKey(key);
      if (input.WriteOffsetBytes !== undefined) throw notImplemented("appending to an object");
      if (input.IfNoneMatch !== undefined && input.IfNoneMatch !== "*") {
        throw notImplemented("If-None-Match with an entity tag");
      }
      const info = await blobs.put(`${input.Bucket}/${key}`, bodyOf(input.Body), {
        headers: headersOf(input),
        ifNoneMatch: input.IfNoneMatch === "*" ? "*" : undefined,
        ifMatch: input.IfMatch,
        ...watchBody(input, options.largestObjectBytes),
      });
      await announce("Object Created", info, { reason: "PutObject", call });
      return { ETag: info.etag, ...checksumMembers(info.headers) };
    },

    async DeleteObject(input: DeleteObjectCommandInput, call: Call) {
      checkVersion(input.VersionId);
      await remove(`${input.Bucket}/${input.Key}`, call);
      return {};
    },

    async DeleteObjects(input: DeleteObjectsCommandInput, call: Call) {
      const objects = input.Delete?.Objects ?? [];
      if (objects.length === 0 || objects.length > mostDeletedAtOnce) {
        throw new Fault(
          "MalformedXML",
          `The XML you provided was not well-formed or did not validate against our published schema: it must name 1 to ${mostDeletedAtOnce} objects, not ${objects.length}`,
        );
      }
      const outcomes = await Promise.all(
        objects.map(async ({ Key, VersionId }) => {
          if (VersionId !== undefined && VersionId !== "null") {
            const Message = "The specified version does not exist.";
            return { error: { Key, VersionId, Code: "NoSuchVersion", Message } };
          }
          await remove(`${input.Bucket}/${Key}`, call);
          return { deleted: { Key } };
        }),
      );
      const errors = outcomes.flatMap((outcome) => outcome.error ?? []);
      return {
        Deleted: input.Delete?.Quiet ? undefined : outcomes.flatMap((outcome) => outcome.deleted ?? []),
        Errors: errors.length > 0 ? errors : undefined,
      };
    },

    async CopyObject(input: CopyObjectCommandInput, call: Call) {
      const source = parseCopySource(input.CopySource);
      checkKey(input.Key as string);
      options.checkBucket(source.bucket);
      const target = `${input.Bucket}/${input.Key}`;
      const original = await blobs.head(source.blobKey);
      if (original === undefined) throw noSuchKey(source.key);
      checkCopyConditions(original, input);
      const isReplacing = input.MetadataDirective === "REPLACE";
      if (source.blobKey === target && !isReplacing) {
        throw new Fault(
          "InvalidRequest",
          "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        );
      }
      const info = await blobs.copy(source.blobKey, target, {
        headers: copiedHeaders(original, input, isReplacing),
        ifNoneMatch: input.IfNoneMatch === "*" ? "*" : undefined,
        ifMatch: input.IfMatch,
      });
      if (info === undefined) throw noSuchKey(source.key);
      await announce("Object Created", info, { reason: "CopyObject", call });
      return {
        CopyObjectResult: {
          ETag: info.etag,
          LastModified: new Date(info.lastModifiedMs),
          ...checksumMembers(info.headers),
        },
      };
    },
  };

  async function remove(blobKey: string, call: Call): Promise<void> {
    const info = await blobs.head(blobKey);
    if (info === undefined) return;
    await blobs.delete(blobKey);
    await announce("Object Deleted", info, { reason: "DeleteObject", call });
  }
}

/** The wire hands over a stream or bytes; an absent body is an empty object. */
export function bodyOf(body: unknown): BlobBody {
  return (body as BlobBody | undefined) ?? new Uint8Array();
}

/** `bucket/key` or `/bucket/key`, URL-encoded, perhaps with `?versionId=`. */
export function parseCopySource(source: string | undefined): { bucket: string; key: string; blobKey: string } {
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
  checkVersion(new URLSearchParams(query).get("versionId") ?? undefined);
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1), blobKey: decoded };
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
  if (input.TaggingDirective !== "REPLACE") {
    delete headers["x-amz-tagging"];
    if (original.headers["x-amz-tagging"]) headers["x-amz-tagging"] = original.headers["x-amz-tagging"];
  } else if (input.Tagging) headers["x-amz-tagging"] = input.Tagging;
  return headers;
}
