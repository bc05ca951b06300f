import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { base64Of, faultOf, openBucket, textOf } from "./testing/service.ts";

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
  const { ObjectParts } = await call("GetObjectAttributes", { ...at, ObjectAttributes: ["ObjectParts"] });
  assert.deepEqual(ObjectParts.Parts, [
    { PartNumber: 1, Size: 6, ChecksumCRC32: first.ChecksumCRC32 },
    { PartNumber: 2, Size: 3, ChecksumCRC32: base64Of(crc32("234")) },
  ]);
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

test("a part with another checksum than its upload's is refused", async (context) => {
  const { call } = await openBucket(context);
  const at = { Bucket: "b-1", Key: "big" };
  const { UploadId } = await call("CreateMultipartUpload", { ...at, ChecksumAlgorithm: "CRC32" });
  const part = { ...at, UploadId, PartNumber: 1, Body: Buffer.from("1"), ChecksumAlgorithm: "SHA256" };
  await assert.rejects(call("UploadPart", part), /expected checksum Type: crc32, actual checksum Type: sha256/);
});

test("a copy of what came in parts has the hash and the checksum of its bytes, as on AWS", async (context) => {
  const { call } = await openBucket(context);
  const at = { Bucket: "b-1", Key: "big" };
  const { UploadId } = await call("CreateMultipartUpload", { ...at, ChecksumAlgorithm: "CRC32", Metadata: { x: "1" } });
  const part = (PartNumber: number, text: string) =>
    call("UploadPart", { ...at, UploadId, PartNumber, Body: Buffer.from(text) });
  const Parts = [
    { PartNumber: 1, ETag: (await part(1, "first,")).ETag },
    { PartNumber: 2, ETag: (await part(2, "last")).ETag },
  ];
  await call("CompleteMultipartUpload", { ...at, UploadId, MultipartUpload: { Parts } });
  const { CopyObjectResult: copied } = await call("CopyObject", { Bucket: "b-1", Key: "copy", CopySource: "b-1/big" });
  assert.equal(copied.ETag, `"${createHash("md5").update("first,last").digest("hex")}"`);
  assert.equal(copied.ChecksumCRC32, base64Of(crc32("first,last")));
  const head = await call("HeadObject", { Bucket: "b-1", Key: "copy", ChecksumMode: "ENABLED" });
  assert.deepEqual([head.ChecksumType, head.Metadata], ["FULL_OBJECT", { x: "1" }]);
});
