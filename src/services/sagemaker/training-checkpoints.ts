import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { CheckpointConfig } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import { invalid, parseS3Uri } from "./resource-names.ts";
import { downloadBelow } from "./training-folder.ts";

/*
 * `CheckpointConfig.S3Uri` and the folder of checkpoints are kept alike while the program runs: what lies there already is fetched before it
 * starts, and what it writes is stored as it changes. Nothing is deleted there.
 */

const localPath = "/opt/ml/checkpoints";
/** AWS says "in real time"; this is how much of it an interruption may cost. */
const syncEveryMs = 5_000;
/** A file that is being written has this ending until it is whole, as our own algorithm writes them. */
const draftEnding = ".draft";

export function checkCheckpointConfig(config: CheckpointConfig | undefined): void {
  if (config === undefined) return;
  parseS3Uri(config.S3Uri as string);
  const path = config.LocalPath?.replace(/\/+$/, "");
  if (path !== undefined && path !== localPath) {
    throw invalid(
      `CheckpointConfig.LocalPath is ${config.LocalPath}: Scones keeps checkpoints in ${localPath} only (below SCONES_ML_PREFIX).`,
    );
  }
}

export interface CheckpointSync {
  /** Stores what has changed since the last time, and stops. */
  finish(): Promise<void>;
}

export interface CheckpointOptions {
  /** The job's folder. */
  folder: string;
  config: CheckpointConfig | undefined;
  blobs: Blobs;
}

/** What an earlier job left. What is in the folder already is newer: the job was interrupted. */
export async function fetchCheckpoints(
  { folder, config, blobs }: CheckpointOptions,
  signal: AbortSignal,
): Promise<void> {
  const target = join(folder, "checkpoints");
  if (config === undefined || (await readdir(target)).length > 0) return;
  const { bucket, key } = parseS3Uri(config.S3Uri as string);
  await downloadBelow(blobs, { prefix: `${bucket}/${key}`, target, signal });
}

/** Stores checkpoints as they come. A failure is told, and tried again the next time. */
export function keepCheckpoints(
  { folder, config, blobs }: CheckpointOptions,
  { clock, onFailure }: { clock: Clock; onFailure: (error: unknown) => void },
): CheckpointSync {
  if (config === undefined) return { finish: async () => undefined };
  const { bucket, key } = parseS3Uri(config.S3Uri as string);
  const prefix = [bucket, ...key.split("/").filter((part) => part !== "")].join("/");
  const stored = new Map<string, string>();
  let cancel: (() => void) | undefined;
  let isFinished = false;
  const syncOnce = async () => {
    for (const path of await filesBelow(join(folder, "checkpoints"))) {
      const name = relative(join(folder, "checkpoints"), path).split(sep).join("/");
      const { mtimeMs, size, ino } = await stat(path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (stored.get(name) === version) continue;
      await blobs.put(`${prefix}/${name}`, createReadStream(path));
      stored.set(name, version);
    }
  };
  let running = Promise.resolve();
  const next = () => {
    cancel = clock.schedule(syncEveryMs, () => {
      running = syncOnce()
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
      await syncOnce();
    },
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(draftEnding))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
