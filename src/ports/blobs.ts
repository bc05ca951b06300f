import type { Readable } from "node:stream";

/**
 * Bytes under keys. A key is a bucket name, a slash and an object key; the port knows nothing else of buckets.
 *
 * B1. An object is whole or absent: never half-written, also after power loss.
 * B2. What a multipart completion or a copy names exists, or the call fails.
 */
export interface Blobs {
  /** Streams `body` aside, then makes it the object in one step. Refuses with `PreconditionFailed` when a condition does not hold. */
  put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo>;
  /** `undefined` when there is no such object. The stream must be read or destroyed. */
  get(key: string, options?: GetOptions): Promise<Blob | undefined>;
  head(key: string): Promise<BlobInfo | undefined>;
  /** Deleting what is not there is not an error. */
  delete(key: string): Promise<void>;
  /** The source as a new object; `undefined` when there is no source. Metadata is kept unless given. */
  copy(source: string, target: string, options?: PutOptions): Promise<BlobInfo | undefined>;
  /** Keys in UTF-8 byte order, after `startAfter`; with a delimiter, keys are rolled up into common prefixes. */
  list(options: ListOptions): Promise<BlobPage>;

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
  /** Lower-case names: `content-type`, `cache-control`, `content-encoding`, `x-amz-meta-*`, `x-amz-checksum-*` ... */
  headers: Readonly<Record<string, string>>;
}

export interface Blob extends BlobInfo {
  body: Readable;
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

export interface PutOptions extends PartOptions {
  /** `*`: only if there is no such object yet. */
  ifNoneMatch?: "*";
  /** Only if the object's current entity tag is this one. */
  ifMatch?: string;
}

export interface GetOptions {
  /** Inclusive byte positions; `{ suffix: n }` is the last n bytes. Unsatisfiable: fault `InvalidRange` (416). */
  range?: { first: number; last?: number } | { suffix: number };
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
