import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { createChecksum } from "../../wire/checksums.ts";
import { type Answer, base64Of, faultOf, openBucket, openS3, textOf } from "./testing/service.ts";

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

test("a bucket made under a name from before there were regions lies in today's region of that name", async (context) => {
  const { call } = await openS3(context, { region: "US" });
  await call("CreateBucket", { Bucket: "classic" });
  await call("CreateBucket", { Bucket: "european", CreateBucketConfiguration: { LocationConstraint: "EU" } });
  assert.equal((await call("GetBucketLocation", { Bucket: "classic" })).LocationConstraint, undefined);
  assert.equal((await call("GetBucketLocation", { Bucket: "european" })).LocationConstraint, "eu-west-1");
});

test("outside us-east-1 a bucket has its constraint, and making it again is refused", async (context) => {
  const { call } = await openS3(context, { region: "eu-west-1" });
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
  const digest = (algorithm: Parameters<typeof createChecksum>[0]) => {
    const checksum = createChecksum(algorithm);
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

test("tags come with the object or later, and leave the rest as it is", async (context) => {
  const { call } = await openBucket(context);
  const at = { Bucket: "b-1", Key: "k" };
  await call("PutObject", { ...at, Body: Buffer.from("1"), Tagging: "a=1&b=x%20y" });
  assert.equal((await call("HeadObject", at)).TagCount, 2);
  await call("PutObjectTagging", { ...at, Tagging: { TagSet: [{ Key: "c", Value: "3" }] } });
  assert.deepEqual((await call("GetObjectTagging", at)).TagSet, [{ Key: "c", Value: "3" }]);
  assert.equal(await textOf((await call("GetObject", at)).Body), "1");
});

test("encryption with keys and classes that S3 does not have are refused, never ignored", async (context) => {
  const { call, put } = await openBucket(context);
  await put("k", "1");
  const at = { Bucket: "b-1", Key: "k" };
  await assert.rejects(call("GetObject", { ...at, VersionId: "abc" }), faultOf("InvalidArgument"));
  await assert.rejects(call("GetObject", { ...at, VersionId: "0".repeat(32) }), faultOf("NoSuchVersion", 404));
  await assert.rejects(call("PutObject", { ...at, StorageClass: "ATTIC" }), faultOf("InvalidStorageClass"));
  await assert.rejects(call("PutObject", { ...at, ServerSideEncryption: "aws:kms" }), faultOf("NotImplemented", 501));
});

function keysOf(page: Answer): string[] {
  return page.Contents.map((object: { Key: string }) => object.Key);
}

test("encryption by S3's own keys and the class of storage are echoed where they were asked for", async (context) => {
  const { call, put } = await openBucket(context);
  const at = { Bucket: "b-1", Key: "k" };
  const asked = { ServerSideEncryption: "AES256", StorageClass: "STANDARD_IA" };
  assert.equal((await call("PutObject", { ...at, Body: "1", ...asked })).ServerSideEncryption, "AES256");
  const head = await call("HeadObject", at);
  assert.deepEqual([head.ServerSideEncryption, head.StorageClass], ["AES256", "STANDARD_IA"]);
  assert.equal((await call("ListObjectsV2", at)).Contents[0].StorageClass, "STANDARD_IA");
  await put("plain", "1");
  assert.equal((await call("HeadObject", { ...at, Key: "plain" })).ServerSideEncryption, undefined);
});

test("a bucket has tags until they are deleted", async (context) => {
  const { call } = await openBucket(context);
  await assert.rejects(call("GetBucketTagging", { Bucket: "b-1" }), faultOf("NoSuchTagSet", 404));
  const TagSet = [{ Key: "team", Value: "couriers" }];
  await call("PutBucketTagging", { Bucket: "b-1", Tagging: { TagSet } });
  assert.deepEqual((await call("GetBucketTagging", { Bucket: "b-1" })).TagSet, TagSet);
  const twice = { Bucket: "b-1", Tagging: { TagSet: [...TagSet, ...TagSet] } };
  await assert.rejects(call("PutBucketTagging", twice), faultOf("InvalidTag"));
  await call("DeleteBucketTagging", { Bucket: "b-1" });
  await assert.rejects(call("GetBucketTagging", { Bucket: "b-1" }), faultOf("NoSuchTagSet", 404));
});

test("access lists say that the owner may do everything, and no other can be put", async (context) => {
  const { call, put } = await openBucket(context);
  await put("k", "1");
  const at = { Bucket: "b-1", Key: "k" };
  const list = await call("GetObjectAcl", at);
  assert.deepEqual(list, await call("GetBucketAcl", { Bucket: "b-1" }));
  assert.equal(list.Grants[0].Permission, "FULL_CONTROL");
  await call("PutObjectAcl", { ...at, ACL: "bucket-owner-full-control" });
  await call("PutObjectAcl", { ...at, AccessControlPolicy: list });
  await assert.rejects(call("PutObjectAcl", { ...at, ACL: "public-read" }), faultOf("AccessControlListNotSupported"));
  const granted = { ...at, GrantRead: "uri=http://acs.amazonaws.com/groups/global/AllUsers" };
  await assert.rejects(call("PutObjectAcl", granted), faultOf("AccessControlListNotSupported"));
  await assert.rejects(call("GetObjectAcl", { ...at, Key: "none" }), faultOf("NoSuchKey", 404));
});

test("an object that came in parts can be read part by part, and its copy is one piece", async (context) => {
  const { call } = await openBucket(context);
  const at = { Bucket: "b-1", Key: "parts" };
  const { UploadId } = await call("CreateMultipartUpload", at);
  const Parts = await Promise.all(
    ["one", "two", "three"].map(async (Body, i) => {
      const { ETag } = await call("UploadPart", { ...at, UploadId, PartNumber: i + 1, Body });
      return { ETag, PartNumber: i + 1 };
    }),
  );
  await call("CompleteMultipartUpload", { ...at, UploadId, MultipartUpload: { Parts } });
  const third = await call("GetObject", { ...at, PartNumber: 3 });
  assert.equal(await textOf(third.Body), "three");
  assert.deepEqual([third.PartsCount, third.ContentRange], [3, "bytes 6-10/11"]);
  await assert.rejects(call("HeadObject", { ...at, PartNumber: 4 }), faultOf("InvalidPartNumber", 416));
  await call("CopyObject", { ...at, Key: "copy", CopySource: "b-1/parts" });
  assert.equal(await textOf((await call("GetObject", { ...at, Key: "copy", PartNumber: 1 })).Body), "onetwothree");
});

test("a copy gets a checksum that its source does not have", async (context) => {
  const { call, put } = await openBucket(context);
  await put("k", "hello");
  const copy = { Bucket: "b-1", Key: "c", CopySource: "b-1/k", ChecksumAlgorithm: "SHA256" };
  const { CopyObjectResult } = await call("CopyObject", copy);
  assert.equal(CopyObjectResult.ChecksumSHA256, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
});
