import type { BlobInfo, BlobPage, ListOptions } from "../ports/blobs.ts";

/** A listing never answers more at once, as S3's. */
export const largestPage = 1000;

/** Reads keys in order: from `from` on, below `to` (absent: without end), at most `limit`. */
export type ReadRange = (from: string, to: string | undefined, limit: number) => BlobInfo[];

/** One page of a listing. A rolled-up prefix costs one seek, however many keys are under it. */
export function listPage(read: ReadRange, options: ListOptions): BlobPage {
  const { prefix, delimiter, startAfter } = options;
  const maxKeys = Math.min(options.maxKeys ?? largestPage, largestPage);
  const page: BlobPage = { blobs: [], commonPrefixes: [] };
  if (maxKeys <= 0) return page;
  const end = successor(prefix);
  let from = prefix;
  if (startAfter !== undefined && comesBefore(prefix, startAfter)) {
    const rolledUp = delimiter ? commonPrefixOf(startAfter, prefix, delimiter) : undefined;
    // The last page ended with this common prefix: what is under it has been told.
    from = rolledUp === startAfter ? (successor(startAfter) ?? startAfter) : startAfter;
  }
  let last: string | undefined;
  let after = startAfter;
  for (;;) {
    const missing = maxKeys - page.blobs.length - page.commonPrefixes.length;
    const limit = delimiter ? Math.min(missing + 2, 100) : missing + 2;
    const rows = read(from, end, limit);
    let seek: string | undefined;
    for (const blob of rows) {
      if (seek !== undefined && comesBefore(blob.key, seek)) continue;
      seek = undefined;
      if (blob.key === after) continue;
      if (page.blobs.length + page.commonPrefixes.length === maxKeys) return { ...page, next: last };
      const rolledUp = delimiter ? commonPrefixOf(blob.key, prefix, delimiter) : undefined;
      if (rolledUp === undefined) {
        page.blobs.push(blob);
        last = blob.key;
      } else {
        page.commonPrefixes.push(rolledUp);
        last = rolledUp;
        seek = successor(rolledUp);
        if (seek === undefined) return page;
      }
    }
    const lastRow = rows.at(-1);
    if (lastRow === undefined || rows.length < limit) return page;
    after = lastRow.key;
    from = seek ?? after;
  }
}

/** The smallest text that comes after everything that begins with `prefix`; `undefined` when there is none. */
export function successor(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number);
  for (let i = points.length - 1; i >= 0; i--) {
    const next = (points[i] as number) + 1;
    if (next > 0x10ffff) continue;
    // UTF-8 has no surrogates.
    return String.fromCodePoint(...points.slice(0, i), next === 0xd800 ? 0xe000 : next);
  }
  return undefined;
}

export function commonPrefixOf(key: string, prefix: string, delimiter: string): string | undefined {
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}

/** In the order of UTF-8 bytes, which differs from that of JavaScript's strings above U+FFFF. */
export function comesBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}
