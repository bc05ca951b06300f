import type { GetObjectCommandInput, HeadObjectCommandInput } from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { BlobInfo, Blobs } from "../../ports/blobs.ts";
import type { Handler } from "../../wire/service.ts";
import { checksumMembers } from "./checksums.ts";
import { checkReadConditions, parseRange } from "./conditions.ts";
import { headNotFound, invalidArgument, noSuchKey, notImplemented } from "./faults.ts";
import { membersOf } from "./object-headers.ts";

type ReadInput = GetObjectCommandInput | HeadObjectCommandInput;

/** Which member of the request replaces which of the answer. */
const overrides = {
  ResponseCacheControl: "CacheControl",
  ResponseContentDisposition: "ContentDisposition",
  ResponseContentEncoding: "ContentEncoding",
  ResponseContentLanguage: "ContentLanguage",
  ResponseContentType: "ContentType",
  ResponseExpires: "Expires",
} as const;

export function readHandlers({ blobs }: { blobs: Blobs }): Record<string, Handler> {
  async function open(input: ReadInput) {
    checkVersion(input.VersionId);
    if (input.PartNumber !== undefined) throw notImplemented("reading one part of an object");
    if (input.SSECustomerAlgorithm !== undefined) throw notImplemented("encryption with customer keys");
    const blob = await blobs.get(`${input.Bucket}/${input.Key}`, { range: parseRange(input.Range) });
    if (blob === undefined) return undefined;
    try {
      checkReadConditions(blob, input);
    } catch (error) {
      blob.body.destroy();
      throw error;
    }
    return blob;
  }

  return {
    async GetObject(input: GetObjectCommandInput) {
      const blob = await open(input);
      if (blob === undefined) throw noSuchKey(input.Key as string);
      return { ...answer(blob, input), Body: blob.body };
    },

    async HeadObject(input: HeadObjectCommandInput) {
      const blob = await open(input);
      if (blob === undefined) throw headNotFound();
      blob.body.destroy();
      return answer(blob, input);
    },

    async GetObjectAttributes(input: { Bucket: string; Key: string; VersionId?: string; ObjectAttributes: string[] }) {
      checkVersion(input.VersionId);
      const blob = await blobs.head(`${input.Bucket}/${input.Key}`);
      if (blob === undefined) throw noSuchKey(input.Key);
      const asked = new Set(input.ObjectAttributes);
      const partCount = /-(\d+)"$/.exec(blob.etag)?.[1];
      const checksum = checksumMembers(blob.headers);
      return {
        LastModified: new Date(blob.lastModifiedMs),
        ETag: asked.has("ETag") ? blob.etag.replaceAll('"', "") : undefined,
        ObjectSize: asked.has("ObjectSize") ? blob.sizeBytes : undefined,
        StorageClass: asked.has("StorageClass") ? "STANDARD" : undefined,
        Checksum: asked.has("Checksum") && Object.keys(checksum).length > 0 ? checksum : undefined,
        ObjectParts: asked.has("ObjectParts") && partCount ? { TotalPartsCount: Number(partCount) } : undefined,
      };
    },
  };
}

/** Objects have one version, which S3 calls null. */
export function checkVersion(versionId: string | undefined): void {
  if (versionId === undefined || versionId === "null") return;
  throw new Fault("NoSuchVersion", "The specified version does not exist.", {
    status: 404,
    members: { VersionId: versionId },
  });
}

function answer(blob: BlobInfo & { range?: { first: number; last: number } }, input: ReadInput): object {
  const members: Record<string, unknown> = {
    ...membersOf(blob.headers),
    AcceptRanges: "bytes",
    ETag: blob.etag,
    LastModified: new Date(blob.lastModifiedMs),
    ContentLength: blob.range ? blob.range.last - blob.range.first + 1 : blob.sizeBytes,
  };
  if (blob.range) members["ContentRange"] = `bytes ${blob.range.first}-${blob.range.last}/${blob.sizeBytes}`;
  // A checksum is of the whole object: with a part of it, clients would find that it does not match.
  else if (input.ChecksumMode === "ENABLED") Object.assign(members, checksumMembers(blob.headers));
  for (const [override, member] of Object.entries(overrides)) {
    const value = input[override as keyof typeof overrides];
    if (value !== undefined) members[member] = value;
    if (member === "Expires" && value !== undefined) {
      if (!(value instanceof Date)) throw invalidArgument("the date is not valid", override, value);
      members["ExpiresString"] = value.toUTCString();
    }
  }
  return members;
}
