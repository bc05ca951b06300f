import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { CheckpointConfig } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import { downloadObjects } from "./download-objects.ts";
import { type FolderSync, keepStored } from "./folder-sync.ts";
import { invalid, parseS3Uri } from "./resource-names.ts";
import { inputObjects } from "./transform-inputs.ts";

/*
 * `CheckpointConfig.S3Uri` and the folder of checkpoints are kept alike while the program runs: what lies there already is fetched before it
 * starts, and what it writes is stored as it changes. Nothing is deleted there.
 */

const localPath = "/opt/ml/checkpoints";
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
  const source = { S3DataType: "S3Prefix" as const, S3Uri: config.S3Uri };
  await downloadObjects(inputObjects({ DataSource: { S3DataSource: source } }, blobs), { blobs, target, signal });
}

/** Stores checkpoints as they come. */
export function keepCheckpoints(
  { folder, config, blobs }: CheckpointOptions,
  options: { clock: Clock; onFailure: (error: unknown) => void },
): FolderSync {
  if (config === undefined) return { finish: async () => undefined };
  const { bucket, key } = parseS3Uri(config.S3Uri as string);
  const prefix = [bucket, ...key.split("/").filter((part) => part !== "")].join("/");
  const isDraft = (name: string) => name.endsWith(draftEnding);
  return keepStored({ folder: join(folder, "checkpoints"), prefix, blobs, isDraft }, options);
}
