import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";

/** Bounds of one archive; whoever exceeds them is refused, whatever the archive's own headers say. */
export interface UnpackLimits {
  /** All files together; default 2 GiB, far above any classifier that a CPU serves. */
  maxBytes?: number;
  /** Files and folders; default 10,000. */
  maxEntries?: number;
  /** Of the archive itself. */
  packedBytes: number;
}

/**
 * Weights hardly shrink: what unpacks to more than this many times its size is a bomb, and is refused when it says so, which is
 * before the first byte of the file that is too much. Small archives may hold whatever they like.
 */
const maxExpansion = 100;
const freeBytes = 64 * 1024 ** 2;
/** What an archive may hold outside its files: long names and attributes of each, and zeros at its end. */
const otherBytesPerEntry = 4 * 1024;
const otherBytes = 1024 ** 2;
const blockBytes = 512;

/** What the system says of names that cannot be together in one folder, or nowhere. */
const namesThatClash = ["EEXIST", "ENOTDIR", "EISDIR", "ENAMETOOLONG"];

/** The archive is not what it should be: the uploader's business, with a message for a FailureReason. */
export class ArchiveError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ArchiveError";
  }
}

/**
 * Unpacks a tar.gz below `folder`: regular files and folders only, names that stay inside, bounded in number and size.
 * What was unpacked before a refusal stays in `folder`: the caller throws the folder away.
 */
export async function unpackArchive(archive: Readable, folder: string, limits: UnpackLimits): Promise<string[]> {
  const maxBytes = limits.maxBytes ?? 2 * 1024 ** 3;
  const maxEntries = limits.maxEntries ?? 10_000;
  const names: string[] = [];
  let entries = 0;
  let bytes = 0;
  await mkdir(folder, { recursive: true });
  const unpacked = extract();
  // Taken before anything flows, or the first entry would find nobody. By hand, not by `for await`: leaving that one early
  // waits for the entry at hand, which nobody reads any more.
  const entriesOf = unpacked[Symbol.asyncIterator]();
  const most = Math.min(maxBytes, Math.max(freeBytes, maxExpansion * limits.packedBytes));
  let left = otherBytes;
  const count = (size: number) => {
    left -= size;
    if (left < 0) throw new ArchiveError("the archive holds more than its files, or goes on after its end");
  };
  const fed = pipeline(
    archive,
    createGunzip(),
    (inflated: AsyncIterable<Buffer>) => counted(inflated, count),
    unpacked,
  );
  fed.catch(() => undefined); // reported below: the iteration over `unpacked` fails with the same error
  try {
    for (;;) {
      const next = await entriesOf.next();
      if (next.done === true) break;
      const entry = next.value;
      const { name, type, size = 0 } = entry.header;
      if (++entries > maxEntries) throw new ArchiveError(`the archive has more than ${maxEntries} entries`);
      left += blockBytes + Math.ceil(size / blockBytes) * blockBytes + otherBytesPerEntry;
      bytes += size;
      if (bytes > maxBytes) throw new ArchiveError(`the archive unpacks to more than ${maxBytes} bytes`);
      if (bytes > most) throw new ArchiveError(`the archive unpacks to more than ${maxExpansion} times its size`);
      if (type === "directory") {
        entry.resume();
        continue;
      }
      if (type !== "file" && type !== "contiguous-file") {
        throw new ArchiveError(`the archive holds a ${type} named ${JSON.stringify(name)}; only files are unpacked`);
      }
      const target = join(folder, safeName(name));
      await mkdir(dirname(target), { recursive: true });
      await pipeline(entry, createWriteStream(target, { flags: "w", mode: 0o644 }));
      names.push(safeName(name));
    }
    await fed;
  } catch (error) {
    archive.destroy();
    unpacked.destroy();
    if (error instanceof ArchiveError) throw error;
    const { code = "", syscall } = error as NodeJS.ErrnoException;
    if (namesThatClash.includes(code)) {
      throw new ArchiveError("the archive has a name that is too long, or is that of a file and of a folder", {
        cause: error,
      });
    }
    if (syscall !== undefined) throw error; // the disk's trouble, not the archive's
    throw new ArchiveError(`the archive cannot be read as tar.gz: ${(error as Error).message}`, { cause: error });
  }
  if (names.length === 0) throw new ArchiveError("the archive is empty");
  return names;
}

async function* counted(chunks: AsyncIterable<Buffer>, count: (bytes: number) => void): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

function safeName(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  const isUnsafe = name.startsWith("/") || name.includes("\\") || name.includes("\0") || parts.includes("..");
  if (isUnsafe || parts.length === 0)
    throw new ArchiveError(`the archive holds an unsafe name: ${JSON.stringify(name)}`);
  return parts.join("/");
}
