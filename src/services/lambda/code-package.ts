// Reads a function's zip archive into a folder, within AWS's limits and without trusting a byte of it.
//
// Z1. Nothing is written outside the folder: no absolute path, no "..", no link that leads out.
// Z2. What is unpacked is bounded by counting bytes, not by believing headers.
// Z3. An archive is unpacked whole or refused: no duplicates, no encrypted or damaged entries.
import { createWriteStream, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { type Entry, fromBuffer, type ZipFile } from "yauzl";
import { Fault } from "../../kit/fault.ts";

export const maxZippedBytes = 52_428_800;
export const maxUnzippedBytes = 262_144_000;
/** AWS bounds bytes only; this also bounds what the file system must hold. */
const maxEntries = 50_000;
const maxLinkBytes = 4096;

export async function unpackCode(zip: Uint8Array, folder: string): Promise<void> {
  const archive = await open(Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength));
  const seen = new Set<string>();
  const links: { path: string; target: string }[] = [];
  let declaredBytes = 0;
  try {
    for await (const entry of entriesOf(archive)) {
      const path = resolve(folder, entry.fileName);
      if (!isInside(path, folder)) throw unreadable(`${entry.fileName} leads out of the archive`);
      if (seen.has(path)) throw unreadable(`${entry.fileName} is there twice`);
      seen.add(path);
      declaredBytes += entry.uncompressedSize;
      if (declaredBytes > maxUnzippedBytes) throw tooLargeUnzipped();
      if (seen.size > maxEntries) throw unreadable(`it has more than ${maxEntries} entries`);
      if (entry.fileName.endsWith("/")) mkdirSync(path, { recursive: true });
      else if (isLink(entry)) links.push({ path, target: await readLink(archive, entry) });
      else await writeFile(archive, entry, path);
    }
    makeLinks(links, folder);
  } catch (error) {
    throw error instanceof Fault ? error : unreadable(error instanceof Error ? error.message : String(error), error);
  } finally {
    archive.close();
  }
}

function open(zip: Buffer): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    // yauzl itself refuses absolute paths, "..", backslashes, and data whose length is not what its header says.
    const options = { lazyEntries: true, strictFileNames: true, validateEntrySizes: true } as const;
    fromBuffer(zip, options, (error, archive) => (error ? reject(unreadable(error.message, error)) : resolve(archive)));
  });
}

async function* entriesOf(archive: ZipFile): AsyncGenerator<Entry> {
  while (true) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      archive.removeAllListeners();
      archive.once("entry", resolve);
      archive.once("end", () => resolve(undefined));
      archive.once("error", reject);
      archive.readEntry();
    });
    if (entry === undefined) return;
    if (entry.isEncrypted()) throw unreadable(`${entry.fileName} is encrypted`);
    if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
      throw unreadable(`${entry.fileName} is compressed by method ${entry.compressionMethod}`);
    }
    yield entry;
  }
}

const unixMode = (entry: Entry): number => entry.externalFileAttributes >>> 16;
const isLink = (entry: Entry): boolean => (unixMode(entry) & 0o170000) === 0o120000;

async function writeFile(archive: ZipFile, entry: Entry, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const mode = unixMode(entry) & 0o111 ? 0o755 : 0o644;
  await pipeline(await contentOf(archive, entry), checked(entry), createWriteStream(path, { mode, flags: "wx" }));
}

async function readLink(archive: ZipFile, entry: Entry): Promise<string> {
  if (entry.uncompressedSize > maxLinkBytes) throw unreadable(`the link ${entry.fileName} is too long`);
  const chunks: Buffer[] = [];
  await pipeline(await contentOf(archive, entry), checked(entry), async (source) => {
    for await (const chunk of source as AsyncIterable<Buffer>) chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString();
}

function contentOf(archive: ZipFile, entry: Entry): Promise<NodeJS.ReadableStream> {
  return new Promise((resolve, reject) => {
    archive.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

function checked(entry: Entry): Transform {
  let sum = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sum = crc32(chunk, sum);
      done(null, chunk);
    },
    flush: (done) => done(sum === entry.crc32 ? null : new Error(`${entry.fileName} is damaged (wrong checksum)`)),
  });
}

// Last, so that no entry is ever written through a link; then each is followed to its end, which must lie inside.
function makeLinks(links: readonly { path: string; target: string }[], folder: string): void {
  for (const { path, target } of links) {
    if (!isInside(resolve(dirname(path), target), folder))
      throw unreadable(`the link to ${target} leads out of the archive`);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }
  const root = realpathSync(folder);
  for (const { path, target } of links) {
    if (!isInside(realpathSync(path), root)) throw unreadable(`the link to ${target} leads out of the archive`);
  }
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(join(folder, sep));
}

function unreadable(reason: string, cause?: unknown): Fault {
  const message = "Could not unzip uploaded file. Please check your file, then try to upload again.";
  return new Fault("InvalidParameterValueException", `${message} (${reason})`, { cause, members: { Type: "User" } });
}

export function tooLargeZipped(): Fault {
  const message = `Zipped size must be smaller than ${maxZippedBytes} bytes`;
  return new Fault("RequestEntityTooLargeException", message, { status: 413, members: { Type: "User" } });
}

function tooLargeUnzipped(): Fault {
  const message = `Unzipped size must be smaller than ${maxUnzippedBytes} bytes`;
  return new Fault("InvalidParameterValueException", message, { members: { Type: "User" } });
}
