import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { crc32 } from "node:zlib";
import { diskBlobs } from "../../blobs/disk.ts";
import { Fault } from "../../kit/fault.ts";
import type { ServiceEvent } from "../../ports/events.ts";
import { testClock } from "../../ports/test-clock.ts";
import { sqliteStore } from "../../store/sqlite.ts";
import type { Call } from "../../wire/service.ts";
import { runningChecksum } from "./checksums.ts";
import { s3Service } from "./s3-service.ts";

test("a bucket is made once, listed, located and removed when it is empty", async (context) => {
  const { call } = await openS3(context);
  await call("CreateBucket", { Bucket: "pictures" });
  await call("CreateBucket", { Bucket: "pictures" });
  const { Buckets } = await call("ListBuckets", {});
  assert.deepEqual(
    Buckets.map((bucket: { Name: string }) => bucket.Name),
    ["pictures"],
  );
  assert.equal((await call("GetBucketLocation", { Bucket: "pictures" })).LocationConstraint, undefined);
  await call("PutObject", { Bucket: "pictures", Key: "a", Body: Buffer.from("1") });
  await assert.rejects(call("DeleteBucket", { Bucket: "pictures" }), faultOf("BucketNotEmpty", 409));
  await call("DeleteObject", { Bucket: "pictures", Key: "a" });
  await call("DeleteBucket", { Bucket: "pictures" });
  await assert.rejects(call("HeadBucket", { Bucket: "pictures" }), faultOf("NotFound", 404));
});

test("outside us-east-1 a bucket has its constraint, and making it again is refused", async (context) => {
  const { call } = await openS3(context, "eu-west-1");
  await assert.rejects(call("CreateBucket", { Bucket: "abc" }), faultOf("IllegalLocationConstraintException"));
  const input = { Bucket: "abc", CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } };
  await call("CreateBucket", input);
  await assert.rejects(call("CreateBucket", input), faultOf("BucketAlreadyOwnedByYou", 409));
  assert.equal((await call("GetBucketLocation", { Bucket: "abc" })).LocationConstraint, "eu-west-1");
});

test("bucket names that S3 refuses are refused", async (context) => {
  const { call } = await openS3(context);
  for (const Bucket of ["ab", "Upper", "a..b", "1.2.3.4", "-ab", "a_b", "x".repeat(64)]) {
    await assert.rejects(call("CreateBucket", { Bucket }), faultOf("InvalidBucketName"), Bucket);
  }
});

test("a bucket of another owner is not spoken to", async (context) => {
  const { call } = await openBucket(context);
  await call("HeadBucket", { Bucket: "b-1", ExpectedBucketOwner: "000000000000" });
  const foreign = { Bucket: "b-1", ExpectedBucketOwner: "999999999999" };
  await assert.rejects(call("HeadBucket", foreign), faultOf("AccessDenied", 403));
});

test("an object comes back with its body, type, metadata and entity tag", async (context) => {
  const { call } = await openBucket(context);
  const Body = Readable.from([Buffer.from("hel"), Buffer.from("lo")]);
  const put = await call("PutObject", {
    Bucket: "b-1",
    Key: "a b",
    Body,
    ContentType: "text/plain",
    ContentEncoding: "aws-chunked",
    Metadata: { Who: "me" },
  });
  const got = await call("GetObject", { Bucket: "b-1", Key: "a b" });
  assert.equal(await textOf(got.Body), "hello");
  assert.equal(got.ContentType, "text/plain");
  assert.equal(got.ContentEncoding, undefined);
  assert.deepEqual(got.Metadata, { who: "me" });
  assert.equal(got.ETag, put.ETag);
  assert.equal(got.ContentLength, 5);
});

test("what is not there is NoSuchKey or NoSuchBucket, and plain Not Found to HEAD", async (context) => {
  const { call } = await openBucket(context);
  await assert.rejects(call("GetObject", { Bucket: "b-1", Key: "k" }), faultOf("NoSuchKey", 404));
  await assert.rejects(call("GetObject", { Bucket: "b-2", Key: "k" }), faultOf("NoSuchBucket", 404));
  await assert.rejects(call("PutObject", { Bucket: "b-2", Key: "k" }), faultOf("NoSuchBucket", 404));
  await assert.rejects(call("HeadObject", { Bucket: "b-1", Key: "k" }), faultOf("NotFound", 404));
});

test("a range is answered with its place in the whole", async (context) => {
  const { call, put } = await openBucket(context);
  await put("k", "0123456789");
  const got = await call("GetObject", { Bucket: "b-1", Key: "k", Range: "bytes=-3" });
  assert.equal(await textOf(got.Body), "789");
  assert.equal(got.ContentRange, "bytes 7-9/10");
  assert.equal(got.ContentLength, 3);
  const whole = await call("GetObject", { Bucket: "b-1", Key: "k", Range: "lines=1-2" });
  assert.equal(whole.ContentRange, undefined);
  await assert.rejects(
    call("GetObject", { Bucket: "b-1", Key: "k", Range: "bytes=10-" }),
    faultOf("InvalidRange", 416),
  );
});

test("conditions of a read are answered 304 and 412", async (context) => {
  const { call, put } = await openBucket(context);
  const { ETag } = await put("k", "1");
  const get = (conditions: object) => call("GetObject", { Bucket: "b-1", Key: "k", ...conditions });
  await assert.rejects(get({ IfNoneMatch: ETag }), faultOf("NotModified", 304));
  await assert.rejects(get({ IfMatch: '"other"' }), faultOf("PreconditionFailed", 412));
  await assert.rejects(get({ IfModifiedSince: new Date(Date.UTC(2030, 0, 1)) }), faultOf("NotModified", 304));
  await assert.rejects(get({ IfUnmodifiedSince: new Date(0) }), faultOf("PreconditionFailed", 412));
  assert.equal(await textOf((await get({ IfMatch: ETag, IfUnmodifiedSince: new Date(0) })).Body), "1");
});

test("the answer's headers may be chosen by the request", async (context) => {
  const { call, put } = await openBucket(context);
  await put("k", "1");
  const got = await call("GetObject", { Bucket: "b-1", Key: "k", ResponseContentType: "image/png" });
  assert.equal(got.ContentType, "image/png");
});

test("checksums are checked, kept and echoed", async (context) => {
  const { call } = await openBucket(context);
  const Body = Buffer.from("hello");
  const ChecksumCRC32 = base64Of(crc32(Body));
  const input = { Bucket: "b-1", Key: "k", Body };
  assert.equal((await call("PutObject", { ...input, ChecksumAlgorithm: "CRC32" })).ChecksumCRC32, ChecksumCRC32);
  const got = await call("HeadObject", { Bucket: "b-1", Key: "k", ChecksumMode: "ENABLED" });
  assert.equal(got.ChecksumCRC32, ChecksumCRC32);
  await assert.rejects(call("PutObject", { ...input, ChecksumCRC32: "AAAAAA==" }), faultOf("BadDigest"));
  await assert.rejects(
    call("PutObject", { ...input, ContentMD5: Buffer.alloc(16).toString("base64") }),
    faultOf("BadDigest"),
  );
  await assert.rejects(call("PutObject", { ...input, ContentMD5: "x" }), faultOf("InvalidDigest"));
});

test("the checksums are those of the catalogue", () => {
  // The check values for "123456789" of the published parameter sets.
  const digest = (algorithm: Parameters<typeof runningChecksum>[0]) => {
    const checksum = runningChecksum(algorithm);
    checksum.update(Buffer.from("12345"));
    checksum.update(Buffer.from("6789"));
    return Buffer.from(checksum.base64(), "base64").toString("hex");
  };
  assert.equal(digest("CRC32"), "cbf43926");
  assert.equal(digest("CRC32C"), "e3069283");
  assert.equal(digest("CRC64NVME"), "ae8b14860a799888");
});

test("a body, a key and metadata beyond S3's bounds are refused", async (context) => {
  const { call } = await openBucket(context);
  const put = (input: object) => call("PutObject", { Bucket: "b-1", Key: "k", Body: Buffer.alloc(10), ...input });
  await assert.rejects(put({ Body: Buffer.alloc(1_000_001) }), faultOf("EntityTooLarge"));
  await assert.rejects(put({ Key: "é".repeat(513) }), faultOf("KeyTooLongError"));
  await assert.rejects(put({ Metadata: { a: "x".repeat(2048) } }), faultOf("MetadataTooLarge"));
  await assert.rejects(call("HeadObject", { Bucket: "b-1", Key: "k" }), faultOf("NotFound", 404));
});

test("keys are listed in pages, rolled up and encoded", async (context) => {
  const { call, put } = await openBucket(context);
  for (const key of ["a+b c", "dir/1", "dir/2", "z~é"]) await put(key, "1");
  const input = { Bucket: "b-1", Delimiter: "/", EncodingType: "url", MaxKeys: 2 };
  const first = await call("ListObjectsV2", input);
  assert.deepEqual(keysOf(first), ["a%2Bb%20c"]);
  assert.deepEqual(first.CommonPrefixes, [{ Prefix: "dir/" }]);
  assert.equal(first.IsTruncated, true);
  assert.equal(first.KeyCount, 2);
  const second = await call("ListObjectsV2", { ...input, ContinuationToken: first.NextContinuationToken });
  assert.deepEqual(keysOf(second), ["z%7E%C3%A9"]);
  assert.equal(second.IsTruncated, false);
  assert.equal(second.NextContinuationToken, undefined);
});

test("the first version of the listing goes on from a marker", async (context) => {
  const { call, put } = await openBucket(context);
  for (const key of ["a", "b", "c"]) await put(key, "1");
  const first = await call("ListObjects", { Bucket: "b-1", MaxKeys: 2 });
  assert.deepEqual(keysOf(first), ["a", "b"]);
  assert.equal(first.IsTruncated, true);
  assert.deepEqual(keysOf(await call("ListObjects", { Bucket: "b-1", Marker: "b" })), ["c"]);
});

test("many objects are deleted at once, and quietly when asked", async (context) => {
  const { call, put } = await openBucket(context);
  for (const key of ["a", "b"]) await put(key, "1");
  const deleted = await call("DeleteObjects", { Bucket: "b-1", Delete: { Objects: [{ Key: "a" }, { Key: "none" }] } });
  assert.deepEqual(deleted.Deleted, [{ Key: "a" }, { Key: "none" }]);
  const quiet = await call("DeleteObjects", { Bucket: "b-1", Delete: { Objects: [{ Key: "b" }], Quiet: true } });
  assert.equal(quiet.Deleted, undefined);
  assert.deepEqual(keysOf(await call("ListObjectsV2", { Bucket: "b-1" })), []);
});

test("a copy keeps or replaces metadata, and refuses to change nothing", async (context) => {
  const { call } = await openBucket(context);
  await call("PutObject", { Bucket: "b-1", Key: "a b", Body: Buffer.from("1"), Metadata: { x: "1" } });
  await call("CopyObject", { Bucket: "b-1", Key: "kept", CopySource: "b-1/a%20b" });
  assert.deepEqual((await call("HeadObject", { Bucket: "b-1", Key: "kept" })).Metadata, { x: "1" });
  const replace = { MetadataDirective: "REPLACE", Metadata: { x: "2" } };
  await call("CopyObject", { Bucket: "b-1", Key: "a b", CopySource: "/b-1/a%20b", ...replace });
  assert.deepEqual((await call("HeadObject", { Bucket: "b-1", Key: "a b" })).Metadata, { x: "2" });
  const copy = (input: object) => call("CopyObject", { Bucket: "b-1", Key: "a b", ...input });
  await assert.rejects(copy({ CopySource: "b-1/a%20b" }), faultOf("InvalidRequest"));
  await assert.rejects(copy({ CopySource: "b-1/none" }), faultOf("NoSuchKey", 404));
  await assert.rejects(copy({ CopySource: "b-1/kept", CopySourceIfMatch: '"x"' }), faultOf("PreconditionFailed", 412));
});

test("an object arrives in parts, sent and copied, with a composite checksum", async (context) => {
  const { call, put } = await openBucket(context);
  await put("source", "0123456789");
  const at = { Bucket: "b-1", Key: "big" };
  const { UploadId } = await call("CreateMultipartUpload", { ...at, ChecksumAlgorithm: "CRC32", Metadata: { x: "1" } });
  const upload = { ...at, UploadId };
  const first = await call("UploadPart", { ...upload, PartNumber: 1, Body: Buffer.from("first,") });
  const copied = await call("UploadPartCopy", {
    ...upload,
    PartNumber: 2,
    CopySource: "b-1/source",
    CopySourceRange: "bytes=2-4",
  });
  assert.equal(first.ChecksumCRC32, base64Of(crc32("first,")));
  const listed = await call("ListParts", { ...upload, MaxParts: 1 });
  assert.equal(listed.NextPartNumberMarker, "1");
  const uploads = await call("ListMultipartUploads", { Bucket: "b-1" });
  assert.equal(uploads.Uploads[0].UploadId, UploadId);
  const Parts = [
    { PartNumber: 1, ETag: first.ETag, ChecksumCRC32: first.ChecksumCRC32 },
    { PartNumber: 2, ETag: copied.CopyPartResult.ETag },
  ];
  const done = await call("CompleteMultipartUpload", { ...upload, MultipartUpload: { Parts } });
  const parts = Buffer.concat(
    [first.ChecksumCRC32, base64Of(crc32("234"))].map((value) => Buffer.from(value, "base64")),
  );
  assert.equal(done.ChecksumCRC32, `${base64Of(crc32(parts))}-2`);
  assert.match(done.ETag, /^"[0-9a-f]{32}-2"$/);
  const got = await call("GetObject", at);
  assert.equal(await textOf(got.Body), "first,234");
  assert.deepEqual(got.Metadata, { x: "1" });
});

test("a checksum of the whole object is made while its parts are joined", async (context) => {
  const { call } = await openBucket(context);
  const at = { Bucket: "b-1", Key: "big" };
  const { UploadId } = await call("CreateMultipartUpload", { ...at, ChecksumAlgorithm: "CRC64NVME" });
  const { ETag } = await call("UploadPart", { ...at, UploadId, PartNumber: 1, Body: Buffer.from("123456789") });
  const complete = (input: object) =>
    call("CompleteMultipartUpload", {
      ...at,
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      ...input,
    });
  await assert.rejects(complete({ ChecksumCRC64NVME: "AAAAAAAAAAA=" }), faultOf("BadDigest"));
  const done = await complete({});
  assert.equal(done.ChecksumCRC64NVME, Buffer.from("ae8b14860a799888", "hex").toString("base64"));
  assert.equal(done.ChecksumType, "FULL_OBJECT");
});

test("tags come with the object or later, and leave the rest as it is", async (context) => {
  const { call } = await openBucket(context);
  const at = { Bucket: "b-1", Key: "k" };
  await call("PutObject", { ...at, Body: Buffer.from("1"), Tagging: "a=1&b=x%20y" });
  assert.equal((await call("HeadObject", at)).TagCount, 2);
  await call("PutObjectTagging", { ...at, Tagging: { TagSet: [{ Key: "c", Value: "3" }] } });
  assert.deepEqual((await call("GetObjectTagging", at)).TagSet, [{ Key: "c", Value: "3" }]);
  assert.equal(await textOf((await call("GetObject", at)).Body), "1");
});

test("an object that comes or goes is announced", async (context) => {
  const { call, put, events } = await openBucket(context);
  await put("dir/k", "1");
  await call("DeleteObject", { Bucket: "b-1", Key: "dir/k" });
  await call("DeleteObject", { Bucket: "b-1", Key: "dir/k" });
  assert.deepEqual(
    events.map((event) => [event.source, event.detailType, (event.detail["object"] as { key: string }).key]),
    [
      ["aws.s3", "Object Created", "dir/k"],
      ["aws.s3", "Object Deleted", "dir/k"],
    ],
  );
});

test("versions and encryption with one's own keys are refused, never ignored", async (context) => {
  const { call, put } = await openBucket(context);
  await put("k", "1");
  const at = { Bucket: "b-1", Key: "k" };
  await assert.rejects(call("GetObject", { ...at, VersionId: "abc" }), faultOf("NoSuchVersion", 404));
  await assert.rejects(call("PutObject", { ...at, ServerSideEncryption: "aws:kms" }), faultOf("NotImplemented", 501));
});

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would
type Answer = any;

async function openS3(context: TestContext, region = "us-east-1") {
  const directory = mkdtempSync(join(tmpdir(), "scones-s3-"));
  const clock = testClock();
  const blobs = await diskBlobs({ directory, clock, smallestPartBytes: 1 });
  const store = sqliteStore({ file: join(directory, "store", "scones.db"), clock });
  context.after(async () => {
    await blobs.close();
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const events: ServiceEvent[] = [];
  const service = s3Service({
    blobs,
    resources: store.resources,
    clock,
    events: { announce: async (event) => void events.push(event) },
    largestObjectBytes: 1_000_000,
  });
  const about: Call = {
    requestId: "request",
    region,
    accountId: "000000000000",
    baseUrl: "http://127.0.0.1:4566",
    signal: new AbortController().signal,
  };
  const call = async (operation: string, input: object): Promise<Answer> => service.handlers[operation]?.(input, about);
  return { call, events };
}

async function openBucket(context: TestContext) {
  const { call, events } = await openS3(context);
  await call("CreateBucket", { Bucket: "b-1" });
  const put = (Key: string, text: string) => call("PutObject", { Bucket: "b-1", Key, Body: Buffer.from(text) });
  return { call, events, put };
}

async function textOf(body: Readable): Promise<string> {
  return Buffer.concat(await body.toArray()).toString();
}

function keysOf(page: Answer): string[] {
  return page.Contents.map((object: { Key: string }) => object.Key);
}

function base64Of(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString("base64");
}

function faultOf(code: string, status = 400): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.deepEqual([error.code, error.status], [code, status]);
    return true;
  };
}
