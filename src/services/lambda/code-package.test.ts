import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { maxUnzippedBytes, unpackCode } from "./code-package.ts";
import { codeStore } from "./code-store.ts";
import { patched, zipOf } from "./zips.test.ts";

const link = 0o120777;
const fails = {
  code: "InvalidParameterValueException",
  message: /^Could not unzip uploaded file\. Please check your file, then try to upload again\./,
};

function place(): { folder: string; [Symbol.dispose](): void } {
  const folder = join(mkdtempSync(join(tmpdir(), "scones-zip-")), "code");
  mkdirSync(folder);
  return { folder, [Symbol.dispose]: () => rmSync(dirname(folder), { recursive: true }) };
}

test("files, folders and modes come out as they went in", async () => {
  using it = place();
  const zip = await zipOf([
    { name: "a.py", text: "one" },
    { name: "lib/deep/b.txt", text: "two".repeat(1000) },
    { name: "bin/tool", text: "#!/bin/sh", mode: 0o100755, isStored: true },
    { name: "bin/alias", text: "tool", mode: link },
  ]);
  await unpackCode(zip, it.folder);
  assert.equal(readFileSync(join(it.folder, "a.py"), "utf8"), "one");
  assert.equal(readFileSync(join(it.folder, "lib/deep/b.txt"), "utf8"), "two".repeat(1000));
  assert.equal(readFileSync(join(it.folder, "bin/alias"), "utf8"), "#!/bin/sh");
  assert.equal(statSync(join(it.folder, "bin/tool")).mode & 0o111, 0o111);
});

const attacks: [name: string, make: () => Promise<Buffer>][] = [
  ["a path that climbs out", async () => patched(await zipOf([{ name: "aa/evil", text: "x" }]), "aa/evil", "../evil")],
  ["an absolute path", async () => patched(await zipOf([{ name: "atmp/evil", text: "x" }]), "atmp/evil", "/tmp/evil")],
  ["a backslash path", async () => patched(await zipOf([{ name: "aa/evil", text: "x" }]), "aa/evil", "..\\evil")],
  ["a link that leads out", () => zipOf([{ name: "evil", text: "../../etc", mode: link }])],
  ["an absolute link", () => zipOf([{ name: "evil", text: "/etc/passwd", mode: link }])],
  [
    "links that lead out together",
    () =>
      zipOf([
        { name: "s/keep", text: "x" },
        { name: "a/b/c/d", text: "../../../s", mode: link },
        { name: "a/b/c/evil", text: "d/../../escaped", mode: link },
      ]),
  ],
  [
    "a file through a link",
    () =>
      zipOf([
        { name: "out", text: "..", mode: link },
        { name: "out/evil", text: "x" },
      ]),
  ],
  [
    "two entries of one name",
    async () =>
      patched(
        await zipOf([
          { name: "one.py", text: "1" },
          { name: "two.py", text: "2" },
        ]),
        "two.py",
        "one.py",
      ),
  ],
  [
    "damaged content",
    async () => patched(await zipOf([{ name: "a", text: "content", isStored: true }]), "content", "c0ntent"),
  ],
  ["a truncated archive", async () => (await zipOf([{ name: "a.py", text: "x".repeat(100) }])).subarray(0, 60)],
  ["no archive at all", async () => Buffer.from("print('hello')")],
  ["nothing", async () => Buffer.alloc(0)],
];
for (const [name, make] of attacks) {
  test(`an archive is refused, and nothing is written outside: ${name}`, async () => {
    using it = place();
    const zip = await make();
    await assert.rejects(unpackCode(zip, it.folder), fails);
    assert.deepEqual(readdirSync(dirname(it.folder)), ["code"]);
  });
}

test("content that is larger than its header says is refused", async () => {
  using it = place();
  const zip = await zipOf([{ name: "a", text: Buffer.alloc(70_000) }]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(70_000);
  const less = Buffer.alloc(4);
  less.writeUInt32LE(100);
  await assert.rejects(unpackCode(patched(zip, size, less), it.folder), fails);
});

test("an archive that unpacks to more than the limit is refused with AWS's text", async () => {
  using it = place();
  const zip = await zipOf([{ name: "a", text: Buffer.alloc(70_000) }]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(70_000);
  const more = Buffer.alloc(4);
  more.writeUInt32LE(maxUnzippedBytes + 1);
  await assert.rejects(unpackCode(patched(zip, size, more), it.folder), {
    code: "InvalidParameterValueException",
    message: "Unzipped size must be smaller than 262144000 bytes",
  });
});

test("code is kept once per digest, and a refused archive leaves nothing behind", async () => {
  using it = place();
  const store = codeStore(it.folder);
  const zip = await zipOf([{ name: "a.py", text: "x" }]);
  const [one, two] = await Promise.all([store.keep(zip), store.keep(zip)]);
  assert.deepEqual(one, two);
  assert.equal(readFileSync(join(store.folderOf(one.sha256), "a.py"), "utf8"), "x");
  assert.match(
    store.locationOf(one.sha256, "http://here"),
    /^http:\/\/here\/_scones\/function-code\/[0-9a-f]{64}\.zip$/,
  );
  const before = readdirSync(it.folder).sort();
  await assert.rejects(store.keep(Buffer.from("broken")), fails);
  assert.deepEqual(readdirSync(it.folder).sort(), before);
  assert.equal(readdirSync(join(it.folder, "draft")).length, 0);
});

test("an archive above 50 MiB is refused with AWS's text", async () => {
  using it = place();
  await assert.rejects(codeStore(it.folder).keep(Buffer.alloc(52_428_801)), {
    code: "RequestEntityTooLargeException",
    status: 413,
    message: "Zipped size must be smaller than 52428800 bytes",
  });
});
