import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { frameReader } from "./frames.ts";
import { parseManifest } from "./manifest.ts";
import { packFolder } from "./pack-folder.ts";
import { writeTinyModel } from "./testing/tiny-model.ts";
import { unpackArchive } from "./unpack-archive.ts";

const root = mkdtempSync(join(tmpdir(), "archive-"));
after(() => rmSync(root, { recursive: true }));

test("a packed folder unpacks to the same files, and packs to the same bytes each time", async () => {
  const folder = join(root, "packed");
  mkdirSync(join(folder, "code"), { recursive: true });
  writeFileSync(join(folder, "model.json"), "{}");
  writeFileSync(join(folder, "code", "empty"), "");
  writeFileSync(join(folder, "large"), Buffer.alloc(3_000_000, 7));
  const [first, second] = [await bytesOf(packFolder(folder)), await bytesOf(packFolder(folder))];
  const names = await unpackArchive(Readable.from([first]), join(root, "unpacked"), { packedBytes: first.length });
  assert.deepEqual(names, ["code/empty", "large", "model.json"]);
  assert.deepEqual(first, second);
  assert.deepEqual(readFileSync(join(root, "unpacked", "large")), Buffer.alloc(3_000_000, 7));
});

test("a folder that is not there fails the one who packs it", async () => {
  await assert.rejects(bytesOf(packFolder(join(root, "absent"))), { code: "ENOENT" });
});

test("names that leave the folder are refused", async () => {
  const outcomes = await Promise.all(
    ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil"].map((name) => refusal({ name })),
  );
  assert.deepEqual(outcomes.filter((message) => /unsafe name/.test(message)).length, 4);
});

test("a file in whose place there is a folder, and a name that no disk takes, are refused as the archive's", async () => {
  const archive = pack();
  archive.entry({ name: "model.json" }, "{}");
  archive.entry({ name: "model.json/inside" }, "x");
  archive.finalize();
  assert.match(await unpackRefusal(gzipSync(await bytesOf(archive)), "clash"), /of a file and of a folder/);
  assert.match(await refusal({ name: "x".repeat(300) }), /a name that is too long/);
});

test("links are refused", async () => {
  assert.match(
    await refusal({ name: "link", type: "symlink", linkname: "/etc/passwd" }),
    /holds a symlink named "link"/,
  );
});

test("an archive that unpacks to too much is refused while it unpacks", async () => {
  assert.match(
    await refusal({ name: "zeros" }, Buffer.alloc(2_000_000), { maxBytes: 1_000_000 }),
    /more than 1000000 bytes/,
  );
});

test("a small archive of a large file is refused before the file is unpacked", async () => {
  const archive = pack();
  archive.entry({ name: "zeros", size: 1_000_000_000 });
  const [head] = (await once(archive, "data")) as [Buffer];
  archive.destroy();
  assert.match(await unpackRefusal(gzipSync(head), "declared"), /more than 100 times its size/);
});

test("what an archive holds beside its files is bounded: zeros at its end, attributes without end", async () => {
  const archive = pack();
  archive.entry({ name: "one" }, "x");
  archive.finalize();
  const zeros = Buffer.concat([await bytesOf(archive), Buffer.alloc(3_000_000)]);
  assert.match(await unpackRefusal(gzipSync(zeros), "endless"), /goes on after its end/);
  assert.match(await refusal({ name: "one", pax: { comment: "x".repeat(3_000_000) } }), /holds more than its files/);
});

test("an archive of too many entries is refused", async () => {
  assert.match(await refusal({ name: "one" }, Buffer.alloc(1), { maxEntries: 0 }), /more than 0 entries/);
});

test("text, a cut archive and an empty archive are refused as such", async () => {
  const whole = await bytesOf(packFolder(join(root, "packed")));
  const attempts = [Buffer.from("hello"), whole.subarray(0, whole.length / 2), gzipSync(Buffer.alloc(1024))];
  const messages = await Promise.all(attempts.map((bytes, i) => unpackRefusal(bytes, `bad${i}`)));
  assert.match(messages[0] as string, /cannot be read as tar\.gz/);
  assert.match(messages[1] as string, /cannot be read as tar\.gz/);
  assert.match(messages[2] as string, /the archive is empty/);
});

test("a manifest is read as it was written", () => {
  const manifest = writeTinyModel(join(root, "tiny"));
  assert.deepEqual(parseManifest(JSON.stringify(manifest)), {
    ...manifest,
    output: { ...manifest.output, temperature: undefined },
  });
});

test("a manifest that is wrong says which member", () => {
  const good = writeTinyModel(join(root, "tiny"));
  const bad = [
    { ...good, format: "other" },
    { ...good, model: { ...good.model, file: "../model.onnx" } },
    { ...good, input: { ...good.input, width: 0 } },
    { ...good, input: { ...good.input, deviation: [1, 0, 1] } },
    { ...good, labels: [] },
  ];
  const members = bad.map((manifest) => {
    try {
      parseManifest(JSON.stringify(manifest));
      return "accepted";
    } catch (error) {
      return (error as Error).message.split(" ")[1];
    }
  });
  assert.deepEqual(members, ["format", "model.file", "input.width", "input.deviation", "labels"]);
});

test("a frame above the limit is refused before it is collected", () => {
  const read = frameReader(() => undefined);
  assert.throws(() => read(Buffer.from([0xff, 0, 0, 0])), /above/);
});

async function refusal(
  header: Partial<Header> & { name: string },
  body = Buffer.from("x"),
  limits = {},
): Promise<string> {
  const archive = pack();
  if (header.type === undefined) archive.entry({ ...header, size: body.length }, body);
  else archive.entry(header);
  archive.finalize();
  return unpackRefusal(gzipSync(await bytesOf(archive)), Math.random().toString(36), limits);
}

async function unpackRefusal(bytes: Buffer, name: string, limits = {}): Promise<string> {
  try {
    await unpackArchive(Readable.from([bytes]), join(root, name), { packedBytes: bytes.length, ...limits });
    return "accepted";
  } catch (error) {
    assert.equal((error as Error).name, "ArchiveError");
    return (error as Error).message;
  }
}

async function bytesOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
