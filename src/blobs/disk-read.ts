import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { Fault } from "../kit/fault.ts";
import type { Blob, BlobInfo, GetOptions } from "../ports/blobs.ts";

/** An object up to this size is read in one piece, so that nobody must remember to close a file. */
const wholeReadBytes = 256 * 1024;

/** The bytes of an open data file as a blob; the file is closed when they are read or given up. */
export async function openedBlob(info: BlobInfo, handle: FileHandle, { range }: GetOptions): Promise<Blob> {
  try {
    const selected = range && selectRange(range, info.sizeBytes);
    const { first, last } = selected ?? { first: 0, last: info.sizeBytes - 1 };
    const length = last - first + 1;
    if (length <= wholeReadBytes) return wholeBlob(info, await readExactly(handle, first, length), selected);
    const body = handle.createReadStream({ start: first, end: last, highWaterMark: wholeReadBytes });
    return { ...info, body, ...(selected && { range: selected }) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Bytes that were kept in the index as a blob. */
export function inlineBlob(info: BlobInfo, content: Buffer, { range }: GetOptions): Blob {
  const selected = range && selectRange(range, info.sizeBytes);
  return wholeBlob(info, selected ? content.subarray(selected.first, selected.last + 1) : content, selected);
}

function wholeBlob(info: BlobInfo, bytes: Buffer, range: Blob["range"]): Blob {
  return Object.assign(new WholeBlob(bytes), info, range && { range });
}

/** Its stream is made when it is asked for, which costs more than the reading of so little. */
class WholeBlob {
  readonly bytes: Buffer;
  #body: Readable | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get body(): Readable {
    this.#body ??= readableOf(this.bytes);
    return this.#body;
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
