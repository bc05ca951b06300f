import type { Database, SqlValue } from "../kit/sqlite.ts";
import type { BlobInfo } from "../ports/blobs.ts";

/*
 * Which key is which data file. A change of this index is the moment at which an object becomes, changes or ends.
 * Keys are compared as UTF-8 bytes (SQLite's BINARY collation), which is S3's order of listing.
 */

export interface IndexedBlob extends BlobInfo {
  /** Empty for a marker. */
  file: string;
  /** Among the versions of a key; the smaller, the newer. */
  place: number;
}

export interface IndexedUpload {
  uploadId: string;
  key: string;
  headers: Record<string, string>;
  initiatedMs: number;
}

export interface IndexedPart {
  partNumber: number;
  file: string;
  sizeBytes: number;
  /** Hex. */
  md5: string;
  lastModifiedMs: number;
  headers: Record<string, string>;
}

export interface DiskIndex {
  get(key: string): IndexedBlob | undefined;
  put(blob: IndexedBlob): void;
  remove(key: string): void;
  /** Keys from `from` on and below `to`, in order. */
  range(from: string, to: string | undefined, limit: number): IndexedBlob[];
  getUpload(uploadId: string): IndexedUpload | undefined;
  putUpload(upload: IndexedUpload): void;
  /** With its parts. */
  removeUpload(uploadId: string): void;
  uploads(from: string, to: string | undefined): IndexedUpload[];
  putPart(uploadId: string, part: IndexedPart): void;
  part(uploadId: string, partNumber: number): IndexedPart | undefined;
  parts(uploadId: string): IndexedPart[];
  /** Bytes of small objects, by the name that stands in place of a file. */
  content(file: string): Buffer | undefined;
  putContent(file: string, bytes: Buffer): void;
  removeContent(file: string): void;
  note(text: string): void;
  notes(limit: number): { id: number; text: string }[];
  settle(ids: readonly number[]): void;
  filesInShard(shard: string): Set<string>;
}

export interface BlobRow {
  key: string;
  file: string;
  size: number;
  etag: string;
  modified: number;
  headers: string;
  version: string;
  place: number;
}

interface UploadRow {
  id: string;
  key: string;
  headers: string;
  initiated: number;
}

interface PartRow {
  number: number;
  file: string;
  size: number;
  md5: string;
  modified: number;
  headers: string;
}

const schema = `
CREATE TABLE IF NOT EXISTS blobs (
  key TEXT PRIMARY KEY, file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL, headers TEXT NOT NULL,
  version TEXT NOT NULL DEFAULT 'null', place INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blobs_by_file ON blobs (file);
CREATE TABLE IF NOT EXISTS uploads (
  id TEXT PRIMARY KEY, key TEXT NOT NULL, headers TEXT NOT NULL, initiated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_by_key ON uploads (key, initiated);
CREATE TABLE IF NOT EXISTS parts (
  upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE, number INTEGER NOT NULL, file TEXT NOT NULL,
  size INTEGER NOT NULL, md5 TEXT NOT NULL, modified INTEGER NOT NULL, headers TEXT NOT NULL, PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parts_by_file ON parts (file);
CREATE TABLE IF NOT EXISTS contents (file TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL);`;

/** Directories that were made before objects had versions. */
const versionColumns = `
ALTER TABLE blobs ADD COLUMN version TEXT NOT NULL DEFAULT 'null';
ALTER TABLE blobs ADD COLUMN place INTEGER NOT NULL DEFAULT 0;`;

export function diskIndex(database: Database): DiskIndex {
  database.exec(schema);
  const columns = database.prepare("PRAGMA table_info(blobs)").all<{ name: string }>();
  if (!columns.some(({ name }) => name === "version")) database.exec(versionColumns);
  const getBlob = database.prepare("SELECT * FROM blobs WHERE key = ?");
  const putBlob = database.prepare(
    "INSERT OR REPLACE INTO blobs (key, file, size, etag, modified, headers, version, place) VALUES (?,?,?,?,?,?,?,?)",
  );
  const removeBlob = database.prepare("DELETE FROM blobs WHERE key = ?");
  const rangeBelow = database.prepare("SELECT * FROM blobs WHERE key >= ? AND key < ? ORDER BY key LIMIT ?");
  const rangeOpen = database.prepare("SELECT * FROM blobs WHERE key >= ? ORDER BY key LIMIT ?");
  const getUpload = database.prepare("SELECT * FROM uploads WHERE id = ?");
  const putUpload = database.prepare("INSERT INTO uploads (id, key, headers, initiated) VALUES (?,?,?,?)");
  const removeUpload = database.prepare("DELETE FROM uploads WHERE id = ?");
  const uploadsBelow = database.prepare("SELECT * FROM uploads WHERE key >= ? AND key < ? ORDER BY key, initiated, id");
  const uploadsOpen = database.prepare("SELECT * FROM uploads WHERE key >= ? ORDER BY key, initiated, id");
  const putPart = database.prepare(
    "INSERT OR REPLACE INTO parts (upload, number, file, size, md5, modified, headers) VALUES (?,?,?,?,?,?,?)",
  );
  const part = database.prepare("SELECT * FROM parts WHERE upload = ? AND number = ?");
  const parts = database.prepare("SELECT * FROM parts WHERE upload = ? ORDER BY number");
  const content = database.prepare("SELECT bytes FROM contents WHERE file = ?");
  const putContent = database.prepare("INSERT INTO contents (file, bytes) VALUES (?,?)");
  const removeContent = database.prepare("DELETE FROM contents WHERE file = ?");
  const note = database.prepare("INSERT INTO notes (text) VALUES (?)");
  const notes = database.prepare("SELECT id, text FROM notes ORDER BY id LIMIT ?");
  const settle = database.prepare("DELETE FROM notes WHERE id = ?");
  const files = database.prepare(
    "SELECT file FROM blobs WHERE file >= ?1 AND file < ?2 UNION ALL SELECT file FROM parts WHERE file >= ?1 AND file < ?2",
  );
  return {
    get(key) {
      const row = getBlob.get<BlobRow>(key);
      return row && blobOf(row);
    },
    put: (blob) => void putBlob.run(...rowOf(blob)),
    remove: (key) => void removeBlob.run(key),
    range(from, to, limit) {
      const rows = to === undefined ? rangeOpen.all<BlobRow>(from, limit) : rangeBelow.all<BlobRow>(from, to, limit);
      return rows.map(blobOf);
    },
    getUpload(uploadId) {
      const row = getUpload.get<UploadRow>(uploadId);
      return row && uploadOf(row);
    },
    putUpload: (upload) =>
      void putUpload.run(upload.uploadId, upload.key, JSON.stringify(upload.headers), upload.initiatedMs),
    removeUpload: (uploadId) => void removeUpload.run(uploadId),
    uploads(from, to) {
      const rows = to === undefined ? uploadsOpen.all<UploadRow>(from) : uploadsBelow.all<UploadRow>(from, to);
      return rows.map(uploadOf);
    },
    putPart(uploadId, part) {
      const headers = JSON.stringify(part.headers);
      putPart.run(uploadId, part.partNumber, part.file, part.sizeBytes, part.md5, part.lastModifiedMs, headers);
    },
    part(uploadId, partNumber) {
      const row = part.get<PartRow>(uploadId, partNumber);
      return row && partOf(row);
    },
    parts: (uploadId) => parts.all<PartRow>(uploadId).map(partOf),
    content(file) {
      const bytes = content.get<{ bytes: Uint8Array }>(file)?.bytes;
      return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    putContent: (file, bytes) => void putContent.run(file, bytes),
    removeContent: (file) => void removeContent.run(file),
    note: (text) => void note.run(text),
    notes: (limit) => notes.all<{ id: number; text: string }>(limit),
    settle(ids) {
      for (const id of ids) settle.run(id);
    },
    // "g" follows every hexadecimal digit, so [shard, shard + "g") holds exactly the names that begin with it.
    filesInShard: (shard) => new Set(files.all<{ file: string }>(shard, `${shard}g`).map((row) => row.file)),
  };
}

export function rowOf(blob: IndexedBlob): SqlValue[] {
  const headers = JSON.stringify(blob.headers);
  return [blob.key, blob.file, blob.sizeBytes, blob.etag, blob.lastModifiedMs, headers, blob.version, blob.place];
}

export function blobOf(row: BlobRow): IndexedBlob {
  return {
    key: row.key,
    sizeBytes: row.size,
    etag: row.etag,
    lastModifiedMs: row.modified,
    version: row.version,
    ...(row.file === "" && { isMarker: true as const }),
    headers: JSON.parse(row.headers),
    file: row.file,
    place: row.place,
  };
}

function uploadOf(row: UploadRow): IndexedUpload {
  return { uploadId: row.id, key: row.key, headers: JSON.parse(row.headers), initiatedMs: row.initiated };
}

function partOf(row: PartRow): IndexedPart {
  return {
    partNumber: row.number,
    file: row.file,
    sizeBytes: row.size,
    md5: row.md5,
    lastModifiedMs: row.modified,
    headers: JSON.parse(row.headers),
  };
}
