import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { DataSetError } from "./data-set.ts";

/** What a published archive must be, byte for byte. */
export interface PublishedArchive {
  url: string;
  sizeBytes: number;
  sha256: string;
}

/** The Python form of CIFAR-100 as its authors publish it. */
export const cifar100: PublishedArchive = {
  url: "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
  sizeBytes: 169_001_437,
  sha256: "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
};

/** A server that has not answered by then is as good as absent: the drawn pictures are there at once. */
const answerWithinMs = 8_000;

/**
 * The archive's path in the cache, downloading what is missing of it. An interrupted download is resumed from its
 * `.part` file; only bytes whose digest is right ever get the final name.
 */
export async function cachedArchive(
  archive: PublishedArchive,
  file: string,
  options: { signal: AbortSignal; onProgress: (bytes: number, total: number) => void; fetch?: typeof fetch },
): Promise<string> {
  if (existsSync(file)) return file;
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.part`;
  await downloadRest(archive, part, options);
  const actual = await sha256Of(part);
  if (actual !== archive.sha256) {
    rmSync(part);
    throw new DataSetError(
      `the download of ${archive.url} is damaged (SHA-256 ${actual}, expected ${archive.sha256}); it was removed, try again`,
    );
  }
  renameSync(part, file);
  return file;
}

async function downloadRest(
  archive: PublishedArchive,
  part: string,
  options: Parameters<typeof cachedArchive>[2],
): Promise<void> {
  const present = existsSync(part) ? statSync(part).size : 0;
  if (present === archive.sizeBytes) return;
  const answer = await answerOf(archive, present, options);
  const isResumed = answer.status === 206;
  let received = isResumed ? present : 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      if (received > archive.sizeBytes)
        return done(new DataSetError(`${archive.url} is larger than the published ${archive.sizeBytes} bytes`));
      options.onProgress(received, archive.sizeBytes);
      done(null, chunk);
    },
  });
  const body = Readable.fromWeb(answer.body as ReadableStream<Uint8Array>);
  await pipeline(body, count, createWriteStream(part, { flags: isResumed ? "a" : "w" }), { signal: options.signal });
  if (received < archive.sizeBytes)
    throw new DataSetError(
      `the download of ${archive.url} ended after ${received} of ${archive.sizeBytes} bytes; run again to resume`,
    );
}

async function answerOf(
  archive: PublishedArchive,
  present: number,
  options: Parameters<typeof cachedArchive>[2],
): Promise<Response> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), answerWithinMs);
  try {
    const headers: Record<string, string> = present > 0 ? { range: `bytes=${present}-` } : {};
    const answer = await (options.fetch ?? fetch)(archive.url, {
      headers,
      signal: AbortSignal.any([options.signal, patience.signal]),
    });
    if (!answer.ok || !answer.body) throw new DataSetError(`${archive.url} answered ${answer.status}`);
    return answer;
  } catch (error) {
    if (options.signal.aborted || error instanceof DataSetError) throw error;
    throw new DataSetError(`${archive.url} cannot be reached`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
