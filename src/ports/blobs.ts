import type { Readable } from "node:stream";

/**
 * Bytes under keys. A key is a bucket name, a slash and an object key; the port knows nothing else of buckets.
 *
 * B1. An object is whole or absent: never half-written, also after power loss.
 * B2. What a multipart completion or a copy names exists, or the call fails.
 * B4. A note given with a change is kept with it or not at all, until it is settled.
 */
export interface Blobs {
  /** Streams `body` aside, then makes it the object in one step. Refuses with `PreconditionFailed` when a condition does not hold. */
  put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo>;
  /** `undefined` when there is no such object. The stream must be read or destroyed. */
  get(key: string, options?: GetOptions): Promise<Blob | undefined>;
  /** Without a version the object itself; with one also what was the object before, or a marker (`isMarker`). */
  head(key: string, options?: VersionOptions): Promise<BlobInfo | undefined>;
  /** What was removed or, with `marker`, put in its place. Deleting what is not there is not an error. */
  delete(key: string, options?: DeleteOptions): Promise<BlobInfo | undefined>;
  /** The source as a new object; `undefined` when there is no source. Metadata is kept unless given. */
  copy(source: string, target: string, options?: CopyOptions): Promise<BlobInfo | undefined>;
  /** Gives an object other headers; bytes, time and version stay. `undefined` when there is no such object. */
  changeHeaders(
    key: string,
    change: (headers: Readonly<Record<string, string>>) => Record<string, string>,
    options?: VersionOptions & NoteOptions,
  ): Promise<BlobInfo | undefined>;
  /** Keys in UTF-8 byte order, after `startAfter`; with a delimiter, keys are rolled up into common prefixes. */
  list(options: ListOptions): Promise<BlobPage>;
  /** As `list`, with every version of each key, the newest first. */
  listVersions(options: ListVersionsOptions): Promise<VersionPage>;
  /** What was noted with changes and not settled yet, in their order. */
  notes(limit: number): { id: number; text: string }[];
  settle(ids: readonly number[]): Promise<void>;

  createUpload(key: string, options?: PutOptions): Promise<string>;
  /** The part's entity tag (hex MD5 in quotes). A part that was there is replaced. */
  putPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: BlobBody,
    options?: PartOptions,
  ): Promise<UploadPart>;
  /** Answers `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall` or `NoSuchUpload` as S3 does. `headers` are added to the upload's. */
  completeUpload(
    key: string,
    uploadId: string,
    parts: readonly CompletedPart[],
    options?: PutOptions,
  ): Promise<BlobInfo>;
  abortUpload(key: string, uploadId: string): Promise<void>;
  /** In order of part number; `NoSuchUpload` when there is none. */
  listParts(key: string, uploadId: string): Promise<UploadPart[]>;
  /** The upload and the headers it was begun with; `NoSuchUpload` when there is none. */
  headUpload(key: string, uploadId: string): Promise<Upload>;
  /** In order of key, then of time. */
  listUploads(prefix: string): Promise<Upload[]>;
  /** May be called twice. */
  close(): Promise<void>;
}

export type BlobBody = Uint8Array | string | Readable | AsyncIterable<Uint8Array>;

export interface BlobInfo {
  key: string;
  sizeBytes: number;
  /** In quotes, as S3 answers it: the hex MD5, or `md5(md5s)-n` for a multipart object. */
  etag: string;
  lastModifiedMs: number;
  /** `null` unless it was put with another. */
  version: string;
  /** Stands in the place of a deleted object whose earlier versions are kept: no object, but one of its versions. */
  isMarker?: true;
  /** Lower-case names: `content-type`, `cache-control`, `content-encoding`, `x-amz-meta-*`, `x-amz-checksum-*` ... */
  headers: Readonly<Record<string, string>>;
}

export interface Blob extends BlobInfo {
  body: Readable;
  /** All that `body` would give, when that is little: whoever takes it need not touch `body`. */
  bytes?: Buffer;
  /** Present when a range was asked for and honoured; inclusive. */
  range?: { first: number; last: number };
}

export interface PartOptions {
  headers?: Record<string, string>;
  /** Sees every piece of the body on its way to the disk. */
  passing?: (piece: Uint8Array) => void;
  /** Refuses what has passed by throwing, or gives the headers that are known only once the body has been read, such as its checksum. */
  trailers?: () => Record<string, string>;
}

export interface NoteOptions {
  /** Kept until settled; made when the change is certain. */
  note?: ((info: BlobInfo) => string) | undefined;
}

export interface VersionOptions {
  version?: string | undefined;
}

/** With a `version`, what was the object stays as an older one unless it has that same version. */
export interface PutOptions extends PartOptions, VersionOptions, NoteOptions {
  /** `*`: only if there is no such object yet. */
  ifNoneMatch?: "*";
  /** Only if the object's current entity tag is this one. */
  ifMatch?: string;
}

export interface CopyOptions extends PutOptions {
  sourceVersion?: string | undefined;
}

/** With a `version` that one goes for good; with a `marker` the object stays as an older version behind a marker of that version. */
export interface DeleteOptions extends VersionOptions, NoteOptions {
  marker?: string | undefined;
  /** Only if the object's current entity tag is this one. */
  ifMatch?: string | undefined;
}

export interface GetOptions extends VersionOptions {
  /** Inclusive byte positions; `{ suffix: n }` is the last n bytes. Unsatisfiable: fault `InvalidRange` (416). */
  range?: { first: number; last?: number } | { suffix: number } | undefined;
}

export interface ListOptions {
  prefix: string;
  delimiter?: string;
  startAfter?: string;
  maxKeys?: number;
}

export interface BlobPage {
  blobs: BlobInfo[];
  commonPrefixes: string[];
  /** Give it as `startAfter` to go on; absent on the last page. */
  next?: string;
}

export interface ListVersionsOptions extends ListOptions {
  /** With `startAfter`: goes on behind this version of that key. */
  startAfterVersion?: string;
}

export interface VersionInList extends BlobInfo {
  isLatest: boolean;
}

export interface VersionPage {
  versions: VersionInList[];
  commonPrefixes: string[];
  next?: { key: string; version?: string };
}

export interface CompletedPart {
  partNumber: number;
  etag: string;
}

export interface UploadPart extends CompletedPart {
  sizeBytes: number;
  lastModifiedMs: number;
  headers: Readonly<Record<string, string>>;
}

export interface Upload {
  key: string;
  uploadId: string;
  initiatedMs: number;
  headers: Readonly<Record<string, string>>;
}
