import type { FileHandle } from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Fault } from "../kit/fault.ts";
import { openDatabase } from "../kit/sqlite.ts";
import type { Blob, BlobInfo, Blobs, GetOptions, PutOptions } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import { type DiskPoint, openDiskFiles } from "./disk-files.ts";
import { type DiskIndex, diskIndex, type IndexedBlob } from "./disk-index.ts";
import { diskUploads, smallestPartBytes } from "./disk-uploads.ts";
import { groupCommit } from "./group-commit.ts";
import { listPage } from "./listing.ts";

/*
 * Objects as files in one directory, and an SQLite index that says which file is which key.
 *
 *   <directory>/index.sqlite   the truth: key -> file, size, entity tag, headers; unfinished uploads and their parts
 *   <directory>/data/ab/ab..   whole, synced, never changed
 *   <directory>/aside/..       being written
 *
 * B1. The commit of the index is the one moment at which an object becomes, changes or ends. Before it the file it names
 *     is whole on the disk (disk-files.ts); after it the file it named before is removed. Whatever a crash leaves between
 *     is a file that no row names, and the next start sweeps it.
 * B3. One process owns the directory: the index is locked by the operating system as long as it is open.
 */
export interface DiskBlobsOptions {
  /** Made when missing. Must be on a local file system: network ones do not keep their word about locks and syncs. */
  directory: string;
  clock: Pick<Clock, "now" | "uuid">;
  /** S3's own is 5 MiB; tests may take less. */
  smallestPartBytes?: number;
  /** Called at the named points of a write. */
  reached?: (point: DiskPoint) => void;
}

/** An object up to this size is read in one piece, so that nobody must remember to close a file. */
const wholeReadBytes = 256 * 1024;

/** A reader that loses this many races against writers of the same key is not unlucky: something is broken. */
const mostReadAttempts = 10;

export async function diskBlobs(options: DiskBlobsOptions): Promise<Blobs> {
  const { directory, clock } = options;
  const reached = options.reached ?? (() => {});
  await mkdir(directory, { recursive: true });
  const database = openDatabase(join(directory, "index.sqlite"), { isExclusive: true });
  try {
    const files = await openDiskFiles({ directory, newId: () => clock.uuid(), reached });
    const index = diskIndex(database);
    await files.sweep((shard) => index.filesInShard(shard));
    const commits = groupCommit(database);
    let isClosed = false;

    /** Makes a file the object of its key; the file is gone when that is refused. */
    async function publish(file: string, put: PutOptions, blobWith: () => IndexedBlob): Promise<BlobInfo> {
      const { blob, replaced } = await orRemove(file, async () => {
        const blob = blobWith();
        return commits.run(() => {
          const current = index.get(blob.key);
          checkConditions(blob.key, current, put);
          index.put(blob);
          return { blob, replaced: current };
        });
      });
      reached("committed");
      if (replaced) await files.remove(replaced.file);
      return infoOf(blob);
    }

    async function orRemove<T>(file: string, work: () => Promise<T>): Promise<T> {
      try {
        return await work();
      } catch (error) {
        await files.remove(file);
        throw error;
      }
    }

    const uploads = diskUploads({
      clock,
      files,
      index,
      commits,
      orRemove,
      checkConditions,
      smallestPartBytes: options.smallestPartBytes ?? smallestPartBytes,
    });

    return {
      ...uploads,

      async put(key, body, put = {}) {
        checkKey(key);
        const { file, sizeBytes, md5 } = await files.write(body, put.passing);
        return publish(file, put, () => {
          const headers = { ...put.headers, ...put.trailers?.() };
          return { key, file, sizeBytes, etag: `"${md5}"`, lastModifiedMs: clock.now(), headers };
        });
      },

      async get(key, get = {}) {
        // An object may be replaced between the look into the index and the opening of its file: then look again.
        for (let attempt = 0; attempt < mostReadAttempts; attempt++) {
          const blob = index.get(key);
          if (blob === undefined) return undefined;
          const handle = await files.open(blob.file);
          if (handle !== undefined) return openedBlob(blob, handle, get);
        }
        throw new Error(`the data file of ${JSON.stringify(key)} is missing from ${directory}`);
      },

      async head(key) {
        const blob = index.get(key);
        return blob && infoOf(blob);
      },

      async delete(key) {
        const removed = await commits.run(() => removeFrom(index, key));
        if (removed) await files.remove(removed.file);
      },

      async copy(source, target, put = {}) {
        checkKey(target);
        for (let attempt = 0; attempt < mostReadAttempts; attempt++) {
          const original = index.get(source);
          if (original === undefined) return undefined;
          const file = await files.duplicate(original.file);
          if (file === undefined) continue;
          const headers = put.headers ?? original.headers;
          return publish(file, put, () => ({ ...original, key: target, file, lastModifiedMs: clock.now(), headers }));
        }
        throw new Error(`the data file of ${JSON.stringify(source)} is missing from ${directory}`);
      },

      list: async (list) => listPage((from, to, limit) => index.range(from, to, limit).map(infoOf), list),

      async close() {
        if (isClosed) return;
        isClosed = true;
        await commits.settled();
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function checkKey(key: string): void {
  // XML cannot carry it and SQLite's text ends at it; no client sends it.
  if (key.includes("\0")) throw new Fault("InvalidArgument", "an object key must not contain the NUL character");
}

function checkConditions(key: string, current: IndexedBlob | undefined, put: PutOptions): void {
  if (put.ifNoneMatch === "*" && current !== undefined) {
    throw new Fault("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
      status: 412,
      members: { Condition: "If-None-Match" },
    });
  }
  if (put.ifMatch === undefined) return;
  if (current === undefined) {
    const name = key.slice(key.indexOf("/") + 1);
    throw new Fault("NoSuchKey", "The specified key does not exist.", { status: 404, members: { Key: name } });
  }
  if (unquoted(current.etag) !== unquoted(put.ifMatch)) {
    throw new Fault("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
      status: 412,
      members: { Condition: "If-Match" },
    });
  }
}

function removeFrom(index: DiskIndex, key: string): IndexedBlob | undefined {
  const current = index.get(key);
  if (current) index.remove(key);
  return current;
}

async function openedBlob(blob: IndexedBlob, handle: FileHandle, { range }: GetOptions): Promise<Blob> {
  try {
    const selected = range && selectRange(range, blob.sizeBytes);
    const first = selected?.first ?? 0;
    const last = selected?.last ?? blob.sizeBytes - 1;
    const length = last - first + 1;
    const body =
      length <= wholeReadBytes
        ? readableOf(await readExactly(handle, first, length))
        : handle.createReadStream({ start: first, end: last, highWaterMark: wholeReadBytes });
    return { ...infoOf(blob), body, ...(selected && { range: selected }) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** `Readable.from` would take bytes through an iterator and its promises. */
function readableOf(bytes: Buffer): Readable {
  return new Readable({
    read() {
      this.push(bytes);
      this.push(null);
    },
  });
}

async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) throw new Error(`a data file is ${length - filled} bytes shorter than its index says`);
    filled += bytesRead;
  }
  await handle.close();
  return bytes;
}

function selectRange(range: NonNullable<GetOptions["range"]>, sizeBytes: number): { first: number; last: number } {
  const first = "suffix" in range ? Math.max(0, sizeBytes - range.suffix) : range.first;
  const last = "suffix" in range ? sizeBytes - 1 : Math.min(range.last ?? sizeBytes - 1, sizeBytes - 1);
  if (first >= sizeBytes || last < first) {
    throw new Fault("InvalidRange", "The requested range is not satisfiable", {
      status: 416,
      members: { ActualObjectSize: String(sizeBytes) },
    });
  }
  return { first, last };
}

function infoOf({ key, sizeBytes, etag, lastModifiedMs, headers }: IndexedBlob): BlobInfo {
  return { key, sizeBytes, etag, lastModifiedMs, headers };
}

function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}
