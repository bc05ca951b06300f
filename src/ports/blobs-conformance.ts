import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Fault } from "../kit/fault.ts";
import type { Blobs } from "./blobs.ts";
import { versionsConformance } from "./versions-conformance.ts";

/** What every implementation of the port promises. `open` gives an empty one whose smallest part is `smallestPartBytes` (B1, B2). */
export interface BlobsUnderTest {
  name: string;
  smallestPartBytes: number;
  open(): Promise<Blobs>;
}

export function blobsConformance({ name, smallestPartBytes, open }: BlobsUnderTest): void {
  function promise(sentence: string, work: (blobs: Blobs) => Promise<void>): void {
    test(`${name}: ${sentence}`, async () => {
      const blobs = await open();
      try {
        await work(blobs);
      } finally {
        await blobs.close();
      }
    });
  }

  promise("a blob that was never put is undefined", async (blobs) => {
    assert.equal(await blobs.get("b/k"), undefined);
    assert.equal(await blobs.head("b/k"), undefined);
  });

  promise("a blob comes back with its bytes, size, entity tag and headers", async (blobs) => {
    const put = await blobs.put("b/k", "hello", { headers: { "content-type": "text/plain", "x-amz-meta-a": "1" } });
    const blob = await blobs.get("b/k");
    assert.equal(await textOf(blob?.body), "hello");
    assert.equal(blob?.sizeBytes, 5);
    assert.equal(blob?.etag, `"${md5("hello")}"`);
    assert.deepEqual(blob?.headers, { "content-type": "text/plain", "x-amz-meta-a": "1" });
    assert.deepEqual(await blobs.head("b/k"), put);
  });

  promise("an empty blob is a blob", async (blobs) => {
    await blobs.put("b/empty", new Uint8Array());
    const blob = await blobs.get("b/empty");
    assert.equal(blob?.sizeBytes, 0);
    assert.equal(await textOf(blob?.body), "");
  });

  promise("a body may be a stream, and headers may follow it", async (blobs) => {
    let length = 0;
    async function* counted() {
      for (const piece of ["a".repeat(300_000), "b".repeat(300_000), "c"]) {
        length += piece.length;
        yield Buffer.from(piece);
      }
    }
    const info = await blobs.put("b/stream", Readable.from(counted()), {
      headers: { "content-type": "x/y" },
      trailers: () => ({ "x-amz-meta-length": String(length) }),
    });
    assert.equal(info.sizeBytes, 600_001);
    assert.deepEqual(info.headers, { "content-type": "x/y", "x-amz-meta-length": "600001" });
    const text = await textOf((await blobs.get("b/stream"))?.body);
    assert.equal(md5(text), info.etag.replaceAll('"', ""));
  });

  promise("a body that fails leaves the object as it was", async (blobs) => {
    await blobs.put("b/k", "old");
    async function* failing() {
      yield Buffer.from("new");
      throw new Error("the caller went away");
    }
    await assert.rejects(blobs.put("b/k", failing()), /went away/);
    assert.equal(await textOf((await blobs.get("b/k"))?.body), "old");
  });

  promise("a put replaces the whole object, headers too", async (blobs) => {
    await blobs.put("b/k", "old", { headers: { "x-amz-meta-a": "1" } });
    await blobs.put("b/k", "new");
    const blob = await blobs.get("b/k");
    assert.equal(await textOf(blob?.body), "new");
    assert.deepEqual(blob?.headers, {});
  });

  promise("a reader keeps the object it began to read", async (blobs) => {
    await blobs.put("b/k", "o".repeat(1_000_000));
    const blob = await blobs.get("b/k");
    await blobs.put("b/k", "new");
    assert.equal((await textOf(blob?.body)).length, 1_000_000);
  });

  promise("ranges are inclusive, may be open or a suffix, and are cut at the end", async (blobs) => {
    await blobs.put("b/k", "0123456789");
    const ranges = [{ first: 2, last: 4 }, { first: 7 }, { suffix: 3 }, { suffix: 99 }, { first: 8, last: 99 }];
    const answers = await Promise.all(ranges.map((range) => blobs.get("b/k", { range })));
    assert.deepEqual(await Promise.all(answers.map((blob) => textOf(blob?.body))), [
      "234",
      "789",
      "789",
      "0123456789",
      "89",
    ]);
    assert.deepEqual(answers.at(-1)?.range, { first: 8, last: 9 });
    assert.equal(answers[0]?.sizeBytes, 10);
  });

  promise("a range outside the object is refused", async (blobs) => {
    await blobs.put("b/k", "0123456789");
    await assert.rejects(blobs.get("b/k", { range: { first: 10 } }), faultOf("InvalidRange"));
    await assert.rejects(blobs.get("b/k", { range: { suffix: 0 } }), faultOf("InvalidRange"));
  });

  promise("a conditional put happens only when its condition holds", async (blobs) => {
    const first = await blobs.put("b/k", "1", { ifNoneMatch: "*" });
    await assert.rejects(blobs.put("b/k", "2", { ifNoneMatch: "*" }), faultOf("PreconditionFailed"));
    await assert.rejects(blobs.put("b/k", "2", { ifMatch: '"other"' }), faultOf("PreconditionFailed"));
    await assert.rejects(blobs.put("b/none", "2", { ifMatch: first.etag }), faultOf("NoSuchKey"));
    assert.equal(await textOf((await blobs.get("b/k"))?.body), "1");
    await blobs.put("b/k", "2", { ifMatch: first.etag });
    assert.equal(await textOf((await blobs.get("b/k"))?.body), "2");
  });

  promise("of many who put if there is none, one succeeds", async (blobs) => {
    const puts = Array.from({ length: 8 }, (_, i) => blobs.put("b/k", String(i), { ifNoneMatch: "*" }));
    const outcomes = await Promise.allSettled(puts);
    assert.equal(outcomes.filter((outcome) => outcome.status === "fulfilled").length, 1);
  });

  promise("a deleted blob is gone, and deleting it again is no error", async (blobs) => {
    await blobs.put("b/k", "1");
    await blobs.delete("b/k");
    await blobs.delete("b/k");
    assert.equal(await blobs.get("b/k"), undefined);
  });

  promise("a copy has the bytes, and the headers unless others are given", async (blobs) => {
    await blobs.put("b/source", "bytes", { headers: { "x-amz-meta-a": "1" } });
    await blobs.copy("b/source", "c/kept");
    await blobs.copy("b/source", "c/given", { headers: { "x-amz-meta-b": "2" } });
    await blobs.delete("b/source");
    assert.equal(await textOf((await blobs.get("c/kept"))?.body), "bytes");
    assert.deepEqual((await blobs.head("c/kept"))?.headers, { "x-amz-meta-a": "1" });
    assert.deepEqual((await blobs.head("c/given"))?.headers, { "x-amz-meta-b": "2" });
    assert.equal(await blobs.copy("b/source", "c/none"), undefined);
  });

  promise("a blob may be copied onto itself with other headers", async (blobs) => {
    await blobs.put("b/k", "bytes", { headers: { "x-amz-meta-a": "1" } });
    await blobs.copy("b/k", "b/k", { headers: { "x-amz-meta-a": "2" } });
    const blob = await blobs.get("b/k");
    assert.equal(await textOf(blob?.body), "bytes");
    assert.deepEqual(blob?.headers, { "x-amz-meta-a": "2" });
  });

  promise("a listing is in the order of UTF-8 bytes and stays under its prefix", async (blobs) => {
    for (const key of ["b/é", "b/a", "b/Z", "b/\u{1F600}", "b/\uFF5E", "c/a", "a/z", "b"]) await blobs.put(key, "");
    const page = await blobs.list({ prefix: "b/" });
    assert.deepEqual(
      page.blobs.map((blob) => blob.key),
      ["b/Z", "b/a", "b/é", "b/\uFF5E", "b/\u{1F600}"],
    );
    assert.equal(page.next, undefined);
  });

  promise("a listing in pages tells everything exactly once", async (blobs) => {
    const keys = Array.from({ length: 25 }, (_, i) => `b/${String(i).padStart(2, "0")}`);
    for (const key of keys) await blobs.put(key, "");
    assert.deepEqual(await allPages(blobs, { prefix: "b/", maxKeys: 4 }), keys);
  });

  promise("a page that holds the last key is the last page", async (blobs) => {
    await blobs.put("b/1", "");
    await blobs.put("b/2", "");
    assert.equal((await blobs.list({ prefix: "b/", maxKeys: 2 })).next, undefined);
    assert.equal((await blobs.list({ prefix: "b/", maxKeys: 1 })).next, "b/1");
  });

  promise("a delimiter rolls keys up into common prefixes", async (blobs) => {
    for (const key of ["b/a/1", "b/a/2", "b/a0", "b/c/x/1", "b/c/y", "b/d", "b/é/1", "b/é/2"]) await blobs.put(key, "");
    const page = await blobs.list({ prefix: "b/", delimiter: "/" });
    assert.deepEqual(page.commonPrefixes, ["b/a/", "b/c/", "b/é/"]);
    assert.deepEqual(
      page.blobs.map((blob) => blob.key),
      ["b/a0", "b/d"],
    );
    const inside = await blobs.list({ prefix: "b/c/", delimiter: "/" });
    assert.deepEqual(inside.commonPrefixes, ["b/c/x/"]);
  });

  promise("a rolled-up listing in pages tells everything exactly once", async (blobs) => {
    const folders = Array.from({ length: 7 }, (_, i) => `b/f${i}/`);
    for (const folder of folders) for (let i = 0; i < 150; i += 30) await blobs.put(`${folder}${i}`, "");
    for (const key of ["b/f3", "b/g"]) await blobs.put(key, "");
    assert.deepEqual(await allPages(blobs, { prefix: "b/", delimiter: "/", maxKeys: 2 }), [
      ...folders.slice(0, 3),
      "b/f3",
      ...folders.slice(3),
      "b/g",
    ]);
  });

  promise("an upload becomes an object when it is completed, with the parts that were named", async (blobs) => {
    const first = "1".repeat(smallestPartBytes);
    const uploadId = await blobs.createUpload("b/k", { headers: { "content-type": "x/y" } });
    await blobs.putPart("b/k", uploadId, 2, "replaced");
    const parts = [
      await blobs.putPart("b/k", uploadId, 1, first),
      await blobs.putPart("b/k", uploadId, 2, "end", { headers: { "x-amz-checksum-crc32": "AAAAAA==" } }),
    ];
    await blobs.putPart("b/k", uploadId, 3, "not named");
    assert.deepEqual((await blobs.listParts("b/k", uploadId)).slice(0, 2), parts);
    assert.equal(await blobs.head("b/k"), undefined);
    const info = await blobs.completeUpload("b/k", uploadId, parts, { headers: { "x-amz-meta-late": "1" } });
    assert.equal(info.sizeBytes, smallestPartBytes + 3);
    const digest = createHash("md5").update(md5(first), "hex").update(md5("end"), "hex").digest("hex");
    assert.equal(info.etag, `"${digest}-2"`);
    const blob = await blobs.get("b/k");
    assert.equal(await textOf(blob?.body), `${first}end`);
    assert.deepEqual(blob?.headers, { "content-type": "x/y", "x-amz-meta-late": "1" });
    await assert.rejects(blobs.listParts("b/k", uploadId), faultOf("NoSuchUpload"));
  });

  promise("completing refuses parts that are unknown, changed, out of order or too small", async (blobs) => {
    const uploadId = await blobs.createUpload("b/k");
    const small = await blobs.putPart("b/k", uploadId, 1, "small");
    const last = await blobs.putPart("b/k", uploadId, 2, "last");
    const complete = (parts: { partNumber: number; etag: string }[]) => blobs.completeUpload("b/k", uploadId, parts);
    await assert.rejects(complete([{ partNumber: 3, etag: last.etag }]), faultOf("InvalidPart"));
    await assert.rejects(complete([{ partNumber: 2, etag: small.etag }]), faultOf("InvalidPart"));
    await assert.rejects(complete([last, small]), faultOf("InvalidPartOrder"));
    await assert.rejects(complete([small, last]), faultOf("EntityTooSmall"));
    await assert.rejects(blobs.completeUpload("b/other", uploadId, [last]), faultOf("NoSuchUpload"));
    assert.equal(await blobs.head("b/k"), undefined);
    assert.equal((await complete([last])).sizeBytes, 4);
  });

  promise("an aborted upload is gone", async (blobs) => {
    const uploadId = await blobs.createUpload("b/k");
    await blobs.putPart("b/k", uploadId, 1, "part");
    await blobs.abortUpload("b/k", uploadId);
    await assert.rejects(blobs.putPart("b/k", uploadId, 2, "part"), faultOf("NoSuchUpload"));
    await assert.rejects(blobs.abortUpload("b/k", uploadId), faultOf("NoSuchUpload"));
    assert.deepEqual(await blobs.listUploads("b/"), []);
  });

  versionsConformance(promise);

  promise("uploads are listed under their prefix and tell their headers", async (blobs) => {
    const second = await blobs.createUpload("b/2", { headers: { "content-type": "x/y" } });
    const first = await blobs.createUpload("b/1");
    await blobs.createUpload("c/1");
    assert.deepEqual(
      (await blobs.listUploads("b/")).map((upload) => upload.uploadId),
      [first, second],
    );
    assert.deepEqual((await blobs.headUpload("b/2", second)).headers, { "content-type": "x/y" });
  });
}

async function allPages(blobs: Blobs, options: Parameters<Blobs["list"]>[0]): Promise<string[]> {
  const told: string[] = [];
  let startAfter: string | undefined;
  do {
    const page = await blobs.list({ ...options, startAfter });
    const names = [...page.commonPrefixes, ...page.blobs.map((blob) => blob.key)];
    told.push(...names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    startAfter = page.next;
  } while (startAfter !== undefined);
  return told;
}

async function textOf(body: Readable | undefined): Promise<string> {
  assert.ok(body, "there is no body");
  return Buffer.concat(await body.toArray()).toString();
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

function faultOf(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}
