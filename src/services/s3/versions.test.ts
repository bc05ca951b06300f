import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Answer, faultOf, openBucket, textOf } from "./testing/service.ts";

const at = { Bucket: "b-1", Key: "k" };

test("versioning is off, then enabled, then suspended, and nothing else", async (context) => {
  const { call, setVersioning } = await openVersioned(context);
  assert.equal((await call("GetBucketVersioning", { Bucket: "b-1" })).Status, "Enabled");
  await setVersioning("Suspended");
  assert.equal((await call("GetBucketVersioning", { Bucket: "b-1" })).Status, "Suspended");
  await assert.rejects(setVersioning("Off"), faultOf("MalformedXML"));
});

test("every put is a version of its own that can be read, headed, copied and deleted", async (context) => {
  const { call, put } = await openVersioned(context);
  const first = (await put("k", "1")).VersionId;
  const second = (await put("k", "2")).VersionId;
  assert.notEqual(first, second);
  assert.equal(await textOf((await call("GetObject", at)).Body), "2");
  assert.equal((await call("HeadObject", at)).VersionId, second);
  assert.equal(await textOf((await call("GetObject", { ...at, VersionId: first })).Body), "1");
  const restored = await call("CopyObject", { ...at, CopySource: `b-1/k?versionId=${first}` });
  assert.equal(restored.CopySourceVersionId, first);
  assert.equal(await textOf((await call("GetObject", at)).Body), "1");
  await call("DeleteObject", { ...at, VersionId: first });
  await assert.rejects(call("GetObject", { ...at, VersionId: first }), faultOf("NoSuchVersion", 404));
});

test("a deletion without a version leaves a marker, and deleting that brings the object back", async (context) => {
  const { call, put } = await openVersioned(context);
  const { VersionId } = await put("k", "1");
  const deleted = await call("DeleteObject", at);
  assert.equal(deleted.DeleteMarker, true);
  const gone = await call("GetObject", at).catch((error: Answer) => error);
  assert.deepEqual([gone.code, gone.headers["x-amz-delete-marker"]], ["NoSuchKey", "true"]);
  assert.equal(gone.headers["x-amz-version-id"], deleted.VersionId);
  await assert.rejects(call("HeadObject", { ...at, VersionId: deleted.VersionId }), faultOf("MethodNotAllowed", 405));
  assert.equal(await textOf((await call("GetObject", { ...at, VersionId })).Body), "1");
  const undone = await call("DeleteObject", { ...at, VersionId: deleted.VersionId });
  assert.deepEqual([undone.DeleteMarker, undone.VersionId], [true, deleted.VersionId]);
  assert.equal(await textOf((await call("GetObject", at)).Body), "1");
});

test("what was there before is the version null, and so is what comes after suspending", async (context) => {
  const { call, put, setVersioning } = await openBucketWithVersioning(context);
  assert.equal((await put("k", "before")).VersionId, undefined);
  await setVersioning("Enabled");
  const { VersionId } = await put("k", "kept");
  assert.equal(await textOf((await call("GetObject", { ...at, VersionId: "null" })).Body), "before");
  await setVersioning("Suspended");
  await put("k", "after");
  const { Versions } = await call("ListObjectVersions", { Bucket: "b-1" });
  assert.deepEqual(
    Versions.map((version: Answer) => [version.VersionId, version.IsLatest]),
    [
      ["null", true],
      [VersionId, false],
    ],
  );
  assert.deepEqual(await call("DeleteObject", at), { DeleteMarker: true, VersionId: "null" });
  assert.equal((await call("ListObjectVersions", { Bucket: "b-1" })).Versions.length, 1);
});

test("many are deleted at once with their versions, and told as S3 tells it", async (context) => {
  const { call, put } = await openVersioned(context);
  const { VersionId } = await put("a", "1");
  await put("b", "1");
  const { Deleted, Errors } = await call("DeleteObjects", {
    Bucket: "b-1",
    Delete: { Objects: [{ Key: "a", VersionId }, { Key: "b" }, { Key: "c", VersionId: "strange" }] },
  });
  assert.deepEqual(Deleted[0], { Key: "a", VersionId });
  assert.equal(Deleted[1].DeleteMarker, true);
  assert.deepEqual([Errors[0].Key, Errors[0].Code], ["c", "InvalidArgument"]);
});

test("a listing of versions goes page by page", async (context) => {
  const { call, put } = await openVersioned(context);
  for (const key of ["a", "dir/x", "z"]) for (let i = 0; i < 3; i++) await put(key, String(i));
  await call("DeleteObject", { Bucket: "b-1", Key: "z" });
  const listed = await allVersions(call, 2);
  assert.deepEqual(listed.keys, ["a", "a", "a", "dir/x", "dir/x", "dir/x", "z", "z", "z"]);
  assert.equal(new Set(listed.ids).size, 9);
  assert.deepEqual(listed.markers, ["z"]);
  const rolled = await call("ListObjectVersions", { Bucket: "b-1", Delimiter: "/" });
  assert.deepEqual(rolled.CommonPrefixes, [{ Prefix: "dir/" }]);
});

test("a bucket that keeps no versions lists its objects as versions null", async (context) => {
  const { call, put } = await openBucket(context);
  await put("k", "1");
  const { Versions, IsTruncated } = await call("ListObjectVersions", { Bucket: "b-1" });
  assert.deepEqual([Versions[0].VersionId, Versions[0].IsLatest, IsTruncated], ["null", true, false]);
});

test("a bucket goes only when no version is left in it", async (context) => {
  const { call, put } = await openVersioned(context);
  const { VersionId } = await put("k", "1");
  const marker = await call("DeleteObject", at);
  await assert.rejects(call("DeleteBucket", { Bucket: "b-1" }), faultOf("BucketNotEmpty", 409));
  await call("DeleteObject", { ...at, VersionId });
  await call("DeleteObject", { ...at, VersionId: marker.VersionId });
  await call("DeleteBucket", { Bucket: "b-1" });
});

test("tags belong to one version", async (context) => {
  const { call, put } = await openVersioned(context);
  const { VersionId } = await put("k", "1");
  await put("k", "2");
  await call("PutObjectTagging", { ...at, VersionId, Tagging: { TagSet: [{ Key: "a", Value: "1" }] } });
  assert.equal((await call("GetObjectTagging", { ...at, VersionId })).TagSet.length, 1);
  assert.equal((await call("GetObjectTagging", at)).TagSet.length, 0);
});

async function openBucketWithVersioning(context: TestContext) {
  const opened = await openBucket(context);
  const setVersioning = (Status: string): Promise<Answer> =>
    opened.call("PutBucketVersioning", { Bucket: "b-1", VersioningConfiguration: { Status } });
  return { ...opened, setVersioning };
}

async function openVersioned(context: TestContext) {
  const opened = await openBucketWithVersioning(context);
  await opened.setVersioning("Enabled");
  return opened;
}

async function allVersions(call: (operation: string, input: object) => Promise<Answer>, MaxKeys: number) {
  const listed = { keys: [] as string[], ids: [] as string[], markers: [] as string[] };
  let next: object = {};
  for (let page: Answer = {}; page.IsTruncated !== false; ) {
    page = await call("ListObjectVersions", { Bucket: "b-1", MaxKeys, ...next });
    listed.keys.push(...page.Versions.map((version: Answer) => version.Key));
    listed.ids.push(...page.Versions.map((version: Answer) => version.VersionId));
    listed.markers.push(...page.DeleteMarkers.map((marker: Answer) => marker.Key));
    next = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
  return listed;
}
