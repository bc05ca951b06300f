import type {
  AbortMultipartUploadCommandInput,
  CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommandInput,
  ListMultipartUploadsCommandInput,
  ListPartsCommandInput,
  UploadPartCommandInput,
  UploadPartCopyCommandInput,
} from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { PutOptions, UploadPart } from "../../ports/blobs.ts";
import { type ChecksumAlgorithm, checksumAlgorithms, checksumHeader, createChecksum } from "../../wire/checksums.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { ownerId, pageSize } from "./buckets.ts";
import { checksumMembers, parseAlgorithm, watchBody } from "./checksums.ts";
import { parseRange } from "./conditions.ts";
import { invalidArgument, malformedXml, noSuchKey } from "./faults.ts";
import { urlEncode } from "./list-objects.ts";
import { checkKey, headersOf } from "./object-headers.ts";
import { partChecksumsHeader, partSizesHeader, partSizesOf } from "./object-parts.ts";
import { newVersion, shownVersion } from "./versions.ts";
import {
  aboutNew,
  bodyOf,
  checkCopyConditions,
  conditionsOf,
  findCopySource,
  parseCopySource,
  type WriteOptions,
} from "./write-object.ts";

const algorithmHeader = "x-amz-checksum-algorithm";
const typeHeader = "x-amz-checksum-type";

export function multipartHandlers(options: WriteOptions): Record<string, Handler> {
  const { blobs, buckets, clock, notifier } = options;
  return {
    async CreateMultipartUpload(input: CreateMultipartUploadCommandInput) {
      checkKey(input.Key as string);
      const algorithm = parseAlgorithm(input.ChecksumAlgorithm);
      const type = algorithm && checksumType(algorithm, input.ChecksumType);
      const headers = headersOf(input);
      if (algorithm && type) Object.assign(headers, { [algorithmHeader]: algorithm, [typeHeader]: type });
      const UploadId = await blobs.createUpload(`${input.Bucket}/${input.Key}`, { headers });
      return {
        Bucket: input.Bucket,
        Key: input.Key,
        UploadId,
        ChecksumAlgorithm: algorithm,
        ChecksumType: type,
        ServerSideEncryption: headers["x-amz-server-side-encryption"],
      };
    },

    async UploadPart(input: UploadPartCommandInput) {
      const key = `${input.Bucket}/${input.Key}`;
      const uploadId = input.UploadId as string;
      const upload = await blobs.headUpload(key, uploadId);
      const algorithm = partAlgorithm(input, upload.headers);
      const watch = watchBody({ ...input, ChecksumAlgorithm: algorithm }, options.largestObjectBytes);
      const part = await blobs.putPart(key, uploadId, input.PartNumber as number, bodyOf(input.Body), watch);
      const { ChecksumType: _, ...checksum } = checksumMembers(part.headers);
      return { ETag: part.etag, ...checksum };
    },

    async UploadPartCopy(input: UploadPartCopyCommandInput) {
      const key = `${input.Bucket}/${input.Key}`;
      const uploadId = input.UploadId as string;
      const source = parseCopySource(input.CopySource);
      const sourceBucket = buckets.find(source.bucket);
      const range = parseRange(input.CopySourceRange);
      if (input.CopySourceRange !== undefined && range === undefined) {
        throw invalidArgument(
          "The x-amz-copy-source-range value must be of the form bytes=first-last",
          "x-amz-copy-source-range",
          input.CopySourceRange,
        );
      }
      const upload = await blobs.headUpload(key, uploadId);
      await findCopySource(blobs, source);
      const original = await blobs.get(source.blobKey, { range, version: source.version });
      if (original === undefined) throw noSuchKey(source.key);
      try {
        checkCopyConditions(original, input);
        const watch = watchBody({ ChecksumAlgorithm: upload.headers[algorithmHeader] }, options.largestObjectBytes);
        const part = await blobs.putPart(key, uploadId, input.PartNumber as number, original.body, watch);
        const { ChecksumType: _, ...checksum } = checksumMembers(part.headers);
        return {
          CopyPartResult: { ETag: part.etag, LastModified: new Date(part.lastModifiedMs), ...checksum },
          CopySourceVersionId: shownVersion(sourceBucket, original),
        };
      } finally {
        original.body.destroy();
      }
    },

    async CompleteMultipartUpload(input: CompleteMultipartUploadCommandInput, call: Call) {
      const key = `${input.Bucket}/${input.Key}`;
      const uploadId = input.UploadId as string;
      const named = (input.MultipartUpload?.Parts ?? []).map((part) => ({
        partNumber: part.PartNumber ?? 0,
        etag: part.ETag ?? "",
      }));
      if (named.length === 0) throw malformedXml();
      const upload = await blobs.headUpload(key, uploadId);
      const parts = await blobs.listParts(key, uploadId);
      const bucket = input.Bucket as string;
      const { headers: checksum, ...watch } = completedChecksum(input, upload.headers, parts);
      const info = await blobs.completeUpload(key, uploadId, named, {
        ...conditionsOf(input),
        version: newVersion(buckets.find(bucket), clock),
        note: notifier.noteOf("ObjectCreated:CompleteMultipartUpload", { bucket, call }),
        ...watch,
        headers: { ...checksum, [partSizesHeader]: partSizesOf(parts, named) },
      });
      notifier.wake();
      return {
        Location: `${call.baseUrl}/${input.Bucket}/${urlEncode(input.Key as string)}`,
        Bucket: input.Bucket,
        Key: input.Key,
        ETag: info.etag,
        ...checksumMembers(info.headers),
        ...aboutNew(info, buckets, bucket),
      };
    },

    async AbortMultipartUpload(input: AbortMultipartUploadCommandInput) {
      await blobs.abortUpload(`${input.Bucket}/${input.Key}`, input.UploadId as string);
      return {};
    },

    async ListParts(input: ListPartsCommandInput, call: Call) {
      const key = `${input.Bucket}/${input.Key}`;
      const upload = await blobs.headUpload(key, input.UploadId as string);
      const maxParts = pageSize(input.MaxParts, "max-parts");
      const after = Number(input.PartNumberMarker ?? 0);
      const rest = (await blobs.listParts(key, upload.uploadId)).filter((part) => part.partNumber > after);
      const page = rest.slice(0, maxParts);
      const isTruncated = rest.length > page.length;
      return {
        Bucket: input.Bucket,
        Key: input.Key,
        UploadId: upload.uploadId,
        PartNumberMarker: String(after),
        NextPartNumberMarker: isTruncated ? String(page.at(-1)?.partNumber ?? after) : undefined,
        MaxParts: maxParts,
        IsTruncated: isTruncated,
        Parts: page.map((part) => {
          const { ChecksumType: _, ...checksum } = checksumMembers(part.headers);
          return {
            PartNumber: part.partNumber,
            LastModified: new Date(part.lastModifiedMs),
            ETag: part.etag,
            Size: part.sizeBytes,
            ...checksum,
          };
        }),
        Initiator: { ID: ownerId(call.accountId) },
        Owner: { ID: ownerId(call.accountId) },
        StorageClass: "STANDARD",
        ChecksumAlgorithm: upload.headers[algorithmHeader],
        ChecksumType: upload.headers[typeHeader],
      };
    },

    async ListMultipartUploads(input: ListMultipartUploadsCommandInput, call: Call) {
      const bucketPrefix = `${input.Bucket}/`;
      const maxUploads = pageSize(input.MaxUploads, "max-uploads");
      const encode = input.EncodingType === "url" ? urlEncode : (text: string) => text;
      const found = await blobs.listUploads(`${bucketPrefix}${input.Prefix ?? ""}`);
      const rest = found.slice(indexAfterMarker(found, bucketPrefix, input));
      const { uploads, prefixes, isTruncated } = rollUp(rest, bucketPrefix, input, maxUploads);
      const last = uploads.at(-1);
      return {
        Bucket: input.Bucket,
        Prefix: encode(input.Prefix ?? ""),
        Delimiter: input.Delimiter,
        KeyMarker: encode(input.KeyMarker ?? ""),
        UploadIdMarker: input.UploadIdMarker,
        NextKeyMarker: isTruncated && last ? encode(last.key.slice(bucketPrefix.length)) : undefined,
        NextUploadIdMarker: isTruncated ? last?.uploadId : undefined,
        MaxUploads: maxUploads,
        IsTruncated: isTruncated,
        EncodingType: input.EncodingType,
        CommonPrefixes: prefixes.map((prefix) => ({ Prefix: encode(prefix) })),
        Uploads: uploads.map((upload) => ({
          Key: encode(upload.key.slice(bucketPrefix.length)),
          UploadId: upload.uploadId,
          Initiated: new Date(upload.initiatedMs),
          StorageClass: "STANDARD",
          Owner: { ID: ownerId(call.accountId) },
          Initiator: { ID: ownerId(call.accountId) },
          ChecksumAlgorithm: upload.headers[algorithmHeader],
          ChecksumType: upload.headers[typeHeader],
        })),
      };
    },
  };
}

type UploadInList = { key: string; uploadId: string; initiatedMs: number; headers: Readonly<Record<string, string>> };

/** A marker with an upload id goes on behind that upload; without, behind all uploads of that key. */
function indexAfterMarker(
  found: UploadInList[],
  bucketPrefix: string,
  input: ListMultipartUploadsCommandInput,
): number {
  if (!input.KeyMarker) return 0;
  const marker = Buffer.from(`${bucketPrefix}${input.KeyMarker}`);
  if (input.UploadIdMarker) {
    const at = found.findIndex((upload) => upload.uploadId === input.UploadIdMarker);
    if (at !== -1) return at + 1;
  }
  const at = found.findIndex((upload) => Buffer.compare(Buffer.from(upload.key), marker) > 0);
  return at === -1 ? found.length : at;
}

function rollUp(rest: UploadInList[], bucketPrefix: string, input: ListMultipartUploadsCommandInput, most: number) {
  const uploads: UploadInList[] = [];
  const prefixes = new Set<string>();
  const start = bucketPrefix.length + (input.Prefix?.length ?? 0);
  for (const upload of rest) {
    const at = input.Delimiter ? upload.key.indexOf(input.Delimiter, start) : -1;
    if (at !== -1) prefixes.add(upload.key.slice(bucketPrefix.length, at + (input.Delimiter?.length ?? 0)));
    else if (uploads.length === most) return { uploads, prefixes: [...prefixes], isTruncated: true };
    else uploads.push(upload);
  }
  return { uploads, prefixes: [...prefixes], isTruncated: false };
}

function checksumType(algorithm: ChecksumAlgorithm, asked: string | undefined): "COMPOSITE" | "FULL_OBJECT" {
  if (algorithm === "CRC64NVME") {
    if (asked === "COMPOSITE") {
      throw new Fault(
        "InvalidRequest",
        "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.",
      );
    }
    return "FULL_OBJECT";
  }
  if (asked !== "FULL_OBJECT") return "COMPOSITE";
  if (!algorithm.startsWith("CRC")) {
    throw new Fault(
      "InvalidRequest",
      `The FULL_OBJECT checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return "FULL_OBJECT";
}

/** Parts have the checksum that their upload was begun with, whatever else they bring. */
function partAlgorithm(
  input: UploadPartCommandInput,
  headers: Readonly<Record<string, string>>,
): ChecksumAlgorithm | undefined {
  const ofUpload = headers[algorithmHeader] as ChecksumAlgorithm | undefined;
  const given = checksumAlgorithms.find((algorithm) => input[`Checksum${algorithm}`] !== undefined);
  const ofPart = given ?? parseAlgorithm(input.ChecksumAlgorithm);
  if (ofUpload !== undefined && ofPart !== undefined && ofPart !== ofUpload) {
    throw new Fault(
      "InvalidRequest",
      `Checksum Type mismatch occurred, expected checksum Type: ${ofUpload.toLowerCase()}, actual checksum Type: ${ofPart.toLowerCase()}`,
    );
  }
  return ofUpload ?? ofPart;
}

/** A checksum of the whole object is made while its parts are joined; a composite one is the checksum of the parts' checksums. */
function completedChecksum(
  input: CompleteMultipartUploadCommandInput,
  headers: Readonly<Record<string, string>>,
  parts: UploadPart[],
): Pick<PutOptions, "headers" | "passing" | "trailers"> {
  const algorithm = headers[algorithmHeader] as ChecksumAlgorithm | undefined;
  if (algorithm === undefined) return {};
  const given = input[`Checksum${algorithm}`];
  if (headers[typeHeader] === "FULL_OBJECT") {
    return watchBody({ ChecksumAlgorithm: algorithm, [`Checksum${algorithm}`]: given }, Number.POSITIVE_INFINITY);
  }
  const named = new Map((input.MultipartUpload?.Parts ?? []).map((part) => [part.PartNumber, part]));
  const used = parts.filter((part) => named.has(part.partNumber));
  const checksum = createChecksum(algorithm);
  const values: string[] = [];
  for (const part of used) {
    const value = part.headers[checksumHeader(algorithm)] ?? "";
    const claimed = named.get(part.partNumber)?.[`Checksum${algorithm}`];
    if (claimed !== undefined && claimed !== value) {
      throw new Fault("InvalidPart", `The ${algorithm} of part ${part.partNumber} is not the one that was uploaded.`, {
        members: { PartNumber: String(part.partNumber) },
      });
    }
    checksum.update(Buffer.from(value, "base64"));
    values.push(value);
  }
  const value = `${checksum.base64()}-${used.length}`;
  if (given !== undefined && given !== value && `${given}-${used.length}` !== value) {
    throw new Fault("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
  }
  return { headers: { [checksumHeader(algorithm)]: value, [partChecksumsHeader]: `${algorithm}:${values.join(",")}` } };
}
