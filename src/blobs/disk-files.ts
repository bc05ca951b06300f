import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BlobBody } from "../ports/blobs.ts";

/*
 * Data files: written once, never changed, named by a random id that only the index knows. What is small is handed back as
 * bytes instead, to be kept in the index itself: two syncs of the disk cost more than a few kilobytes there.
 *
 * B1. A file stands in `data/` only when all of it, and its name, are on the disk: it is written in `aside/`, synced,
 *     renamed, and the folder is synced. Before that nobody can see it, after that the index may name it.
 */
export interface DiskFiles {
  /** Reads the body to its end into a new data file, or into memory when it has at most `inlineBytes`. */
  write(body: BlobBody, options?: WriteFileOptions): Promise<WrittenFile>;
  /** A name for bytes that are kept in the index. */
  newInline(): string;
  /** A new data file with the same bytes; `undefined` when there is no such file. */
  duplicate(file: string): Promise<string | undefined>;
  open(file: string): Promise<FileHandle | undefined>;
  /** A file that cannot be removed now is an orphan that the next sweep takes. */
  remove(file: string): Promise<void>;
  /** Removes whatever an earlier process left unfinished. `isKnown` is asked once for each folder. */
  sweep(knownInShard: (shard: string) => Set<string>): Promise<number>;
}

export interface WriteFileOptions {
  passing?: ((piece: Uint8Array) => void) | undefined;
  inlineBytes?: number;
}

export interface WrittenFile {
  file: string;
  /** Present when there is no file: the whole body. */
  bytes?: Buffer;
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
    async write(body, { passing, inlineBytes = 0 } = {}) {
      const begun = await readBeginning(body, inlineBytes);
      if (begun.isWhole) {
        passing?.(begun.bytes);
        const md5 = createHash("md5").update(begun.bytes).digest("hex");
        return { file: inlineMark + newFile(), bytes: begun.bytes, sizeBytes: begun.bytes.length, md5 };
      }
      const file = newFile();
      const temporary = join(aside, file);
      try {
        const handle = await open(temporary, "wx", 0o600);
        let written: { sizeBytes: number; md5: string };
        try {
          written = await writeBody(handle, begun.pieces, passing);
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

    newInline: () => inlineMark + newFile(),

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

/** Begins the names of what is kept in the index: no shard has it. */
export const inlineMark = "~";

type Beginning =
  | { isWhole: true; bytes: Buffer }
  | { isWhole: false; pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array> };

/** The whole body when it is at most so long, else all of its pieces, those that were read included. */
async function readBeginning(body: BlobBody, mostBytes: number): Promise<Beginning> {
  if (typeof body === "string" || body instanceof Uint8Array) {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    if (bytes.byteLength > mostBytes) return { isWhole: false, pieces: [bytes] };
    return { isWhole: true, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }
  if (mostBytes === 0) return { isWhole: false, pieces: body };
  const rest = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let sizeBytes = 0;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    const bytes = typeof next.value === "string" ? Buffer.from(next.value) : next.value;
    read.push(bytes);
    sizeBytes += bytes.byteLength;
    if (sizeBytes > mostBytes) return { isWhole: false, pieces: joinedPieces(read, rest) };
  }
  return { isWhole: true, bytes: Buffer.concat(read) };
}

async function* joinedPieces(read: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* read;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    // Whoever stops early must not leave the source open.
    await rest.return?.();
  }
}

async function writeBody(
  handle: FileHandle,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  passing?: (piece: Uint8Array) => void,
): Promise<{ sizeBytes: number; md5: string }> {
  const md5 = createHash("md5");
  let sizeBytes = 0;
  for await (const piece of pieces) {
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
