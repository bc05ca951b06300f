import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { relative, sep } from "node:path";
import { filesBelow } from "../../kit/files-below.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";

/** AWS says "in real time"; this is how much of it an interruption may cost. */
const syncEveryMs = 5_000;

export interface FolderToStore {
  folder: string;
  /** Blob key before the names of the files, without a slash at the end. */
  prefix: string;
  blobs: Blobs;
  /** What is not whole yet. */
  isDraft?: (name: string) => boolean;
}

export interface FolderSync {
  /** Stores what has changed since the last time, and stops. */
  finish(): Promise<void>;
}

/** Gives a function that stores the files below a folder that have changed since it was called last. Nothing is deleted there. */
export function storeChanges({ folder, prefix, blobs, isDraft = () => false }: FolderToStore): () => Promise<void> {
  const stored = new Map<string, string>();
  return async () => {
    for (const path of await filesBelow(folder)) {
      const name = relative(folder, path).split(sep).join("/");
      if (isDraft(name)) continue;
      const { mtimeMs, size, ino } = await stat(path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (stored.get(name) === version) continue;
      await blobs.put(`${prefix}/${name}`, createReadStream(path));
      stored.set(name, version);
    }
  };
}

/** Stores files as they change. A failure is told, and tried again the next time. */
export function keepStored(
  source: FolderToStore,
  { clock, onFailure }: { clock: Clock; onFailure: (error: unknown) => void },
): FolderSync {
  const store = storeChanges(source);
  let cancel: (() => void) | undefined;
  let isFinished = false;
  let running = Promise.resolve();
  const next = () => {
    cancel = clock.schedule(syncEveryMs, () => {
      running = store()
        .catch(onFailure)
        .finally(() => {
          if (!isFinished) next();
        });
    });
  };
  next();
  return {
    async finish() {
      isFinished = true;
      cancel?.();
      await running;
      await store();
    },
  };
}
