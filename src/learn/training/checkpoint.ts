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
import type { Layout } from "../network.ts";
import type { EpochReport, SharedState } from "./worker-job.ts";

// The training of a network as it stands between two epochs, in one file, and each network that is trained already in one of its own.
// Whatever is random depends on seed, epoch and picture only, so a training that goes on from here does what the uninterrupted one
// would have done, to the last bit.
//
// K1. A file is whole or absent: it is written beside its place, flushed and renamed.
// K2. A file is used only by the training that wrote it (same plan, data and versions), and only undamaged: its last bytes are
//     the digest of all others.

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
  /** Which of the job's networks it is, from 0, and the epochs of those before it. */
  member: number;
  epochsBefore: number;
  /** Every so many epochs one is written whatever the time, and a model of that epoch beside it. */
  everyEpochs?: number;
  resumed?: Progress;
}

/** What is left of a training that ran to its end. */
export interface TrainedNetwork {
  /** In plain order: the averaged weights of the last epoch, or of the best one with early stopping. */
  parameters: Float32Array;
  statistics: Float32Array;
  steps: number;
  bestEpoch?: number;
  /** Before its last epoch. */
  isStopped: boolean;
  curve: EpochReport[];
}

const fileName = "training.checkpoint";
const trainedName = (member: number) => `network-${member + 1}.trained`;
const magic = "scones.checkpoint/1\n";
const digestBytes = 32;

export function saveCheckpoint(
  { folder, fingerprint }: CheckpointPlan,
  progress: Progress,
  shared: SharedState,
): string {
  return save(folder, { name: fileName, header: { fingerprint, progress }, vectors: vectorsOf(shared) });
}

/** Keeps a network that is trained, in place of the checkpoint of its training. */
export function saveTrained({ folder, fingerprint, member }: CheckpointPlan, trained: TrainedNetwork): void {
  const { parameters, statistics, ...progress } = trained;
  save(folder, { name: trainedName(member), header: { fingerprint, progress }, vectors: [parameters, statistics] });
  rmSync(join(folder, fileName), { force: true });
}

function save(
  folder: string,
  { name, header, vectors }: { name: string; header: object; vectors: readonly Float32Array[] },
): string {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const parts = [Buffer.from(magic), length, text, ...vectors.map(bytesOf)];
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return writeWhole(folder, { name, parts: [...parts, digest.digest()] });
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
  const progress = restore<Progress>(join(folder, fileName), { fingerprint, vectors: vectorsOf(shared), log });
  if (progress !== undefined) shared.progress[0] = progress.progress;
  return progress;
}

/** Whether an interrupted training has left something to go on from. */
export function hasCheckpoint(folder: string): boolean {
  return existsSync(join(folder, fileName)) || existsSync(join(folder, trainedName(0)));
}

/** The network, when it was trained already (K2). */
export function restoreTrained(
  { folder, fingerprint, member }: CheckpointPlan,
  layout: Layout,
  log: (line: string) => void,
): TrainedNetwork | undefined {
  const parameters = new Float32Array(layout.total);
  const statistics = new Float32Array(layout.statistics);
  const file = { fingerprint, vectors: [parameters, statistics], log };
  const progress = restore<Omit<TrainedNetwork, "parameters" | "statistics">>(join(folder, trainedName(member)), file);
  return progress && { ...progress, parameters, statistics };
}

/** Fills the vectors and answers what the file says beside them. */
function restore<T>(
  path: string,
  { fingerprint, vectors, log }: { fingerprint: string; vectors: readonly Float32Array[]; log: (line: string) => void },
): T | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const body = bytes.subarray(0, Math.max(0, bytes.length - digestBytes));
  const digest = createHash("sha256").update(body).digest();
  if (!digest.equals(bytes.subarray(body.length)) || body.toString("latin1", 0, magic.length) !== magic) {
    log(`Warning: ${path} is damaged: the training begins anew.`);
    return undefined;
  }
  let at = magic.length + 4 + body.readUInt32LE(magic.length);
  const header = JSON.parse(body.toString("utf8", magic.length + 4, at)) as { fingerprint: string; progress: T };
  if (header.fingerprint !== fingerprint) {
    log(`${path} is of another training (other data, hyperparameters, workers or version): this one begins anew.`);
    return undefined;
  }
  for (const vector of vectors) {
    bytesOf(vector).set(body.subarray(at, at + vector.byteLength));
    at += vector.byteLength;
  }
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
