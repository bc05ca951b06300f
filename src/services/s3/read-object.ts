import type {
  GetObjectAttributesCommandInput,
  GetObjectCommandInput,
  HeadObjectCommandInput,
} from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { Blob, BlobInfo, Blobs, GetOptions } from "../../ports/blobs.ts";
import type { Handler } from "../../wire/service.ts";
import { type Buckets, pageSize } from "./buckets.ts";
import { checksumMembers } from "./checksums.ts";
import { checkReadConditions, parseRange } from "./conditions.ts";
import { headNotFound, invalidArgument, noSuchKey, noSuchVersion, notImplemented } from "./faults.ts";
import { membersOf } from "./object-headers.ts";
import { readPartChecksums, readPartSizes } from "./object-parts.ts";
import { checkVersionId, shownVersion } from "./versions.ts";

type ReadInput = GetObjectCommandInput | HeadObjectCommandInput;

/** Which member of the request replaces which of the answer. */
const overrides = [
  ["ResponseCacheControl", "CacheControl"],
  ["ResponseContentDisposition", "ContentDisposition"],
  ["ResponseContentEncoding", "ContentEncoding"],
  ["ResponseContentLanguage", "ContentLanguage"],
  ["ResponseContentType", "ContentType"],
  ["ResponseExpires", "Expires"],
] as const;

export function readHandlers({ blobs, buckets }: { blobs: Blobs; buckets: Buckets }): Record<string, Handler> {
  async function open(input: ReadInput): Promise<Blob> {
    checkVersionId(input.VersionId);
    if (input.SSECustomerAlgorithm !== undefined) throw notImplemented("encryption with customer keys");
    const key = `${input.Bucket}/${input.Key}`;
    const range = input.PartNumber === undefined ? parseRange(input.Range) : await partRange(key, input);
    const blob = await blobs.get(key, { range, version: input.VersionId });
    if (blob === undefined) throw await absence(blobs, buckets, input);
    try {
      checkReadConditions(blob, input);
    } catch (error) {
      if (blob.bytes === undefined) blob.body.destroy();
      throw error;
    }
    return blob;
  }

  /** What a read would answer, without the bytes; only a range has to be compared with them. */
  async function look(input: HeadObjectCommandInput): Promise<BlobInfo & Pick<Blob, "range">> {
    if (input.Range !== undefined || input.PartNumber !== undefined) {
      const blob = await open(input);
      if (blob.bytes === undefined) blob.body.destroy();
      return blob;
    }
    checkVersionId(input.VersionId);
    if (input.SSECustomerAlgorithm !== undefined) throw notImplemented("encryption with customer keys");
    const blob = await blobs.head(`${input.Bucket}/${input.Key}`, { version: input.VersionId });
    if (blob === undefined || blob.isMarker) throw await absence(blobs, buckets, input);
    checkReadConditions(blob, input);
    return blob;
  }

  async function partRange(key: string, input: ReadInput): Promise<GetOptions["range"]> {
    if (input.Range !== undefined) {
      throw new Fault("InvalidRequest", "Cannot specify both Range header and partNumber query parameter");
    }
    const blob = await blobs.head(key, { version: input.VersionId });
    if (blob === undefined || blob.isMarker) return undefined;
    const sizes = readPartSizes(blob.headers) ?? [blob.sizeBytes];
    const number = input.PartNumber as number;
    const sizeBytes = sizes[number - 1];
    if (sizeBytes === undefined) {
      throw new Fault("InvalidPartNumber", "The requested partnumber is not satisfiable", {
        status: 416,
        members: { PartNumberRequested: number, ActualPartCount: sizes.length },
      });
    }
    if (sizeBytes === 0) return undefined;
    const first = sizes.slice(0, number - 1).reduce((sum, size) => sum + size, 0);
    return { first, last: first + sizeBytes - 1 };
  }

  function answer(blob: BlobInfo & Pick<Blob, "range">, input: ReadInput): Record<string, unknown> {
    const members: Record<string, unknown> = membersOf(blob.headers);
    members["AcceptRanges"] = "bytes";
    members["ETag"] = blob.etag;
    members["LastModified"] = new Date(blob.lastModifiedMs);
    members["ContentLength"] = blob.range ? blob.range.last - blob.range.first + 1 : blob.sizeBytes;
    members["VersionId"] = shownVersion(buckets.find(input.Bucket as string), blob);
    if (blob.range) members["ContentRange"] = `bytes ${blob.range.first}-${blob.range.last}/${blob.sizeBytes}`;
    // A checksum is of the whole object: with a part of it, clients would find that it does not match.
    else if (input.ChecksumMode === "ENABLED") Object.assign(members, checksumMembers(blob.headers));
    if (input.PartNumber !== undefined) members["PartsCount"] = readPartSizes(blob.headers)?.length;
    for (const [override, member] of overrides) {
      const value = (input as GetObjectCommandInput)[override];
      if (value === undefined) continue;
      members[member] = value;
      if (member !== "Expires") continue;
      if (!(value instanceof Date)) throw invalidArgument("the date is not valid", override, value);
      members["ExpiresString"] = value.toUTCString();
    }
    return members;
  }

  return {
    async GetObject(input: GetObjectCommandInput) {
      const blob = await open(input);
      const members = answer(blob, input);
      members["Body"] = blob.bytes ?? blob.body;
      return members;
    },

    async HeadObject(input: HeadObjectCommandInput) {
      try {
        return answer(await look(input), input);
      } catch (error) {
        // HEAD has no body, so S3 has no finer word for it.
        if (error instanceof Fault && error.status === 404) throw headNotFound(error.headers);
        throw error;
      }
    },

    async GetObjectAttributes(input: GetObjectAttributesCommandInput) {
      checkVersionId(input.VersionId);
      const blob = await blobs.head(`${input.Bucket}/${input.Key}`, { version: input.VersionId });
      if (blob === undefined || blob.isMarker) throw await absence(blobs, buckets, input);
      const asked = new Set<string>(input.ObjectAttributes);
      const checksum = checksumMembers(blob.headers);
      return {
        LastModified: new Date(blob.lastModifiedMs),
        VersionId: shownVersion(buckets.find(input.Bucket as string), blob),
        ETag: asked.has("ETag") ? blob.etag.replaceAll('"', "") : undefined,
        ObjectSize: asked.has("ObjectSize") ? blob.sizeBytes : undefined,
        StorageClass: asked.has("StorageClass") ? (blob.headers["x-amz-storage-class"] ?? "STANDARD") : undefined,
        Checksum: asked.has("Checksum") && Object.keys(checksum).length > 0 ? checksum : undefined,
        ObjectParts: asked.has("ObjectParts") ? partsPage(blob, input) : undefined,
      };
    },
  };
}

/** As S3: the parts one by one only where the object has a checksum. */
function partsPage(blob: BlobInfo, input: GetObjectAttributesCommandInput): object | undefined {
  const sizes = readPartSizes(blob.headers);
  if (sizes === undefined) return undefined;
  if (Object.keys(checksumMembers(blob.headers)).length === 0) return { TotalPartsCount: sizes.length };
  const after = Number(input.PartNumberMarker ?? 0);
  const most = pageSize(input.MaxParts, "x-amz-max-parts");
  const page = sizes.slice(after, after + most);
  const checksums = readPartChecksums(blob.headers);
  return {
    TotalPartsCount: sizes.length,
    PartNumberMarker: String(after),
    NextPartNumberMarker: String(after + page.length),
    MaxParts: most,
    IsTruncated: after + page.length < sizes.length,
    Parts: page.map((Size, i) => ({
      PartNumber: after + i + 1,
      Size,
      ...(checksums && { [`Checksum${checksums.algorithm}`]: checksums.values[after + i] }),
    })),
  };
}

interface ObjectInput {
  Bucket?: string | undefined;
  Key?: string | undefined;
  VersionId?: string | undefined;
}

/** Why there is nothing to read: never there, that version never there, or deleted behind a marker. */
async function absence(blobs: Blobs, buckets: Buckets, input: ObjectInput): Promise<Fault> {
  const { Bucket = "", Key = "", VersionId: version } = input;
  const key = `${Bucket}/${Key}`;
  if (version !== undefined) {
    const blob = await blobs.head(key, { version });
    if (blob?.isMarker !== true) return noSuchVersion(version);
    const headers = { ...deletedHeaders(blob), allow: "DELETE" };
    return new Fault("MethodNotAllowed", "The specified method is not allowed against this resource.", {
      status: 405,
      headers,
    });
  }
  if (buckets.find(Bucket).versioning === undefined) return noSuchKey(Key);
  const newest = (await blobs.listVersions({ prefix: key, maxKeys: 1 })).versions[0];
  return noSuchKey(Key, newest?.key === key && newest.isMarker ? deletedHeaders(newest) : {});
}

/** How S3 tells that what is there is a marker. */
export function deletedHeaders(marker: BlobInfo): Record<string, string> {
  return {
    "x-amz-delete-marker": "true",
    "x-amz-version-id": marker.version,
    "last-modified": new Date(marker.lastModifiedMs).toUTCString(),
  };
}
