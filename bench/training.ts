// Trains the built-in image classifier on one data set with several seeds, and prints what came out as medians.
//
//   npm run bench:training -- DATA [--preset default] [--seeds 1,2,3] [--shape 3,32,32] [--set name=value] [--json]
//
// DATA is a folder with train/, test/, train.lst and test.lst. The test pictures are only measured; no run and no epoch
// is chosen by them. Times are of the whole program, from its start to the stored model; say how busy the machine was.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Evaluation } from "../src/learn/evaluation.ts";
import type { EpochReport } from "../src/learn/training/worker-job.ts";
import { median, type Row, report } from "./report.ts";
import { machine } from "./support/machine.ts";

const trainingProgram = join(import.meta.dirname, "..", "..", "dist", "learn", "train-process.js");

interface Run {
  validation: number;
  heldOut: number;
  seconds: number;
  cpuSeconds: number;
  imagesPerSecond: number;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    preset: { type: "string", default: "default" },
    seeds: { type: "string", default: "1,2,3" },
    shape: { type: "string", default: "3,32,32" },
    set: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
  },
});
const [given] = positionals;
if (given === undefined) throw new Error("usage: npm run bench:training -- DATA [--preset P] [--seeds 1,2]");
const data = resolve(given);
const pictures = readFileSync(join(data, "train.lst"), "utf8").trim().split("\n");

const rows: Row[] = [];
const runs: Run[] = [];
for (const seed of values.seeds.split(",")) {
  const run = train(seed);
  runs.push(run);
  rows.push({ name: `seed ${seed}: accuracy on the test pictures`, value: 100 * run.validation, unit: "%" });
  rows.push({ name: "  wall time", value: run.seconds, unit: "s" });
}
const of = (value: (run: Run) => number) => median(runs.map(value));
rows.push({
  name: `median, preset ${values.preset}: test pictures`,
  value: 100 * of((run) => run.validation),
  unit: "%",
});
rows.push({ name: "  pictures held out of training", value: 100 * of((run) => run.heldOut), unit: "%" });
rows.push({ name: "  wall time", value: of((run) => run.seconds), unit: "s" });
rows.push({ name: "  processor time", value: of((run) => run.cpuSeconds), unit: "s" });
rows.push({ name: "  pictures trained on", value: of((run) => run.imagesPerSecond), unit: "/s" });
report(rows, machine());

function train(seed: string): Run {
  const prefix = mkdtempSync(join(tmpdir(), "scones-bench-"));
  const channels = join(prefix, "input/data");
  for (const folder of ["train_lst", "validation_lst"]) mkdirSync(join(channels, folder), { recursive: true });
  symlinkSync(join(data, "train"), join(channels, "train"));
  symlinkSync(join(data, "test"), join(channels, "validation"));
  cpSync(join(data, "train.lst"), join(channels, "train_lst/train.lst"));
  cpSync(join(data, "test.lst"), join(channels, "validation_lst/validation.lst"));
  mkdirSync(join(prefix, "input/config"), { recursive: true });
  const hyperparameters = {
    image_shape: values.shape,
    num_classes: String(new Set(pictures.map((line) => line.split("\t")[1])).size),
    num_training_samples: String(pictures.length),
    preset: values.preset,
    seed,
    ...(Object.fromEntries(values.set.map((pair) => pair.split("="))) as Record<string, string>),
  };
  writeFileSync(join(prefix, "input/config/hyperparameters.json"), JSON.stringify(hyperparameters));
  const startedAt = performance.now();
  const child = spawnSync(process.execPath, [trainingProgram], {
    env: { ...process.env, SCONES_ML_PREFIX: prefix },
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (child.status !== 0) throw new Error(`the training failed: ${child.stdout.slice(-2000)}${child.stderr}`);
  const seconds = (performance.now() - startedAt) / 1000;
  const metrics = <T>(name: string) => JSON.parse(readFileSync(join(prefix, "model/metrics", name), "utf8")) as T;
  const evaluation = metrics<Evaluation>("evaluation.json");
  const curve = metrics<EpochReport[]>("training-curve.json");
  rmSync(prefix, { recursive: true });
  return {
    validation: evaluation.validation?.accuracy ?? Number.NaN,
    heldOut: evaluation.heldOut?.accuracy ?? Number.NaN,
    seconds,
    cpuSeconds: Number(/CPU time ([0-9.]+) s/.exec(child.stdout)?.[1]),
    imagesPerSecond: median(curve.map((epoch) => epoch.imagesPerSecond)),
  };
}
