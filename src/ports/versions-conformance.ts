import assert from "node:assert/strict";
import { Fault } from "../kit/fault.ts";
import type { Blobs } from "./blobs.ts";

/** What the port promises of objects that keep their older versions, and of notes that are kept with a change. */
export function versionsConformance(promise: (sentence: string, work: (blobs: Blobs) => Promise<void>) => void): void {
  promise("what is put with versions stays readable by each of them", async (blobs) => {
    await blobs.put("b/k", "before");
    await blobs.put("b/k", "1", { version: "v1" });
    await blobs.put("b/k", "2", { version: "v2" });
    assert.equal(await textOf(blobs, "b/k"), "2");
    assert.equal(await textOf(blobs, "b/k", "v1"), "1");
    assert.equal(await textOf(blobs, "b/k", "null"), "before");
    assert.equal(await textOf(blobs, "b/k", "v3"), undefined);
    assert.deepEqual(await versionsOf(blobs), ["k v2 latest", "k v1", "k null"]);
  });

  promise("a marker hides the object and keeps it; without the marker it is there again", async (blobs) => {
    await blobs.put("b/k", "1", { version: "v1" });
    const marker = await blobs.delete("b/k", { marker: "m1" });
    assert.deepEqual([marker?.version, marker?.isMarker], ["m1", true]);
    assert.equal(await blobs.get("b/k"), undefined);
    assert.deepEqual((await blobs.list({ prefix: "b/" })).blobs, []);
    assert.equal((await blobs.head("b/k", { version: "m1" }))?.isMarker, true);
    assert.deepEqual(await versionsOf(blobs), ["k m1 marker latest", "k v1"]);
    assert.equal((await blobs.delete("b/k", { version: "m1" }))?.isMarker, true);
    assert.equal(await textOf(blobs, "b/k"), "1");
  });

  promise("when the newest version goes, the one before is the object", async (blobs) => {
    for (const version of ["v1", "v2", "v3"]) await blobs.put("b/k", version, { version });
    await blobs.delete("b/k", { version: "v2" });
    assert.equal(await textOf(blobs, "b/k"), "v3");
    await blobs.delete("b/k", { version: "v3" });
    assert.equal(await textOf(blobs, "b/k"), "v1");
    await blobs.delete("b/k", { version: "v1" });
    assert.deepEqual(await versionsOf(blobs), []);
  });

  promise("there is one null version, and the newer replaces the older", async (blobs) => {
    await blobs.put("b/k", "first", { version: "null" });
    await blobs.put("b/k", "kept", { version: "v1" });
    await blobs.put("b/k", "second", { version: "null" });
    assert.deepEqual(await versionsOf(blobs), ["k null latest", "k v1"]);
    assert.equal(await textOf(blobs, "b/k", "null"), "second");
    await blobs.delete("b/k", { marker: "null" });
    assert.deepEqual(await versionsOf(blobs), ["k null marker latest", "k v1"]);
  });

  promise("a condition is about the object, not about its older versions", async (blobs) => {
    await blobs.put("b/k", "1", { version: "v1" });
    await blobs.delete("b/k", { marker: "m1" });
    await blobs.put("b/k", "2", { version: "v2", ifNoneMatch: "*" });
    await assert.rejects(blobs.put("b/k", "3", { version: "v3", ifNoneMatch: "*" }), faultOf("PreconditionFailed"));
    await assert.rejects(blobs.delete("b/k", { marker: "m2", ifMatch: '"other"' }), faultOf("PreconditionFailed"));
    assert.equal((await versionsOf(blobs)).length, 3);
  });

  promise("an older version can be copied, and an upload can be completed over a version", async (blobs) => {
    await blobs.put("b/k", "1", { version: "v1" });
    await blobs.put("b/k", "2", { version: "v2" });
    await blobs.copy("b/k", "b/k", { sourceVersion: "v1", version: "v3" });
    assert.equal(await textOf(blobs, "b/k"), "1");
    const uploadId = await blobs.createUpload("b/k");
    const part = await blobs.putPart("b/k", uploadId, 1, "4");
    assert.equal((await blobs.completeUpload("b/k", uploadId, [part], { version: "v4" })).version, "v4");
    assert.deepEqual(await versionsOf(blobs), ["k v4 latest", "k v3", "k v2", "k v1"]);
  });

  promise("a listing of versions in pages tells everything exactly once", async (blobs) => {
    for (const key of ["b/a", "b/dir/x", "b/dir/y", "b/z"]) {
      for (let i = 0; i < 5; i++) await blobs.put(key, "", { version: `v${i}` });
    }
    await blobs.delete("b/z", { marker: "m" });
    const whole = await versionsOf(blobs);
    assert.equal(whole.length, 21);
    assert.deepEqual(await versionsOf(blobs, { maxKeys: 3 }), whole);
    const rolled = await versionsOf(blobs, { maxKeys: 2, delimiter: "/" });
    assert.deepEqual(rolled, [...whole.slice(0, 5), "dir/", ...whole.slice(15)]);
  });

  promise("headers change without a new version, of older versions too", async (blobs) => {
    const put = await blobs.put("b/k", "1", { version: "v1", headers: { "x-amz-meta-a": "1" } });
    await blobs.put("b/k", "2", { version: "v2" });
    const changed = await blobs.changeHeaders("b/k", (headers) => ({ ...headers, tagged: "yes" }), { version: "v1" });
    assert.deepEqual(changed, { ...put, headers: { "x-amz-meta-a": "1", tagged: "yes" } });
    assert.deepEqual(await blobs.head("b/k", { version: "v1" }), changed);
    assert.deepEqual((await blobs.head("b/k"))?.headers, {});
    assert.equal(await blobs.changeHeaders("b/none", () => ({})), undefined);
  });

  promise("a note is kept with its change until it is settled, and not with one that was refused", async (blobs) => {
    const note = (info: { key: string; version: string }) => `${info.key} ${info.version}`;
    await blobs.put("b/k", "1", { note });
    await blobs.delete("b/k", { marker: "m", note });
    await blobs.put("b/k", "2", { note });
    await assert.rejects(blobs.put("b/k", "3", { note, ifNoneMatch: "*" }));
    const notes = blobs.notes(10);
    assert.deepEqual(
      notes.map(({ text }) => text),
      ["b/k null", "b/k m", "b/k null"],
    );
    await blobs.settle(notes.slice(0, 2).map(({ id }) => id));
    assert.deepEqual(blobs.notes(10), notes.slice(2));
  });
}

async function textOf(blobs: Blobs, key: string, version?: string): Promise<string | undefined> {
  const blob = await blobs.get(key, { version });
  return blob && Buffer.concat(await blob.body.toArray()).toString();
}

async function versionsOf(blobs: Blobs, options: { maxKeys?: number; delimiter?: string } = {}): Promise<string[]> {
  const told: string[] = [];
  let next: { key: string; version?: string } | undefined;
  do {
    const page = await blobs.listVersions({
      prefix: "b/",
      ...options,
      ...(next && { startAfter: next.key, ...(next.version && { startAfterVersion: next.version }) }),
    });
    const entries = page.versions.map(({ key, version, isMarker, isLatest }) => ({
      at: key.slice(2),
      text: `${key.slice(2)} ${version}${isMarker ? " marker" : ""}${isLatest ? " latest" : ""}`,
    }));
    const rolledUp = page.commonPrefixes.map((prefix) => ({ at: prefix.slice(2), text: prefix.slice(2) }));
    const inOrder = [...entries, ...rolledUp].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    told.push(...inOrder.map(({ text }) => text));
    next = page.next;
  } while (next !== undefined);
  return told;
}

function faultOf(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}
