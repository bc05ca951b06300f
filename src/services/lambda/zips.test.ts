// What the tests of this room share: zip archives made in memory.
import { ZipFile } from "yazl";

export interface Part {
  name: string;
  text: string | Buffer;
  mode?: number;
  isStored?: boolean;
}

export async function zipOf(parts: readonly Part[]): Promise<Buffer> {
  const zip = new ZipFile();
  for (const { name, text, mode, isStored } of parts) {
    zip.addBuffer(Buffer.from(text), name, { compress: !isStored, ...(mode !== undefined && { mode }) });
  }
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The archive with every occurrence of one text replaced by another of the same length. */
export function patched(zip: Buffer, from: string | Buffer, to: string | Buffer): Buffer {
  const result = Buffer.from(zip);
  const [old, fresh] = [Buffer.from(from), Buffer.from(to)];
  if (old.length !== fresh.length) throw new Error("a patch must not move bytes");
  let count = 0;
  for (let at = result.indexOf(old); at >= 0; at = result.indexOf(old, at + 1)) {
    fresh.copy(result, at);
    count++;
  }
  if (count === 0) throw new Error("there is nothing to patch");
  return result;
}
