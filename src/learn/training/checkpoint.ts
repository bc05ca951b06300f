import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { EpochReport, SharedState } from "./worker-job.ts";

// A training as it stands between two epochs, in one file. Whatever is random depends on seed, epoch and picture only, so a
// training that goes on from here does what the uninterrupted one would have done, to the last bit.
//
// K1. A checkpoint is whole or absent: it is written beside its place, flushed and renamed.
// K2. A checkpoint is used only by the training that wrote it (same plan, data and versions), and only undamaged: its last bytes
//     are the digest of all others.

/** What early stopping remembers. */
export interface Choice {
  best?: { accuracy: number; loss: number; epoch: number };
  /** Absent before the first evaluation. */
  reference?: number;
  waited: number;
}

export interface Progress {
  /** The epoch that comes next. */
  epoch: number;
  step: number;
  progress: number;
  elapsedSeconds: number;
  choice: Choice;
  curve: EpochReport[];
}

/** Where checkpoints are written, and whose they are. */
export interface CheckpointPlan {
  folder: string;
  fingerprint: string;
  /** Every so many epochs one is written whatever the time, and a model of that epoch beside it. */
  everyEpochs?: number;
  resumed?: Progress;
}

const fileName = "training.checkpoint";
const magic = "scones.checkpoint/1\n";
const digestBytes = 32;

export function saveCheckpoint(
  { folder, fingerprint }: CheckpointPlan,
  progress: Progress,
  shared: SharedState,
): string {
  const header = Buffer.from(JSON.stringify({ fingerprint, progress }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const parts = [Buffer.from(magic), length, header, ...vectorsOf(shared).map(bytesOf)];
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return writeWhole(folder, { name: fileName, parts: [...parts, digest.digest()] });
}

/** K1. */
export function writeWhole(folder: string, { name, parts }: { name: string; parts: readonly Uint8Array[] }): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  const draft = `${path}.draft`;
  try {
    const file = openSync(draft, "w");
    try {
      for (const part of parts) for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  return path;
}

/** Puts the shared state back and answers where the training stood; `undefined` when there is no checkpoint of this training (K2). */
export function restoreCheckpoint(
  { folder, fingerprint }: CheckpointPlan,
  shared: SharedState,
  log: (line: string) => void,
): Progress | undefined {
  const path = join(folder, fileName);
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const body = bytes.subarray(0, Math.max(0, bytes.length - digestBytes));
  const digest = createHash("sha256").update(body).digest();
  if (!digest.equals(bytes.subarray(body.length)) || body.toString("latin1", 0, magic.length) !== magic) {
    log(`Warning: ${path} is damaged: the training begins anew.`);
    return undefined;
  }
  let at = magic.length + 4 + body.readUInt32LE(magic.length);
  const header = JSON.parse(body.toString("utf8", magic.length + 4, at)) as { fingerprint: string; progress: Progress };
  if (header.fingerprint !== fingerprint) {
    log(`${path} is of another training (other data, hyperparameters, workers or version): this one begins anew.`);
    return undefined;
  }
  for (const vector of vectorsOf(shared)) {
    bytesOf(vector).set(body.subarray(at, at + vector.byteLength));
    at += vector.byteLength;
  }
  shared.progress[0] = header.progress.progress;
  return header.progress;
}

/** Everything that one step leaves to the next one, always in this order. */
function vectorsOf(shared: SharedState): Float32Array[] {
  const { parameters, first, second, average, best, statistics, averageStatistics, bestStatistics } = shared;
  return [parameters, first, second, average, best, statistics, averageStatistics, bestStatistics];
}

function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}
