import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Evaluation } from "../../src/learn/evaluation.ts";
import type { EpochReport } from "../../src/learn/training/worker-job.ts";
import type { ModelManifest } from "../../src/ports/model-package.ts";

const trainingProgram = join(import.meta.dirname, "..", "..", "..", "dist", "learn", "train-process.js");

/** A picture of a data set: its file and its class. */
export interface Labelled {
  path: string;
  label: string;
}

export interface TrainingRun {
  evaluation: Evaluation;
  manifest: ModelManifest;
  model: Uint8Array;
  curve: EpochReport[];
  seconds: number;
  cpuSeconds: number;
  peakMegabytes: number;
}

/** The pictures of `FOLDER/PART.lst`, which lie in `FOLDER/PART/`. */
export function labelledPictures(folder: string, part: "train" | "test"): Labelled[] {
  const lines = readFileSync(join(folder, `${part}.lst`), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => {
    const [, label, file] = line.split("\t") as [string, string, string];
    return { label, path: join(folder, part, file) };
  });
}

interface Pictures {
  train: readonly Labelled[];
  test: readonly Labelled[];
}

/** Of the training program; `pretrained` is a folder. */
type Asked = Record<string, string> & { pretrained?: string };

/** Runs the training program as a job would; the folder is gone afterwards. */
export async function trainingRun(pictures: Pictures, asked: Asked): Promise<TrainingRun> {
  const prefix = mkdtempSync(join(tmpdir(), "scones-bench-"));
  try {
    return await runIn(prefix, pictures, asked);
  } finally {
    rmSync(prefix, { recursive: true });
  }
}

/** The same in a folder that stays: a run that was made there is read, one that was interrupted goes on. */
export async function keptTrainingRun(prefix: string, pictures: Pictures, asked: Asked): Promise<TrainingRun> {
  return existsSync(join(prefix, "run.json")) ? readRun(prefix) : runIn(prefix, pictures, asked);
}

async function runIn(prefix: string, pictures: Pictures, { pretrained, ...asked }: Asked): Promise<TrainingRun> {
  rmSync(join(prefix, "input"), { recursive: true, force: true });
  layOut(prefix, "train", pictures.train);
  layOut(prefix, "validation", pictures.test);
  if (pretrained !== undefined) symlinkSync(pretrained, join(prefix, "input/data/model"));
  const required = {
    image_shape: "3,32,32",
    num_classes: String(new Set(pictures.train.map(({ label }) => label)).size),
    num_training_samples: String(pictures.train.length),
  };
  write(join(prefix, "input/config/hyperparameters.json"), JSON.stringify({ ...required, ...asked }));
  const startedAt = performance.now();
  const output = await trainingOutput(prefix);
  const figures = {
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: Number(/CPU time ([0-9.]+) s/.exec(output)?.[1]),
    peakMegabytes: Number(/Peak memory ([0-9]+) MB/.exec(output)?.[1]),
  };
  write(join(prefix, "run.json"), JSON.stringify(figures));
  return readRun(prefix);
}

function readRun(prefix: string): TrainingRun {
  const read = <T>(name: string) => JSON.parse(readFileSync(join(prefix, name), "utf8")) as T;
  return {
    ...read<Pick<TrainingRun, "seconds" | "cpuSeconds" | "peakMegabytes">>("run.json"),
    evaluation: read("model/metrics/evaluation.json"),
    manifest: read("model/model.json"),
    model: readFileSync(join(prefix, "model/model.onnx")),
    curve: read("model/metrics/training-curve.json"),
  };
}

function layOut(prefix: string, channel: string, pictures: readonly Labelled[]): void {
  const folder = join(prefix, "input/data", channel);
  mkdirSync(folder, { recursive: true });
  const lines = pictures.map(({ path, label }, i) => {
    const name = `${i}.${path.split(".").at(-1)}`;
    symlinkSync(path, join(folder, name));
    return `${i}\t${label}\t${name}\n`;
  });
  write(join(prefix, "input/data", `${channel}_lst`, `${channel}.lst`), lines.join(""));
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** What the training program says about the job in this folder, as it says it and in the end as a whole. */
export async function trainingOutput(
  prefix: string,
  onText: (text: string) => void = () => undefined,
): Promise<string> {
  const child = spawn(process.execPath, [trainingProgram], {
    env: { ...process.env, SCONES_ML_PREFIX: prefix },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
    onText(chunk);
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`the training failed: ${output.slice(-2000)}`);
  return output;
}
