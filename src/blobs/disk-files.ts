import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { BlobBody } from "../ports/blobs.ts";

/*
 * Data files: written once, never changed, named by a random id that only the index knows.
 *
 * B1. A file stands in `data/` only when all of it, and its name, are on the disk: it is written in `aside/`, synced,
 *     renamed, and the folder is synced. Before that nobody can see it, after that the index may name it.
 */
export interface DiskFiles {
  /** Reads the body to its end into a new data file. */
  write(body: BlobBody, passing?: (piece: Uint8Array) => void): Promise<WrittenFile>;
  /** A new data file with the same bytes; `undefined` when there is no such file. */
  duplicate(file: string): Promise<string | undefined>;
  open(file: string): Promise<FileHandle | undefined>;
  /** A file that cannot be removed now is an orphan that the next sweep takes. */
  remove(file: string): Promise<void>;
  /** Removes whatever an earlier process left unfinished. `isKnown` is asked once for each folder. */
  sweep(knownInShard: (shard: string) => Set<string>): Promise<number>;
}

export interface WrittenFile {
  file: string;
  sizeBytes: number;
  /** Hex. */
  md5: string;
}

/** Where a test may stop or kill the program. */
export type DiskPoint = "aside-written" | "aside-synced" | "renamed" | "folder-synced" | "committed";

export interface DiskFilesOptions {
  directory: string;
  newId: () => string;
  reached: (point: DiskPoint) => void;
}

/** 256 folders keep each small enough to read at once with a million objects. */
const shards = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

export async function openDiskFiles({ directory, newId, reached }: DiskFilesOptions): Promise<DiskFiles> {
  const aside = join(directory, "aside");
  const data = join(directory, "data");
  await mkdir(aside, { recursive: true });
  await mkdir(data, { recursive: true });
  await Promise.all(shards.map((shard) => mkdir(join(data, shard), { recursive: true })));
  await syncFolder(data);
  await syncFolder(directory);

  const pathOf = (file: string) => join(data, file.slice(0, 2), file);
  const newFile = () => newId().replaceAll("-", "");

  async function publish(temporary: string, file: string): Promise<void> {
    await rename(temporary, pathOf(file));
    reached("renamed");
    await syncFolder(join(data, file.slice(0, 2)));
    reached("folder-synced");
  }

  return {
    async write(body, passing) {
      const file = newFile();
      const temporary = join(aside, file);
      try {
        const handle = await open(temporary, "wx", 0o600);
        let written: { sizeBytes: number; md5: string };
        try {
          written = await writeBody(handle, body, passing);
          reached("aside-written");
          await handle.sync();
          reached("aside-synced");
        } finally {
          await handle.close();
        }
        await publish(temporary, file);
        return { file, ...written };
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },

    async duplicate(source) {
      const file = newFile();
      try {
        // Data files never change, so a second name for the same bytes is a copy; it costs no time and no space.
        await link(pathOf(source), pathOf(file));
        await syncFolder(join(data, file.slice(0, 2)));
        return file;
      } catch (error) {
        if (isMissing(error)) return undefined;
        if (!cannotLink(error)) throw error;
      }
      const temporary = join(aside, file);
      try {
        await copyFile(pathOf(source), temporary, constants.COPYFILE_FICLONE);
        const handle = await open(temporary, "r+");
        await handle.sync().finally(() => handle.close());
        await publish(temporary, file);
        return file;
      } catch (error) {
        await rm(temporary, { force: true });
        if (isMissing(error)) return undefined;
        throw error;
      }
    },

    async open(file) {
      try {
        return await open(pathOf(file), "r");
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },

    async remove(file) {
      try {
        await rm(pathOf(file), { force: true });
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    },

    async sweep(knownInShard) {
      let swept = 0;
      for (const name of await readdir(aside)) {
        await rm(join(aside, name), { force: true });
        swept++;
      }
      for (const shard of shards) {
        const names = await readdir(join(data, shard));
        if (names.length === 0) continue;
        const known = knownInShard(shard);
        for (const name of names.filter((name) => !known.has(name))) {
          await rm(join(data, shard, name), { force: true });
          swept++;
        }
      }
      return swept;
    },
  };
}

/** Yields the bytes whatever form they came in. */
function bytesOf(body: BlobBody): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof body === "string") return [Buffer.from(body)];
  if (body instanceof Uint8Array) return [body];
  return body instanceof Readable ? (body as AsyncIterable<Uint8Array>) : body;
}

async function writeBody(
  handle: FileHandle,
  body: BlobBody,
  passing?: (piece: Uint8Array) => void,
): Promise<{ sizeBytes: number; md5: string }> {
  const md5 = createHash("md5");
  let sizeBytes = 0;
  for await (const piece of bytesOf(body)) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    md5.update(bytes);
    passing?.(bytes);
    await writeAll(handle, bytes);
    sizeBytes += bytes.byteLength;
  }
  return { sizeBytes, md5: md5.digest("hex") };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.byteLength - offset);
    offset += bytesWritten;
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder as a file; NTFS journals the names itself.
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  await handle.sync().finally(() => handle.close());
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === "ENOENT";
}

function isBusy(error: unknown): boolean {
  return codeOf(error) === "EBUSY" || codeOf(error) === "EPERM" || codeOf(error) === "EACCES";
}

function cannotLink(error: unknown): boolean {
  return ["EPERM", "EXDEV", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes(codeOf(error) ?? "");
}
