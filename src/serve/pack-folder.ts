import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { relative, sep } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import { filesBelow } from "../kit/files-below.ts";

/** The regular files below `folder` as a tar.gz stream, in order of name and without times: the same files, the same bytes. */
export function packFolder(folder: string): Readable {
  const archive = pack();
  const packed = createGzip();
  const write = async () => {
    for (const path of await filesBelow(folder)) {
      const { size } = await stat(path);
      const name = relative(folder, path).split(sep).join("/");
      await pipeline(createReadStream(path), archive.entry({ name, size, mode: 0o644, mtime: new Date(0) }));
    }
    archive.finalize();
  };
  // Whichever half fails first destroys the other; the reader of `packed` sees the error.
  write().catch((error: Error) => packed.destroy(error));
  pipeline(archive, packed).catch((error: Error) => packed.destroy(error));
  return packed;
}
