// Trains the built-in image classifier on one data set with several seeds, and prints what came out, run by run and as medians.
//
//   node scripts/build.mjs && node bench/training.mjs DATA [--preset default] [--seeds 1,2,3] [--shape 3,32,32]
//
// DATA is a folder with train/, test/, train.lst and test.lst. The test pictures are only measured; no run and no epoch
// is chosen by them. Times are of the whole program, from its start to the stored model; say how busy the machine was.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { trainingCommand } from "../dist/learn/training-command.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    preset: { type: "string", default: "default" },
    seeds: { type: "string", default: "1,2,3" },
    shape: { type: "string", default: "3,32,32" },
    set: { type: "string", multiple: true, default: [] },
  },
});
const [given] = positionals;
if (given === undefined)
  throw new Error("usage: node bench/training.mjs DATA [--preset P] [--seeds 1,2] [--set name=value]");
const data = resolve(given);
const lines = readFileSync(join(data, "train.lst"), "utf8").trim().split("\n");
const classes = new Set(lines.map((line) => line.split("\t")[1])).size;
const rows = values.seeds.split(",").map((seed) => run(seed));
for (const key of ["validation", "heldOut", "seconds", "cpuSeconds", "imagesPerSecond"]) {
  console.log(`median ${key}: ${median(rows.map((row) => row[key]))}`);
}

function run(seed) {
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
    num_classes: String(classes),
    num_training_samples: String(lines.length),
    preset: values.preset,
    seed,
    ...Object.fromEntries(values.set.map((pair) => pair.split("="))),
  };
  writeFileSync(join(prefix, "input/config/hyperparameters.json"), JSON.stringify(hyperparameters));
  const { command, args } = trainingCommand();
  const startedAt = performance.now();
  const child = spawnSync(command, args, {
    env: { ...process.env, SCONES_ML_PREFIX: prefix },
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (child.status !== 0) throw new Error(`the training failed: ${child.stdout.slice(-2000)}${child.stderr}`);
  const seconds = (performance.now() - startedAt) / 1000;
  const evaluation = JSON.parse(readFileSync(join(prefix, "model/metrics/evaluation.json"), "utf8"));
  const curve = JSON.parse(readFileSync(join(prefix, "model/metrics/training-curve.json"), "utf8"));
  const cpu = child.stdout.match(/CPU time ([0-9.]+) s/)?.[1];
  const row = {
    seed,
    validation: evaluation.validation.accuracy,
    heldOut: evaluation.heldOut?.accuracy,
    temperature: evaluation.calibration.temperature,
    seconds: Number(seconds.toFixed(1)),
    cpuSeconds: Number(cpu),
    imagesPerSecond: Number(median(curve.map((epoch) => epoch.imagesPerSecond)).toFixed(0)),
    epochs: curve.length,
    cores: availableParallelism(),
    load: loadavg()[0],
  };
  console.log(JSON.stringify(row));
  rmSync(prefix, { recursive: true });
  return row;
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
