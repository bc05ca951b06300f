import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Blobs } from "../ports/blobs.ts";

/*
 * Objects cannot be appended to, and a capture file is written as a whole only now and then. Until it is, its lines lie in a
 * plain file that is appended to at once: after `kill -9` the next start finds them there and writes the object. The first
 * line of such a file is the object's key; a line that has no end was cut off and is no record.
 */

/** The lines of one capture file. */
export interface SpoolFile {
  append(lines: Buffer): void;
  /** They are in an object now. */
  remove(): Promise<void>;
  /** They get into no object before the next start. Answers whether all of them are here. */
  keep(): Promise<boolean>;
}

export class CaptureSpool {
  readonly #root: string;
  readonly #folder: string;

  /** `run` tells the files of this process from those that an earlier one left. */
  constructor(root: string, run: string) {
    this.#root = root;
    this.#folder = join(root, run);
  }

  /** Appends in the background, in order; `onProblem` is told once when it cannot. */
  open(key: string, onProblem: (message: string) => void): SpoolFile {
    const path = join(this.#folder, key.slice(key.lastIndexOf("/") + 1)); // holds a uuid
    const opened = mkdir(this.#folder, { recursive: true }).then(() => open(path, "a"));
    let waiting: Buffer[] = [Buffer.from(`${JSON.stringify(key)}\n`)];
    let isWriting = false;
    let hasFailed = false;
    let turn: Promise<void> = Promise.resolve();
    const write = async (): Promise<void> => {
      try {
        const file = await opened;
        while (waiting.length > 0) {
          const lines = waiting;
          waiting = [];
          await file.writev(lines);
        }
      } catch (error) {
        waiting = [];
        if (!hasFailed) onProblem(`captured lines cannot be spooled: ${(error as Error).message}`);
        hasFailed = true;
      }
      isWriting = false;
    };
    return {
      append(lines) {
        if (hasFailed) return;
        waiting.push(lines);
        if (isWriting) return;
        isWriting = true;
        turn = write();
      },
      async remove() {
        waiting = [];
        await turn;
        await opened.then((file) => file.close()).catch(() => undefined); // told already
        await rm(path, { force: true });
      },
      async keep() {
        await turn;
        await opened.then((file) => file.close()).catch(() => undefined); // told already
        return !hasFailed;
      },
    };
  }

  /** Writes the objects that an earlier process could not; answers their keys. */
  async recover(blobs: Blobs): Promise<string[]> {
    const keys: string[] = [];
    for (const run of await foldersIn(this.#root)) {
      const folder = join(this.#root, run);
      if (folder === this.#folder) continue;
      for (const name of await readdir(folder)) {
        const bytes = await readFile(join(folder, name));
        const begin = bytes.indexOf(10) + 1;
        const end = bytes.lastIndexOf(10) + 1;
        if (begin > 0 && end > begin) {
          const key = JSON.parse(bytes.toString("utf8", 0, begin)) as string;
          await blobs.put(key, bytes.subarray(begin, end), { headers: { "content-type": captureContentType } });
          keys.push(key);
        }
        await rm(join(folder, name));
      }
      await rm(folder, { recursive: true });
    }
    return keys;
  }
}

export const captureContentType = "application/jsonlines";

async function foldersIn(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
