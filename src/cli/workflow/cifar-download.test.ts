import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cachedArchive, type PublishedArchive } from "./cifar-download.ts";
import { DataSetError } from "./data-set.ts";

const content = Buffer.from("bicycles and motorcycles");
const archive: PublishedArchive = {
  url: "https://example.org/archive.tar.gz",
  sizeBytes: content.length,
  sha256: createHash("sha256").update(content).digest("hex"),
};

function temporaryFile(): string {
  return join(mkdtempSync(join(tmpdir(), "scones-download-")), "archive.tar.gz");
}

function options(answer: (request: RequestInit | undefined) => Response): Parameters<typeof cachedArchive>[2] {
  return {
    signal: new AbortController().signal,
    onProgress: () => {},
    fetch: async (_url, request) => answer(request),
  };
}

test("an archive is downloaded, checked and kept", async () => {
  const file = temporaryFile();
  await cachedArchive(
    archive,
    file,
    options(() => new Response(content)),
  );
  assert.deepEqual(readFileSync(file), content);
});

test("a kept archive is not downloaded again", async () => {
  const file = temporaryFile();
  writeFileSync(file, content);
  const answered = await cachedArchive(
    archive,
    file,
    options(() => assert.fail("it was asked for again")),
  );
  assert.equal(answered, file);
});

test("an interrupted download goes on where it stopped", async () => {
  const file = temporaryFile();
  writeFileSync(`${file}.part`, content.subarray(0, 10));
  let asked: string | undefined;
  await cachedArchive(
    archive,
    file,
    options((request) => {
      asked = new Headers(request?.headers).get("range") ?? undefined;
      return new Response(content.subarray(10), { status: 206 });
    }),
  );
  assert.equal(asked, "bytes=10-");
  assert.deepEqual(readFileSync(file), content);
});

test("a download that ends early keeps what it has and says how to resume", async () => {
  const file = temporaryFile();
  await assert.rejects(
    cachedArchive(
      archive,
      file,
      options(() => new Response(content.subarray(0, 5))),
    ),
    /ended after 5 of 24 bytes; run again to resume/,
  );
  assert.equal(readFileSync(`${file}.part`).length, 5);
});

test("a damaged download never gets the archive's name", async () => {
  const file = temporaryFile();
  const damaged = Buffer.from(content);
  damaged[0] = 0;
  await assert.rejects(
    cachedArchive(
      archive,
      file,
      options(() => new Response(damaged)),
    ),
    DataSetError,
  );
  assert.equal(existsSync(file), false);
  assert.equal(existsSync(`${file}.part`), false);
});
