import { Worker } from "node:worker_threads";
import { ImageError } from "../../images/image.ts";
import type { Item, Listing } from "./list-channel.ts";
import { type Seen, seenPicture } from "./seen-picture.ts";

// From listed files to what the network sees of them, on several threads: a picture of 500 x 500 takes a core four milliseconds, and sets
// have many. What comes out is in the order of what goes in, whatever the threads do.

/** Of a picture: what is seen of it, or why it cannot be read. */
export type Decoded = { item: Item } & (
  | { planes: Uint8Array; reason?: undefined }
  | { planes?: undefined; reason: string }
);

/** Files one after the other; the end of each. */
export interface FileBatch {
  bytes: Uint8Array<ArrayBuffer>;
  ends: number[];
}

/** Planes of as many pictures, and why some of them could not be read. */
export interface PictureBatch {
  planes: Uint8Array<ArrayBuffer>;
  reasons: (string | undefined)[];
}

/** Of fewer pictures, the first thread would begin when all are decoded. */
const leastForThreads = 1000;
const [mostPerBatch, mostBytesPerBatch] = [64, 1024 * 1024];

export async function* decodePictures(
  { count, items }: Pick<Listing, "count" | "items">,
  { seen, threads }: { seen: Seen; threads: number },
): AsyncGenerator<Decoded, void> {
  if (count > leastForThreads && threads > 1) yield* decodeOnThreads(items(), { seen, threads });
  else for (const item of items()) yield { item, ...decodeHere(item, seen) };
}

function decodeHere(item: Item, seen: Seen): { planes: Uint8Array } | { reason: string } {
  try {
    return { planes: seenPicture(item.read(), seen) };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

/** What a thread does. */
export function decodeBatch({ bytes, ends }: FileBatch, seen: Seen): PictureBatch {
  const sizeBytes = 3 * seen.height * seen.width;
  const planes = new Uint8Array(sizeBytes * ends.length);
  const reasons = ends.map((end, i) => {
    try {
      planes.set(seenPicture(bytes.subarray(ends[i - 1] ?? 0, end), seen), i * sizeBytes);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  });
  return { planes, reasons };
}

async function* decodeOnThreads(
  items: Iterable<Item>,
  { seen, threads: count }: { seen: Seen; threads: number },
): AsyncGenerator<Decoded, void> {
  const threads = Array.from({ length: count }, () => startThread(seen));
  const waiting: Promise<Decoded[]>[] = [];
  try {
    let batches = 0;
    for (const batch of batchesOf(items)) {
      const decoded = decodedBatch(batch, { thread: threads[batches++ % count]!, seen });
      // It is looked at when its turn comes; until then, a failure must not end the process.
      decoded.catch(() => undefined);
      waiting.push(decoded);
      if (waiting.length >= 2 * count) yield* await waiting.shift()!;
    }
    for (const decoded of waiting) yield* await decoded;
  } finally {
    for (const thread of threads) thread.close();
  }
}

interface ReadItem {
  item: Item;
  file: Uint8Array;
  /** Why there is no file. */
  reason?: string;
}

function* batchesOf(items: Iterable<Item>): Generator<ReadItem[], void> {
  let batch: ReadItem[] = [];
  let bytes = 0;
  for (const item of items) {
    const read = readItem(item);
    batch.push(read);
    bytes += read.file.length;
    if (batch.length < mostPerBatch && bytes < mostBytesPerBatch) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

function readItem(item: Item): ReadItem {
  try {
    return { item, file: item.read() };
  } catch (error) {
    return { item, file: new Uint8Array(), reason: reasonOf(error) };
  }
}

async function decodedBatch(
  batch: readonly ReadItem[],
  { thread, seen }: { thread: Thread; seen: Seen },
): Promise<Decoded[]> {
  const ends: number[] = [];
  for (const { file } of batch) ends.push((ends.at(-1) ?? 0) + file.length);
  const bytes = new Uint8Array(ends.at(-1)!);
  batch.forEach(({ file }, i) => void bytes.set(file, ends[i]! - file.length));
  const { planes, reasons } = await thread.decode({ bytes, ends });
  const sizeBytes = 3 * seen.height * seen.width;
  return batch.map(({ item, reason: unread }, i) => {
    const reason = unread ?? reasons[i];
    return reason === undefined
      ? { item, planes: planes.subarray(i * sizeBytes, (i + 1) * sizeBytes) }
      : { item, reason };
  });
}

interface Thread {
  decode(batch: FileBatch): Promise<PictureBatch>;
  close(): void;
}

function startThread(seen: Seen): Thread {
  const worker = new Worker(new URL("./decode-worker.js", import.meta.url), { workerData: seen });
  // Answers come in the order of the questions.
  const asked: { resolve(batch: PictureBatch): void; reject(error: Error): void }[] = [];
  let failure: Error | undefined;
  const fail = (error: Error) => {
    failure ??= error;
    for (const { reject } of asked.splice(0)) reject(failure);
  };
  worker.on("message", (batch: PictureBatch) => asked.shift()?.resolve(batch));
  worker.on("error", (error) =>
    fail(new Error(`a thread that decodes pictures died: ${error.message}`, { cause: error })),
  );
  worker.on("exit", (code) => fail(new Error(`a thread that decodes pictures ended with exit code ${code}`)));
  return {
    decode: (batch) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        asked.push({ resolve, reject });
        worker.postMessage(batch, [batch.bytes.buffer]);
      }),
    // Not terminated: it may be inside the library that decodes.
    close: () => worker.postMessage(undefined),
  };
}

/** What is wrong with the file; rethrows what is not the file's fault. */
function reasonOf(error: unknown): string {
  if (error instanceof ImageError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "no such file";
  if (code === "EISDIR") return "it is a folder";
  throw error;
}
