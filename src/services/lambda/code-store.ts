// The code of all functions, by digest: unpacked once, then never changed.
//
// K1. A folder under its digest is complete: it was unpacked aside, is on the disk whole, and then renamed.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { maxZippedBytes, tooLargeZipped, unpackCode } from "./code-package.ts";

export interface CodeStore {
  keep(zip: Uint8Array): Promise<StoredCode>;
  folderOf(sha256: string): string;
  /** Where the archive itself can be read. */
  locationOf(sha256: string): string;
}

export interface StoredCode {
  /** Base64. */
  sha256: string;
  sizeBytes: number;
}

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
    locationOf: (sha256) => pathToFileURL(`${pathOf(sha256)}.zip`).href,
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
