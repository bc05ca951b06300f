import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../kit/fault.ts";
import { openDatabase } from "../kit/sqlite.ts";
import type { BlobInfo, Blobs, PutOptions } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import { type DiskPoint, inlineMark, openDiskFiles, type WrittenFile } from "./disk-files.ts";
import { diskIndex, type IndexedBlob } from "./disk-index.ts";
import { inlineBlob, openedBlob } from "./disk-read.ts";
import { diskReserve } from "./disk-reserve.ts";
import { diskUploads, smallestPartBytes } from "./disk-uploads.ts";
import { groupCommit } from "./group-commit.ts";
import { listPage } from "./listing.ts";
import { versionIndex } from "./version-index.ts";
import { versionPage } from "./version-listing.ts";

/*
 * Objects as files in one directory, and an SQLite index that says which file is which key.
 *
 *   <directory>/index.sqlite   the truth: key -> file, size, entity tag, headers; older versions; unfinished uploads; notes;
 *                              and the bytes of small objects, which have no file
 *   <directory>/data/ab/ab..   whole, synced, never changed
 *   <directory>/aside/..       being written
 *   <directory>/reserve        room for removals on a full disk (disk-reserve.ts)
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

/** A reader that loses this many races against writers of the same key is not unlucky: something is broken. */
const mostReadAttempts = 10;

/**
 * Objects up to this size are kept in the index: a picture of the usual data sets has 3 kB, and one commit that many of them
 * share is several times faster than a file of its own for each. Larger ones would make the write-ahead log the bottleneck.
 */
const inlineBytes = 16 * 1024;

/** The version of whatever is put without one. */
const noVersion = "null";

export async function diskBlobs(options: DiskBlobsOptions): Promise<Blobs> {
  const { directory, clock } = options;
  const reached = options.reached ?? (() => {});
  await mkdir(directory, { recursive: true });
  const database = openDatabase(join(directory, "index.sqlite"), { isExclusive: true });
  try {
    const files = await openDiskFiles({ directory, newId: () => clock.uuid(), reached });
    const index = diskIndex(database);
    const versions = versionIndex(database, index);
    await files.sweep((shard) => new Set([...index.filesInShard(shard), ...versions.filesInShard(shard)]));
    const reserve = diskReserve({ directory, database });
    const commits = groupCommit(database, reserve);
    let isClosed = false;

    const contentOf = ({ file }: IndexedBlob): Buffer | undefined =>
      file.startsWith(inlineMark) ? index.content(file) : undefined;

    const findBlob = (key: string, version: string | undefined): IndexedBlob | undefined =>
      version === undefined ? index.get(key) : versions.find(key, version);

    /** Inside a commit: makes it the object of its key; answers the files that are then nobody's. */
    function replace(blob: IndexedBlob, put: PutOptions): string[] {
      checkConditions(blob.key, index.get(blob.key), put);
      const obsolete = withoutInline(versions.replace(blob));
      if (put.note) index.note(put.note(infoOf(blob)));
      return obsolete;
    }

    /** Inside a commit: what is kept in the index goes with it; the rest are files, which go after it. */
    function withoutInline(obsolete: string[]): string[] {
      for (const name of obsolete) if (name.startsWith(inlineMark)) index.removeContent(name);
      return obsolete.filter((name) => name !== "" && !name.startsWith(inlineMark));
    }

    type NewBlob = Pick<IndexedBlob, "key" | "sizeBytes" | "etag" | "lastModifiedMs" | "headers">;

    /** Makes what was written the object of its key; a file is gone when that is refused. */
    async function publish(
      { file, bytes }: Pick<WrittenFile, "file" | "bytes">,
      put: PutOptions,
      blobWith: () => NewBlob,
    ) {
      const { blob, obsolete } = await orRemove(file, async () => {
        const blob: IndexedBlob = { ...blobWith(), file, version: put.version ?? noVersion, place: 0 };
        return commits.run(() => {
          const obsolete = replace(blob, put);
          if (bytes) index.putContent(file, bytes);
          return { blob, obsolete };
        });
      });
      reached("committed");
      for (const name of obsolete) await files.remove(name);
      return infoOf(blob);
    }

    async function orRemove<T>(file: string, work: () => Promise<T>): Promise<T> {
      try {
        return await work();
      } catch (error) {
        if (!file.startsWith(inlineMark)) await files.remove(file);
        throw error;
      }
    }

    /** After the commit of a removal. */
    async function removeFiles(obsolete: readonly string[]): Promise<void> {
      for (const name of obsolete) await files.remove(name);
      if (!isClosed) reserve.makeAgain();
    }

    const uploads = diskUploads({
      clock,
      files,
      index,
      commits,
      orRemove,
      replace,
      removed: removeFiles,
      smallestPartBytes: options.smallestPartBytes ?? smallestPartBytes,
    });

    return {
      ...uploads,

      async put(key, body, put = {}) {
        checkKey(key);
        const written = await files.write(body, { passing: put.passing, inlineBytes });
        return publish(written, put, () => {
          const headers = { ...put.headers, ...put.trailers?.() };
          const { sizeBytes, md5 } = written;
          return { key, sizeBytes, etag: `"${md5}"`, lastModifiedMs: clock.now(), headers };
        });
      },

      async get(key, get = {}) {
        // An object may be replaced between the look into the index and the opening of its file: then look again.
        for (let attempt = 0; attempt < mostReadAttempts; attempt++) {
          const blob = findBlob(key, get.version);
          if (blob === undefined || blob.isMarker) return undefined;
          const content = contentOf(blob);
          if (content !== undefined) return inlineBlob(infoOf(blob), content, get);
          const handle = await files.open(blob.file);
          if (handle !== undefined) return openedBlob(infoOf(blob), handle, get);
        }
        throw new Error(`the data file of ${JSON.stringify(key)} is missing from ${directory}`);
      },

      async head(key, { version } = {}) {
        const blob = findBlob(key, version);
        return blob && infoOf(blob);
      },

      async delete(key, remove = {}) {
        const { removed, obsolete } = await commits.run(
          () => {
            const blob = findBlob(key, remove.version);
            if (remove.ifMatch !== undefined) checkConditions(key, blob, { ifMatch: remove.ifMatch });
            if (remove.marker === undefined && blob === undefined) return { removed: undefined, obsolete: [] };
            const removed = remove.marker === undefined ? (blob as IndexedBlob) : markerOf(key, remove.marker);
            if (remove.marker === undefined) versions.remove(removed);
            const obsolete = withoutInline(remove.marker === undefined ? [removed.file] : versions.mark(removed));
            if (remove.note) index.note(remove.note(infoOf(removed)));
            return { removed, obsolete };
          },
          { freesRoom: true },
        );
        await removeFiles(obsolete);
        return removed && infoOf(removed);
      },

      async copy(source, target, put = {}) {
        checkKey(target);
        for (let attempt = 0; attempt < mostReadAttempts; attempt++) {
          const original = findBlob(source, put.sourceVersion);
          if (original === undefined || original.isMarker) return undefined;
          const content = contentOf(original);
          const file = content ? files.newInline() : await files.duplicate(original.file);
          if (file === undefined) continue;
          const { sizeBytes, etag } = original;
          const headers = put.headers ?? original.headers;
          return publish({ file, ...(content && { bytes: content }) }, put, () => {
            return { key: target, sizeBytes, etag, lastModifiedMs: clock.now(), headers };
          });
        }
        throw new Error(`the data file of ${JSON.stringify(source)} is missing from ${directory}`);
      },

      changeHeaders: (key, change, { version, note } = {}) =>
        commits.run(() => {
          const blob = findBlob(key, version);
          if (blob === undefined || blob.isMarker) return undefined;
          const changed = { ...blob, headers: change(blob.headers) };
          versions.changeHeaders(changed);
          if (note) index.note(note(infoOf(changed)));
          return infoOf(changed);
        }),

      list: async (list) => listPage((from, to, limit) => index.range(from, to, limit).map(infoOf), list),

      listVersions: async (list) =>
        versionPage(
          {
            range: versions.range,
            placeOf: (key, version) => versions.find(key, version)?.place,
            isLatest: ({ key, place }) => (index.get(key) ?? versions.marker(key))?.place === place,
            infoOf,
          },
          list,
        ),

      notes: (limit) => index.notes(limit),
      settle: (ids) => commits.run(() => index.settle(ids)),

      async close() {
        if (isClosed) return;
        isClosed = true;
        await commits.settled();
        database.close();
      },
    };

    function markerOf(key: string, version: string): IndexedBlob {
      const lastModifiedMs = clock.now();
      return { key, version, lastModifiedMs, isMarker: true, file: "", place: 0, sizeBytes: 0, etag: "", headers: {} };
    }
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

function infoOf({ file: _file, place: _place, ...info }: IndexedBlob): BlobInfo {
  return info;
}

function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}
