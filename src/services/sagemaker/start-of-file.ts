import { open, stat } from "node:fs/promises";

/** The beginning of what a program left, as text; empty where there is no such file. A program may leave more than fits in memory. */
export async function startOfFile(path: string, maxBytes: number): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (found?.isFile() !== true) return "";
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(maxBytes, found.size)), { position: 0 });
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
