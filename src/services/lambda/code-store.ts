// The code of all functions, by digest: unpacked once, then never changed.
//
// K1. A folder under its digest is complete: it was unpacked aside, is on the disk whole, and then renamed.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { basename, join } from "node:path";
import { pipeline } from "node:stream";
import { maxZippedBytes, tooLargeZipped, unpackCode } from "./code-package.ts";

export interface CodeStore {
  keep(zip: Uint8Array): Promise<StoredCode>;
  folderOf(sha256: string): string;
  /** Where the archive itself can be downloaded from the server at this address. */
  locationOf(sha256: string, baseUrl: string): string;
  /** Answers requests for such places; false for all others. Who knows an archive's digest may read it. */
  answer(request: IncomingMessage, response: ServerResponse): boolean;
}

export interface StoredCode {
  /** Base64. */
  sha256: string;
  sizeBytes: number;
}

/** No name of a bucket begins so. */
const archivePath = "/_scones/function-code/";

export function codeStore(folder: string): CodeStore {
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, "draft"), { recursive: true, force: true }); // what a killed server left
  const pathOf = (sha256: string): string => join(folder, Buffer.from(sha256, "base64").toString("hex"));

  return {
    async keep(zip) {
      if (zip.byteLength > maxZippedBytes) throw tooLargeZipped();
      const sha256 = createHash("sha256").update(zip).digest("base64");
      const stored = { sha256, sizeBytes: zip.byteLength };
      if (existsSync(pathOf(sha256))) return stored;
      const draft = join(folder, "draft", randomUUID());
      try {
        mkdirSync(join(draft, "code"), { recursive: true });
        await unpackCode(zip, join(draft, "code"));
        writeFileSync(join(draft, "code.zip"), zip);
        await flushAll(draft);
        renameSync(join(draft, "code.zip"), `${pathOf(sha256)}.zip`);
        // Another request may have been faster with the same archive: then theirs stays.
        if (!existsSync(pathOf(sha256))) renameSync(join(draft, "code"), pathOf(sha256));
        await flush(folder);
      } finally {
        rmSync(draft, { recursive: true, force: true });
      }
      return stored;
    },
    folderOf: pathOf,
    locationOf: (sha256, baseUrl) => `${baseUrl}${archivePath}${basename(pathOf(sha256))}.zip`,
    answer(request, response) {
      const name = request.url?.startsWith(archivePath) ? request.url.slice(archivePath.length) : undefined;
      if (name === undefined || request.method !== "GET") return false;
      const file = join(folder, name);
      if (!/^[0-9a-f]{64}\.zip$/.test(name) || !existsSync(file)) {
        response.writeHead(404).end();
        return true;
      }
      response.writeHead(200, { "content-type": "application/zip", "content-length": statSync(file).size });
      pipeline(createReadStream(file), response, () => {}); // a caller that goes away has had enough
      return true;
    },
  };
}

/** Files that are flushed at once: the disk takes several together, descriptors are few. */
const flushedAtOnce = 16;

async function flushAll(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => !entry.isSymbolicLink()).map((entry) => join(entry.parentPath, entry.name));
  for (let i = 0; i < paths.length; i += flushedAtOnce) {
    await Promise.all(paths.slice(i, i + flushedAtOnce).map(flush));
  }
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
