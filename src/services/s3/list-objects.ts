import type { ListObjectsCommandInput, ListObjectsV2CommandInput } from "@aws-sdk/client-s3";
import type { BlobInfo, BlobPage, Blobs } from "../../ports/blobs.ts";
import { checksumAlgorithms, checksumHeader } from "../../wire/checksums.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { ownerId, pageSize } from "./buckets.ts";

import { invalidArgument } from "./faults.ts";

interface ListInput {
  Bucket?: string | undefined;
  Prefix?: string | undefined;
  Delimiter?: string | undefined;
  EncodingType?: string | undefined;
}

export function listHandlers({ blobs }: { blobs: Blobs }): Record<string, Handler> {
  async function page(input: ListInput, after: string | undefined, maxKeys: number): Promise<BlobPage> {
    return blobs.list({
      prefix: `${input.Bucket}/${input.Prefix ?? ""}`,
      delimiter: input.Delimiter || undefined,
      startAfter: after ? `${input.Bucket}/${after}` : undefined,
      maxKeys,
    });
  }

  return {
    async ListObjectsV2(input: ListObjectsV2CommandInput, call: Call) {
      const maxKeys = pageSize(input.MaxKeys, "max-keys");
      const after = input.ContinuationToken ? fromToken(input.ContinuationToken) : input.StartAfter;
      const found = await page(input, after, maxKeys);
      const owner = input.FetchOwner ? { Owner: { ID: ownerId(call.accountId) } } : {};
      const next = found.next && toToken(keyIn(input, found.next));
      return {
        ...common(input, found, maxKeys, owner),
        KeyCount: found.blobs.length + found.commonPrefixes.length,
        ContinuationToken: input.ContinuationToken,
        NextContinuationToken: next,
        StartAfter: input.StartAfter && encoder(input)(input.StartAfter),
      };
    },

    async ListObjects(input: ListObjectsCommandInput, call: Call) {
      const maxKeys = pageSize(input.MaxKeys, "max-keys");
      const found = await page(input, input.Marker, maxKeys);
      const encode = encoder(input);
      // As S3: without a delimiter clients go on from the last key they were told.
      const next = found.next && input.Delimiter ? encode(keyIn(input, found.next)) : undefined;
      return {
        ...common(input, found, maxKeys, { Owner: { ID: ownerId(call.accountId) } }),
        Marker: encode(input.Marker ?? ""),
        NextMarker: next,
      };
    },
  };
}

/** Whatever XML cannot carry or a client might misread, as `%XX` of UTF-8, slashes kept; S3's choice of plain characters. */
export function urlEncode(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!~'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%2F", "/");
}

function common(input: ListInput, found: BlobPage, maxKeys: number, owner: object): object {
  const encode = encoder(input);
  return {
    Name: input.Bucket,
    Prefix: encode(input.Prefix ?? ""),
    Delimiter: input.Delimiter ? encode(input.Delimiter) : undefined,
    MaxKeys: maxKeys,
    EncodingType: input.EncodingType,
    IsTruncated: found.next !== undefined,
    Contents: found.blobs.map((blob) => ({ ...entry(blob, encode(keyIn(input, blob.key))), ...owner })),
    CommonPrefixes: found.commonPrefixes.map((prefix) => ({ Prefix: encode(keyIn(input, prefix)) })),
  };
}

/** An object as a listing tells it. */
export function entry(blob: BlobInfo, key: string): object {
  const algorithms = checksumAlgorithms.filter((algorithm) => blob.headers[checksumHeader(algorithm)] !== undefined);
  return {
    Key: key,
    LastModified: wholeSeconds(blob.lastModifiedMs),
    ETag: blob.etag,
    Size: blob.sizeBytes,
    StorageClass: blob.headers["x-amz-storage-class"] ?? "STANDARD",
    ...(algorithms.length > 0 && {
      ChecksumAlgorithm: algorithms,
      ChecksumType: blob.headers["x-amz-checksum-type"] ?? "FULL_OBJECT",
    }),
  };
}

/** As S3: a listing says the same time as the header of the object, which has no milliseconds. */
export function wholeSeconds(timeMs: number): Date {
  return new Date(Math.floor(timeMs / 1000) * 1000);
}

/** As `EncodingType` asks: names that XML may not be able to carry. */
export function encoder(input: ListInput): (text: string) => string {
  if (input.EncodingType !== undefined && input.EncodingType !== "url") {
    throw invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", input.EncodingType);
  }
  return input.EncodingType === "url" ? urlEncode : (text) => text;
}

export function keyIn(input: ListInput, blobKey: string): string {
  return blobKey.slice((input.Bucket?.length ?? 0) + 1);
}

function toToken(key: string): string {
  return `1${Buffer.from(key).toString("base64url")}`;
}

function fromToken(token: string): string {
  if (!/^1[\w-]+$/.test(token)) {
    throw invalidArgument("The continuation token provided is incorrect", "continuation-token", token);
  }
  return Buffer.from(token.slice(1), "base64url").toString();
}
