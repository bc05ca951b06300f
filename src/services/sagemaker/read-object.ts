import type { Blobs } from "../../ports/blobs.ts";
import { parseS3Uri } from "./resource-names.ts";

/** An object's bytes; `undefined` when there is none. Refuses what is larger than `maxBytes`. */
export async function readWhole(blobs: Blobs, location: string, maxBytes: number): Promise<Buffer | undefined> {
  const { bucket, key } = parseS3Uri(location);
  const blob = await blobs.get(`${bucket}/${key}`);
  if (blob === undefined) return undefined;
  if (blob.sizeBytes > maxBytes) {
    blob.body.destroy();
    throw new RangeError(`${location} has ${blob.sizeBytes} bytes; at most ${maxBytes} are read`);
  }
  const pieces: Buffer[] = [];
  for await (const piece of blob.body) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
