import type { Database } from "../kit/sqlite.ts";
import { type BlobRow, blobOf, type DiskIndex, type IndexedBlob, rowOf } from "./disk-index.ts";

/*
 * What was an object before, and the markers that stand where one was deleted. The object itself is in the other table.
 *
 * B5. The object of a key is newer than every older version, and when the newest version is a marker there is no object.
 */
export interface VersionIndex {
  /** Makes `blob` the object of its key; answers the files that nothing names any more. */
  replace(blob: IndexedBlob): string[];
  /** Puts a marker where the object was. */
  mark(marker: IndexedBlob): string[];
  /** The object or an older version of it, or a marker. */
  find(key: string, version: string): IndexedBlob | undefined;
  /** The marker that says that the object was deleted. */
  marker(key: string): IndexedBlob | undefined;
  /** Removes one version for good; the newest that is left becomes the object unless it is a marker. */
  remove(blob: IndexedBlob): void;
  changeHeaders(blob: IndexedBlob): void;
  /** All versions in the order of a listing, behind that place of `from`, below `to`. */
  range(from: VersionPosition, to: string | undefined, limit: number): IndexedBlob[];
  filesInShard(shard: string): string[];
}

export interface VersionPosition {
  key: string;
  /** Only older versions than this of that key. */
  place: number;
}

const schema = `
CREATE TABLE IF NOT EXISTS versions (
  key TEXT NOT NULL, place INTEGER NOT NULL, version TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
  etag TEXT NOT NULL, modified INTEGER NOT NULL, headers TEXT NOT NULL, PRIMARY KEY (key, place)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS versions_by_id ON versions (key, version);
CREATE INDEX IF NOT EXISTS versions_by_file ON versions (file);`;

/** Follows every text of UTF-8 in the order of its bytes. */
const beyond = new Uint8Array([0xff]);

export function versionIndex(database: Database, index: DiskIndex): VersionIndex {
  database.exec(schema);
  const put = database.prepare(
    "INSERT OR REPLACE INTO versions (key, file, size, etag, modified, headers, version, place) VALUES (?,?,?,?,?,?,?,?)",
  );
  const find = database.prepare("SELECT * FROM versions WHERE key = ? AND version = ?");
  const newest = database.prepare("SELECT * FROM versions WHERE key = ? ORDER BY place LIMIT 1");
  const remove = database.prepare("DELETE FROM versions WHERE key = ? AND place = ?");
  const range = database.prepare(
    "SELECT * FROM versions WHERE (key, place) > (?, ?) AND key < ? ORDER BY key, place LIMIT ?",
  );
  const files = database.prepare("SELECT file FROM versions WHERE file >= ? AND file < ?");
  // Most directories never keep a version: then a put must not pay for looking.
  let isEmpty = database.prepare("SELECT 1 FROM versions LIMIT 1").get() === undefined;

  const newestOf = (key: string): IndexedBlob | undefined => {
    const row = isEmpty ? undefined : newest.get<BlobRow>(key);
    return row && blobOf(row);
  };

  const olderOf = (key: string, version: string): IndexedBlob | undefined => {
    const row = isEmpty ? undefined : find.get<BlobRow>(key, version);
    return row && blobOf(row);
  };

  function keep(blob: IndexedBlob): void {
    isEmpty = false;
    put.run(...rowOf(blob));
  }

  /** Makes room for a new newest version; answers its place, and the files of what had the same version. */
  function makeRoom({ key, version }: IndexedBlob): { place: number; obsolete: string[] } {
    const current = index.get(key);
    const place = Math.min(current?.place ?? 0, newestOf(key)?.place ?? 0) - 1;
    const same = current?.version === version ? current : olderOf(key, version);
    if (current !== undefined && same !== current) keep(current);
    if (same !== undefined && same !== current) remove.run(key, same.place);
    return { place, obsolete: same === undefined || same.file === "" ? [] : [same.file] };
  }

  return {
    replace(blob) {
      const { place, obsolete } = makeRoom(blob);
      index.put({ ...blob, place });
      return obsolete;
    },

    mark(marker) {
      const { place, obsolete } = makeRoom(marker);
      index.remove(marker.key);
      keep({ ...marker, place });
      return obsolete;
    },

    find(key, version) {
      const current = index.get(key);
      return current?.version === version ? current : olderOf(key, version);
    },

    marker(key) {
      const first = index.get(key) === undefined ? newestOf(key) : undefined;
      return first?.isMarker ? first : undefined;
    },

    remove(blob) {
      if (index.get(blob.key)?.place === blob.place) index.remove(blob.key);
      else remove.run(blob.key, blob.place);
      const next = newestOf(blob.key);
      if (next === undefined || next.isMarker || index.get(blob.key) !== undefined) return;
      remove.run(next.key, next.place);
      index.put(next);
    },

    changeHeaders(blob) {
      if (index.get(blob.key)?.place === blob.place) index.put(blob);
      else keep(blob);
    },

    range(from, to, limit) {
      const objects = index
        .range(from.key, to, limit + 1)
        .filter((blob) => blob.key !== from.key || blob.place > from.place);
      const older = isEmpty ? [] : range.all<BlobRow>(from.key, from.place, to ?? beyond, limit).map(blobOf);
      return [...objects, ...older].sort(inListingOrder).slice(0, limit);
    },

    // "g" follows every hexadecimal digit.
    filesInShard: (shard) => files.all<{ file: string }>(shard, `${shard}g`).map((row) => row.file),
  };
}

function inListingOrder(one: IndexedBlob, other: IndexedBlob): number {
  if (one.key === other.key) return one.place - other.place;
  return Buffer.compare(Buffer.from(one.key), Buffer.from(other.key));
}
