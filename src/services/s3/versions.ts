import type { ListObjectVersionsCommandInput, PutBucketVersioningCommandInput } from "@aws-sdk/client-s3";
import type { BlobInfo, Blobs, VersionInList } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { type Bucket, type Buckets, ownerId, pageSize } from "./buckets.ts";
import { invalidArgument, malformedXml, notImplemented } from "./faults.ts";
import { encoder, entry, keyIn, wholeSeconds } from "./list-objects.ts";

/** What objects have that were put while their bucket kept no versions. */
const nullVersion = "null";

/** The version of a new object: its own where they are kept, the one without a name where they no longer are. */
export function newVersion(bucket: Bucket, clock: Pick<Clock, "uuid">): string | undefined {
  switch (bucket.versioning) {
    case "Enabled":
      return clock.uuid().replaceAll("-", "");
    case "Suspended":
      return nullVersion;
    default:
      return undefined;
  }
}

/** The version that an answer tells: none in a bucket that never kept any. */
export function shownVersion(bucket: Bucket, info: Pick<BlobInfo, "version">): string | undefined {
  return bucket.versioning === undefined ? undefined : info.version;
}

export function checkVersionId(versionId: string | undefined): void {
  if (versionId === undefined || versionId === nullVersion || /^[0-9a-f]{32}$/.test(versionId)) return;
  throw invalidArgument("Invalid version id specified", "versionId", versionId);
}

export function versionHandlers({ blobs, buckets }: { blobs: Blobs; buckets: Buckets }): Record<string, Handler> {
  return {
    GetBucketVersioning(input: { Bucket: string }) {
      return { Status: buckets.find(input.Bucket).versioning };
    },

    PutBucketVersioning(input: PutBucketVersioningCommandInput) {
      const { Status: status, MFADelete: mfaDelete } = input.VersioningConfiguration ?? {};
      if (status !== "Enabled" && status !== "Suspended") throw malformedXml();
      if (mfaDelete === "Enabled") throw notImplemented("deletion with a second factor");
      buckets.change(input.Bucket as string, { versioning: status });
      return {};
    },

    async ListObjectVersions(input: ListObjectVersionsCommandInput, call: Call) {
      const maxKeys = pageSize(input.MaxKeys, "max-keys");
      if (input.VersionIdMarker !== undefined && !input.KeyMarker) {
        throw invalidArgument(
          "A version-id marker cannot be specified without a key marker.",
          "version-id-marker",
          input.VersionIdMarker,
        );
      }
      checkVersionId(input.VersionIdMarker || undefined);
      const encode = encoder(input);
      const { versions, commonPrefixes, next } = await blobs.listVersions({
        prefix: `${input.Bucket}/${input.Prefix ?? ""}`,
        maxKeys,
        ...(input.Delimiter && { delimiter: input.Delimiter }),
        ...(input.KeyMarker && { startAfter: `${input.Bucket}/${input.KeyMarker}` }),
        ...(input.VersionIdMarker && { startAfterVersion: input.VersionIdMarker }),
      });
      const about = (version: VersionInList) => ({
        Key: encode(keyIn(input, version.key)),
        VersionId: version.version,
        IsLatest: version.isLatest,
        LastModified: wholeSeconds(version.lastModifiedMs),
        Owner: { ID: ownerId(call.accountId) },
      });
      return {
        Name: input.Bucket,
        Prefix: encode(input.Prefix ?? ""),
        Delimiter: input.Delimiter ? encode(input.Delimiter) : undefined,
        KeyMarker: encode(input.KeyMarker ?? ""),
        VersionIdMarker: input.VersionIdMarker ?? "",
        MaxKeys: maxKeys,
        EncodingType: input.EncodingType,
        IsTruncated: next !== undefined,
        NextKeyMarker: next && encode(keyIn(input, next.key)),
        NextVersionIdMarker: next?.version,
        Versions: versions
          .filter((version) => !version.isMarker)
          .map((version) => ({ ...entry(version, encode(keyIn(input, version.key))), ...about(version) })),
        DeleteMarkers: versions.filter((version) => version.isMarker).map(about),
        CommonPrefixes: commonPrefixes.map((prefix) => ({ Prefix: encode(keyIn(input, prefix)) })),
      };
    },
  };
}
