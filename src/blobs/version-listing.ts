import type { BlobInfo, ListVersionsOptions, VersionInList, VersionPage } from "../ports/blobs.ts";
import type { IndexedBlob } from "./disk-index.ts";
import { comesBefore, commonPrefixOf, largestPage, successor } from "./listing.ts";
import type { VersionPosition } from "./version-index.ts";

export interface VersionReader {
  range(from: VersionPosition, to: string | undefined, limit: number): IndexedBlob[];
  placeOf(key: string, version: string): number | undefined;
  isLatest(blob: IndexedBlob): boolean;
  infoOf(blob: IndexedBlob): BlobInfo;
}

const beforeAll = Number.MIN_SAFE_INTEGER;
const behindAll = Number.MAX_SAFE_INTEGER;

/** One page of the versions of all keys. A rolled-up prefix costs one seek. */
export function versionPage(reader: VersionReader, options: ListVersionsOptions): VersionPage {
  const { prefix, delimiter } = options;
  const maxKeys = Math.min(options.maxKeys ?? largestPage, largestPage);
  const page: VersionPage = { versions: [], commonPrefixes: [] };
  if (maxKeys <= 0) return page;
  const end = successor(prefix);
  let from = startOf(reader, options);
  let last: VersionPage["next"];
  for (;;) {
    const row = reader.range(from, end, 1)[0];
    if (row === undefined) return page;
    if (page.versions.length + page.commonPrefixes.length === maxKeys) return last ? { ...page, next: last } : page;
    const rolledUp = delimiter ? commonPrefixOf(row.key, prefix, delimiter) : undefined;
    if (rolledUp !== undefined) {
      page.commonPrefixes.push(rolledUp);
      last = { key: rolledUp };
      const seek = successor(rolledUp);
      if (seek === undefined) return page;
      from = { key: seek, place: beforeAll };
      continue;
    }
    const rows = delimiter ? [row] : reader.range(from, end, maxKeys - page.versions.length);
    for (const version of rows) page.versions.push(inList(reader, version));
    const ended = rows.at(-1) ?? row;
    last = { key: ended.key, version: ended.version };
    from = { key: ended.key, place: ended.place };
  }
}

function startOf(reader: VersionReader, options: ListVersionsOptions): VersionPosition {
  const { prefix, delimiter, startAfter, startAfterVersion } = options;
  if (startAfter === undefined || !comesBefore(prefix, startAfter)) {
    if (startAfter !== prefix) return { key: prefix, place: beforeAll };
  }
  const key = startAfter as string;
  const rolledUp = delimiter ? commonPrefixOf(key, prefix, delimiter) : undefined;
  // The last page ended with this common prefix: what is under it has been told.
  if (rolledUp === key) return { key: successor(key) ?? key, place: beforeAll };
  const place = startAfterVersion === undefined ? undefined : reader.placeOf(key, startAfterVersion);
  return { key, place: place ?? behindAll };
}

function inList(reader: VersionReader, blob: IndexedBlob): VersionInList {
  return { ...reader.infoOf(blob), isLatest: reader.isLatest(blob) };
}
