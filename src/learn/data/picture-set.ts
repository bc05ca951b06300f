import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { dataFault } from "./data-fault.ts";

/**
 * Pictures of one size, decoded: planar RGB bytes in a file, one picture after the other. A set may be larger than memory: what is held of
 * it are four bytes per label, and the system keeps as much of the file in its cache as there is room for.
 */
export interface PictureSet {
  count: number;
  height: number;
  width: number;
  /** As many of each picture as the task has. Shared by threads. */
  labels: Int32Array<SharedArrayBuffer>;
  file: string;
  /** Of all pictures, then of their labels. */
  sha256: string;
}

export interface OpenPictures {
  readonly height: number;
  readonly width: number;
  /** Planar RGB bytes of one picture; good until the next call. */
  at(index: number): Uint8Array;
  close(): void;
}

/** Opens a set for one reader: every thread has its own. */
export function openPictures({ file, count, height, width }: Omit<PictureSet, "labels" | "sha256">): OpenPictures {
  const sizeBytes = 3 * height * width;
  const picture = new Uint8Array(sizeBytes);
  const opened = openSync(file, "r");
  let isOpen = true;
  return {
    height,
    width,
    at(index) {
      if (!(index >= 0 && index < count)) throw new RangeError(`there is no picture ${index} among ${count}`);
      const read = readSync(opened, picture, 0, sizeBytes, index * sizeBytes);
      if (read !== sizeBytes) throw new Error(`${file} is cut off at picture ${index}`);
      return picture;
    },
    close() {
      if (isOpen) closeSync(opened);
      isOpen = false;
    },
  };
}

/** The labels of some pictures of a set, one picture's after the other's. */
export function labelsOf(
  { labels, count }: Pick<PictureSet, "labels" | "count">,
  indices: ArrayLike<number>,
): Int32Array {
  const columns = labels.length / count;
  const found = new Int32Array(indices.length * columns);
  for (let n = 0; n < indices.length; n++) {
    for (let k = 0; k < columns; k++) found[n * columns + k] = labels[indices[n]! * columns + k]!;
  }
  return found;
}

/** Opens a set for the time of one synchronous use. */
export function withPictures<T>(set: PictureSet, use: (pictures: OpenPictures) => T): T {
  const pictures = openPictures(set);
  try {
    return use(pictures);
  } finally {
    pictures.close();
  }
}

export interface PictureSetBuilder {
  /** Takes a picture of the set's size: all red, all green, all blue bytes (`seenPicture`). */
  add(planes: Uint8Array, labels: readonly number[]): void;
  finish(): PictureSet;
  /** Removes what was written; for a set that is not finished. */
  abandon(): void;
}

export interface PictureSetOptions {
  /** Where the pictures are written; a file that is there is replaced. */
  file: string;
  height: number;
  width: number;
  /** Labels of each picture; absent: one. */
  columns?: number;
}

/** Written at once: a system call per picture would cost more than the copy. */
const chunkBytes = 1024 * 1024;

/** Takes up to `capacity` pictures. Throws a `ClientError` when the disk has no room for them. */
export function pictureSetBuilder(
  capacity: number,
  { file, height, width, columns = 1 }: PictureSetOptions,
): PictureSetBuilder {
  const sizeBytes = 3 * height * width;
  mkdirSync(dirname(file), { recursive: true });
  const room = statfsSync(dirname(file));
  if (capacity * sizeBytes > room.bavail * room.bsize) {
    throw noRoom(`${mebibytes(room.bavail * room.bsize)} are left`);
  }
  const labels = new Int32Array(new SharedArrayBuffer(capacity * columns * 4));
  const digest = createHash("sha256");
  const chunk = new Uint8Array(sizeBytes * Math.max(1, Math.floor(chunkBytes / sizeBytes)));
  const opened = openSync(file, "w");
  let isOpen = true;
  let count = 0;
  let filled = 0;

  function noRoom(found: string, cause?: unknown): Error {
    const needed = mebibytes(capacity * sizeBytes);
    return dataFault(
      `no space is left on the disk: ${capacity} decoded pictures of ${width}x${height} need ${needed} in ${dirname(file)}, and ${found}; make room, or use a smaller image_shape or fewer pictures`,
      cause,
    );
  }
  const flush = () => {
    const bytes = chunk.subarray(0, filled);
    digest.update(bytes);
    try {
      for (let at = 0; at < filled; ) at += writeSync(opened, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
      throw noRoom(`it is full after ${mebibytes(count * sizeBytes)}`, error);
    }
    filled = 0;
  };
  const close = () => {
    if (isOpen) closeSync(opened);
    isOpen = false;
  };
  return {
    add(planes, own) {
      if (count === capacity) throw new RangeError(`the set was made for ${capacity} pictures`);
      if (filled === chunk.length) flush();
      chunk.set(planes, filled);
      labels.set(own, columns * count++);
      filled += sizeBytes;
    },
    finish() {
      flush();
      close();
      const used = labels.subarray(0, columns * count);
      return { count, height, width, labels: used, file, sha256: digest.update(used).digest("hex") };
    },
    abandon() {
      close();
      rmSync(file, { force: true });
    },
  };
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}
