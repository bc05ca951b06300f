import { readFile, stat } from "node:fs/promises";

/** The bytes of an image file that a user named. */
export async function readImage(file: string): Promise<Uint8Array> {
  if ((await stat(file)).isDirectory()) throw new Error(`${file} is a folder; name the image files in it`);
  return readFile(file);
}
