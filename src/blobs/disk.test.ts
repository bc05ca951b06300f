import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, type TestContext, test } from "node:test";
import { openDatabase } from "../kit/sqlite.ts";
import { blobsConformance } from "../ports/blobs-conformance.ts";
import { diskBlobs } from "./disk.ts";
import type { DiskPoint } from "./disk-files.ts";

const clock = { now: () => 1_700_000_000_123, uuid: () => crypto.randomUUID() };
const conformanceFolder = mkdtempSync(join(tmpdir(), "scones-blobs-"));
after(() => rmSync(conformanceFolder, { recursive: true, force: true }));

let opened = 0;
blobsConformance({
  name: "disk",
  smallestPartBytes: 1024,
  open: () => diskBlobs({ directory: join(conformanceFolder, String(opened++)), clock, smallestPartBytes: 1024 }),
});

test("what was put is there after closing and opening again", async (context) => {
  const directory = temporaryFolder(context);
  const first = await diskBlobs({ directory, clock });
  const put = await first.put("b/k", "bytes", { headers: { "content-type": "text/plain" } });
  const uploadId = await first.createUpload("b/u");
  const part = await first.putPart("b/u", uploadId, 1, "part");
  await first.close();
  const second = await diskBlobs({ directory, clock });
  assert.deepEqual(await second.head("b/k"), put);
  assert.equal(await contentOf(second, "b/k"), "bytes");
  await second.completeUpload("b/u", uploadId, [part]);
  assert.equal(await contentOf(second, "b/u"), "part");
  await second.close();
});

test("small objects are kept in the index: read, copied, made large and removed as any other", async (context) => {
  const directory = temporaryFolder(context);
  const blobs = await diskBlobs({ directory, clock });
  await blobs.put("b/small", "small");
  await blobs.copy("b/small", "b/copy");
  await blobs.put("b/small", "large".repeat(10_000));
  assert.equal(dataFiles(directory).length, 1);
  assert.equal(await contentOf(blobs, "b/copy"), "small");
  const stream = Readable.from([Buffer.alloc(16 * 1024, "a"), Buffer.from("b")]);
  await blobs.put("b/copy", stream);
  assert.equal((await contentOf(blobs, "b/copy"))?.length, 16 * 1024 + 1);
  await blobs.put("b/copy", "small again");
  await blobs.close();
  const again = await diskBlobs({ directory, clock });
  assert.equal(await contentOf(again, "b/copy"), "small again");
  await again.delete("b/copy");
  await again.delete("b/small");
  assert.deepEqual(dataFiles(directory), []);
  await again.close();
});

test("a directory that was made before objects had versions opens with its objects", async (context) => {
  const directory = temporaryFolder(context);
  const blobs = await diskBlobs({ directory, clock });
  await blobs.put("b/k", "large".repeat(10_000));
  await blobs.close();
  const older = openDatabase(join(directory, "index.sqlite"));
  older.exec("ALTER TABLE blobs DROP COLUMN version; ALTER TABLE blobs DROP COLUMN place; DROP TABLE versions");
  older.close();
  const again = await diskBlobs({ directory, clock });
  assert.equal((await contentOf(again, "b/k"))?.length, 50_000);
  await again.put("b/k", "newer", { version: "v1" });
  assert.equal((await again.listVersions({ prefix: "b/" })).versions.length, 2);
  await again.close();
});

test("a directory has one owner, and the second is told so", async (context) => {
  const directory = temporaryFolder(context);
  const owner = await diskBlobs({ directory, clock });
  await assert.rejects(diskBlobs({ directory, clock }), /in use by another process/);
  await owner.close();
});

test("nothing but the living objects is left on the disk", async (context) => {
  const directory = temporaryFolder(context);
  const blobs = await diskBlobs({ directory, clock, smallestPartBytes: 1 });
  const large = (text: string) => text.repeat(100_000);
  await blobs.put("b/replaced", large("1"));
  await blobs.put("b/replaced", large("2"));
  await blobs.put("b/deleted", large("1"));
  await blobs.delete("b/deleted");
  await blobs.put("b/made small", large("1"));
  await blobs.put("b/made small", "1");
  await assert.rejects(blobs.put("b/replaced", large("3"), { ifNoneMatch: "*" }));
  const uploadId = await blobs.createUpload("b/u");
  const parts = [await blobs.putPart("b/u", uploadId, 1, "1"), await blobs.putPart("b/u", uploadId, 2, "2")];
  await blobs.completeUpload("b/u", uploadId, parts);
  assert.equal(dataFiles(directory).length, 2);
  await blobs.close();
});

for (const [point, expected] of [
  ["aside-written", "old"],
  ["aside-synced", "old"],
  ["renamed", "old"],
  ["folder-synced", "old"],
  ["committed", "new"],
] as const satisfies readonly (readonly [DiskPoint, string])[]) {
  test(`a process killed at "${point}" of a put leaves the ${expected} object, whole, and no other file`, async (context) => {
    const directory = temporaryFolder(context);
    const child = fork(join(import.meta.dirname, "disk-crash-child.js"), [directory, point]);
    const [, signal] = await once(child, "exit");
    assert.equal(signal, "SIGKILL");
    const blobs = await diskBlobs({ directory, clock });
    assert.equal(await contentOf(blobs, "b/k"), expected.repeat(100_000));
    assert.equal(dataFiles(directory).length, 1);
    assert.deepEqual(readdirSync(join(directory, "aside")), []);
    await blobs.close();
  });
}

test("a process killed anywhere in a storm of puts loses none that was answered", async (context) => {
  const directory = temporaryFolder(context);
  const child = fork(join(import.meta.dirname, "disk-crash-child.js"), [directory, "storm"], { silent: true });
  const answered = new Map<string, string>();
  child.on("message", (message) => {
    const { key, content } = message as { key: string; content: string };
    answered.set(key, content);
    if (answered.size === 60) child.kill("SIGKILL");
  });
  await once(child, "exit");
  const blobs = await diskBlobs({ directory, clock });
  assert.ok(answered.size >= 60);
  for (const [key, content] of answered) assert.equal(await contentOf(blobs, key), content);
  for (const blob of (await blobs.list({ prefix: "" })).blobs) {
    assert.match((await contentOf(blobs, blob.key)) ?? "", /^(\d+,){5000}$/);
  }
  await blobs.close();
});

async function contentOf(blobs: Awaited<ReturnType<typeof diskBlobs>>, key: string): Promise<string | undefined> {
  const blob = await blobs.get(key);
  return blob && Buffer.concat(await blob.body.toArray()).toString();
}

function dataFiles(directory: string): string[] {
  const entries = readdirSync(join(directory, "data"), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

function temporaryFolder(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "scones-blobs-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
