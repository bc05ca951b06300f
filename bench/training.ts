// What the built-in image classifier costs and reaches, against PyTorch and against its targets.
//
//   npm run bench:training -- DATA [--parts speed,networks,profile,repeat,parity,accuracy,folds,six,transfer,streaming] [--preset default] [--seeds 1,2,3,4,5]
//                                  [--more FOLDER] [--backbone FOLDER] [--keep FOLDER] [--jobs 1] [--json]
//
// DATA is a folder with train/, test/, train.lst and test.lst; MORE, another one whose classes come beside those of DATA (six classes);
// BACKBONE, one with backbone.json. Runs of the parts accuracy and folds stay in KEEP, and are read from there the next time; JOBS of
// them run side by side, each with its share of the cores, which gives the same models sooner and no times.
// The test pictures are only measured: no run and no epoch is chosen by them. Speeds are medians of interleaved rounds; times of accuracy
// runs are of the whole program. Say how busy the machine was.

import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { randomFrom, shuffled } from "../src/learn/random.ts";
import { probeBlockSize } from "../src/learn/training/block-size.ts";
import { median, type Row, report } from "./report.ts";
import { machine } from "./support/machine.ts";
import { matrixPeak } from "./support/matrix-peak.ts";
import { largestDifference } from "./support/parity.ts";
import { findPyTorch, pytorchSpeed } from "./support/pytorch.ts";
import { stepProfile } from "./support/step-profile.ts";
import { streamedRuns } from "./support/streaming.ts";
import {
  keptTrainingRun,
  type Labelled,
  labelledPictures,
  type TrainingRun,
  trainingRun,
} from "./support/training-run.ts";

/** Of the recipe's network, forward, both gradients, per picture of 32 x 32. */
const gigaflopPerPicture = 0.175;
const speedBatch = 128;
const speedRounds = 3;
const folds = 6;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    parts: { type: "string", default: "speed,repeat,parity,accuracy" },
    preset: { type: "string", default: "default" },
    seeds: { type: "string", default: "1,2,3,4,5" },
    more: { type: "string" },
    backbone: { type: "string" },
    keep: { type: "string" },
    jobs: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const [given] = positionals;
if (given === undefined)
  throw new Error("usage: npm run bench:training -- DATA [--parts A,B] [--preset P] [--seeds 1,2]");
const data = resolve(given);
const set = { train: labelledPictures(data, "train"), test: labelledPictures(data, "test") };
const seeds = values.seeds.split(",");
const jobs = Number(values.jobs);
const parts: Record<string, () => Promise<Row[]>> = {
  speed,
  networks,
  profile,
  repeat,
  parity,
  accuracy,
  folds: crossValidation,
  six,
  transfer,
  streaming,
};
const rows: Row[] = [];
for (const name of values.parts.split(",")) {
  const part = parts[name];
  if (part === undefined) throw new Error(`--parts knows ${Object.keys(parts).join(", ")}, not "${name}"`);
  const found = await part();
  rows.push(...found);
  // Parts take minutes: what is known already is said beside the report.
  for (const row of found) process.stderr.write(`${row.name}: ${row.value.toFixed(4)} ${row.unit}\n`);
}
report(rows, machine());

async function speed(): Promise<Row[]> {
  const pytorch = findPyTorch();
  if (pytorch === undefined) process.stderr.write("PyTorch cannot be had here: its rows are left out\n");
  const found: Row[] = [];
  for (const [threads, target] of [
    [1, 1],
    [2, 1],
    [4, 1.2],
  ] as const) {
    const ours: number[] = [];
    const theirs: number[] = [];
    const theirProcesses: number[] = [];
    let memory = 0;
    for (let round = 0; round < speedRounds; round++) {
      const run = await trainingRun(set, {
        epochs: "4",
        mini_batch_size: String(speedBatch),
        workers: String(threads),
        augmentation_type: "crop_color_transform",
        hold_out: "0",
      });
      ours.push(...run.curve.slice(1).map(({ imagesPerSecond }) => imagesPerSecond));
      memory = Math.max(memory, run.peakMegabytes);
      if (pytorch === undefined) continue;
      const how = { batch: speedBatch, groups: 3, steps: 7, network: "resnet9", side: 32 };
      theirs.push(...(await pytorchSpeed(pytorch, { ...how, processes: 1, threads })));
      if (threads === 1) continue;
      const split = { ...how, batch: speedBatch / threads, steps: 14 };
      theirProcesses.push(...(await pytorchSpeed(pytorch, { ...split, processes: threads, threads: 1 })));
    }
    const peak = await matrixPeak(threads);
    const rate = median(ours);
    const share = (rate * gigaflopPerPicture) / peak;
    found.push({ name: `${threads} threads, batch ${speedBatch}: pictures trained on`, value: rate, unit: "/s" });
    found.push(targeted(`  share of the matrix product's peak (${peak.toFixed(0)} GFLOP/s)`, share, { least: 0.6 }));
    found.push(targeted("  peak memory", memory, { most: 1024, unit: "MB" }));
    if (theirs.length > 0) {
      found.push({ name: `  PyTorch ${pytorch?.version}`, value: median(theirs), unit: "/s" });
      found.push(targeted("  ratio to PyTorch", rate / median(theirs), { least: target }));
    }
    if (theirProcesses.length > 0) {
      found.push({
        name: `  ratio to ${threads} PyTorch processes that exchange nothing`,
        value: rate / median(theirProcesses),
        unit: "",
      });
    }
  }
  return found;
}

/** Deeper networks on all cores, at the sizes that people ask for. */
async function networks(): Promise<Row[]> {
  const pytorch = findPyTorch();
  const threads = 4;
  const batch = 64;
  const found: Row[] = [];
  for (const { depth, side, pictures } of [
    { depth: 20, side: 32, pictures: 768 },
    { depth: 18, side: 32, pictures: 192 },
    { depth: 18, side: 224, pictures: 64 },
  ]) {
    const part = { train: set.train.filter((_, i) => i % 15 < 12).slice(0, pictures), test: set.test.slice(0, 16) };
    const run = await trainingRun(part, {
      epochs: "4",
      num_layers: String(depth),
      image_shape: `3,${side},${side}`,
      max_image_side: String(side),
      mini_batch_size: String(batch),
      workers: String(threads),
      augmentation_type: "crop_color_transform",
      hold_out: "0",
    });
    const rate = median(run.curve.slice(1).map(({ imagesPerSecond }) => imagesPerSecond));
    const name = `resnet${depth}, ${side} x ${side}, batch ${batch}, ${threads} threads`;
    found.push({ name: `${name}: pictures trained on`, value: rate, unit: "/s" });
    found.push({ name: "  peak memory", value: run.peakMegabytes, unit: "MB" });
    if (pytorch === undefined) continue;
    const how = { processes: 1, threads, batch, groups: 3, steps: pictures / batch, network: `resnet${depth}`, side };
    found.push({
      name: "  ratio to PyTorch",
      value: rate / median(await pytorchSpeed(pytorch, how)),
      unit: "",
    });
  }
  return found;
}

/** Where the time of a step goes. */
async function profile(): Promise<Row[]> {
  const batch = 32;
  const sums = [...(await stepProfile(batch, await probeBlockSize()))];
  const total = sums.reduce((sum, [, ms]) => sum + ms, 0);
  const largest = sums.slice(0, 8).map(([operator, ms]) => ({ name: `  ${operator}`, value: ms, unit: "ms" }));
  return [{ name: `operators of a step of ${batch} pictures on one thread`, value: total, unit: "ms" }, ...largest];
}

async function repeat(): Promise<Row[]> {
  const digests = new Set<string>();
  for (let i = 0; i < 2; i++) digests.add((await trainingRun(set, { epochs: "2", seed: "7" })).manifest.model.sha256);
  return [targeted("different models of two runs with the same seed and workers", digests.size - 1, { most: 0 })];
}

/** The exported model against the float64 reference with the same weights. */
async function parity(): Promise<Row[]> {
  const models = [
    ["one network", { preset: "fast" }],
    ["three networks and ten views", { preset: "fast", epochs: "10", ensemble_size: "3", views: "10" }],
  ] as const;
  const found: Row[] = [];
  for (const [name, asked] of models) {
    const largest = await largestDifference(await trainingRun(set, asked), set.test.slice(0, 16));
    found.push(
      targeted(`${name}: largest difference of exported logits from the float64 reference`, largest, { most: 1e-3 }),
    );
  }
  return found;
}

async function accuracy(): Promise<Row[]> {
  const runs = await longRuns(seeds.map((seed) => ({ name: `seed-${seed}`, split: set, asked: { seed } })));
  const name = `preset ${values.preset}, seeds ${seeds.join(" ")}`;
  return [
    ...qualityOf(runs, { name, least: 0.94 }),
    ...(jobs === 1
      ? [targeted("  longest wall time", Math.max(...runs.map(({ seconds }) => seconds)), { most: 360, unit: "s" })]
      : []),
    { name: "  median processor time", value: median(runs.map(({ cpuSeconds }) => cpuSeconds)), unit: "s" },
    targeted("  peak memory", Math.max(...runs.map(({ peakMegabytes }) => peakMegabytes)), { most: 1024, unit: "MB" }),
  ];
}

async function crossValidation(): Promise<Row[]> {
  const splits = foldsOf([...set.train, ...set.test]);
  const runs = await longRuns(splits.map((split, fold) => ({ name: `fold-${fold}`, split, asked: {} })));
  return qualityOf(runs, { name: `${folds}-fold cross-validation, preset ${values.preset}`, least: 0.93 });
}

interface LongRun {
  name: string;
  split: typeof set;
  asked: Record<string, string>;
}

/** All of them, `jobs` at a time. */
async function longRuns(all: readonly LongRun[]): Promise<TrainingRun[]> {
  const runs: TrainingRun[] = [];
  const waiting = [...all.entries()];
  const one = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) runs[next[0]] = await longRun(next[1]);
  };
  await Promise.all(Array.from({ length: jobs }, one));
  return runs;
}

/** Takes minutes: says how it went, and is kept where that was asked for. */
async function longRun({ name, split, asked }: LongRun): Promise<TrainingRun> {
  const share: Record<string, string> =
    jobs === 1 ? {} : { workers: String(Math.max(1, Math.floor(availableParallelism() / jobs))) };
  const all = { preset: values.preset, ...share, ...asked };
  const run =
    values.keep === undefined
      ? await trainingRun(split, all)
      : await keptTrainingRun(join(resolve(values.keep), `${values.preset}-${name}`), split, all);
  const { accuracy: right, expectedCalibrationError: error } = run.evaluation.validation!;
  process.stderr.write(
    `${name}: accuracy ${right.toFixed(4)}, calibration error ${error.toFixed(4)}, ${run.seconds.toFixed(0)} s, ${run.cpuSeconds} s of processor time\n`,
  );
  return run;
}

async function six(): Promise<Row[]> {
  if (values.more === undefined) throw new Error("part six needs --more FOLDER");
  const more = resolve(values.more);
  const both = {
    train: [...set.train, ...labelledPictures(more, "train")],
    test: [...set.test, ...labelledPictures(more, "test")],
  };
  return qualityOf([await trainingRun(both, { preset: values.preset })], { name: "six classes", least: 0.85 });
}

async function transfer(): Promise<Row[]> {
  if (values.backbone === undefined) throw new Error("part transfer needs --backbone FOLDER");
  const how = { use_pretrained_model: "1", pretrained: resolve(values.backbone) };
  const official = await trainingRun(set, how);
  const runs: TrainingRun[] = [];
  for (const split of foldsOf([...set.train, ...set.test])) runs.push(await trainingRun(split, how));
  return [
    ...qualityOf([official], { name: "with a backbone", least: 0.96 }),
    { name: "  wall time", value: official.seconds, unit: "s" },
    ...qualityOf(runs, { name: `with a backbone, ${folds}-fold cross-validation`, least: 0.95 }),
  ];
}

/** Sets of 1 GiB and of 4 GiB when decoded: what a job holds in memory must not grow with them. */
async function streaming(): Promise<Row[]> {
  const [small, large] = await streamedRuns([87_382, 349_526], 8);
  if (small === undefined || large === undefined) throw new Error("two runs were asked for");
  const rows = [small, large].flatMap(({ pictures, decodedMegabytes, peakMegabytes, readingSeconds }): Row[] => [
    targeted(`${pictures} pictures, ${decodedMegabytes.toFixed(0)} MB decoded: peak memory`, peakMegabytes, {
      most: 1024,
      unit: "MB",
    }),
    { name: "  pictures listed, decoded and stored", value: pictures / readingSeconds, unit: "/s" },
  ]);
  return [...rows, targeted("ratio of the two", large.peakMegabytes / small.peakMegabytes, { most: 1.1 })];
}

interface Member {
  validationAccuracy: number;
}

/** Accuracy, and the calibration error over the answers of all runs: few answers alone make it look larger than it is. */
function qualityOf(runs: readonly TrainingRun[], { name, least }: { name: string; least: number }): Row[] {
  const measured = runs.map(({ evaluation }) => evaluation.validation!);
  const each = measured.map((one) => one.accuracy.toFixed(3)).join(" ");
  const mean = measured.reduce((sum, one) => sum + one.accuracy, 0) / runs.length;
  const error = measured.reduce((sum, one) => sum + one.expectedCalibrationError, 0) / runs.length;
  const members = runs.flatMap(({ manifest }) => (manifest.provenance!["members"] ?? []) as Member[]);
  const alone = members.reduce((sum, one) => sum + one.validationAccuracy, 0) / members.length;
  return [
    targeted(`${name}: mean accuracy (${each})`, mean, { least }),
    ...(members.length > runs.length
      ? [{ name: "  of each of its networks alone, mean", value: alone, unit: "" }]
      : []),
    targeted("  expected calibration error, mean of runs", error, { most: 0.03 }),
    targeted("  the same, of all answers together", pooledCalibrationError(runs), { most: 0.03 }),
  ];
}

function pooledCalibrationError(runs: readonly TrainingRun[]): number {
  const bins = new Map<number, { pictures: number; difference: number }>();
  for (const { pictures, confidence, accuracy: right } of runs.flatMap(
    ({ evaluation }) => evaluation.validation!.reliability,
  )) {
    const key = Math.min(14, Math.floor(confidence * 15));
    const bin = bins.get(key) ?? { pictures: 0, difference: 0 };
    bins.set(key, { pictures: bin.pictures + pictures, difference: bin.difference + pictures * (confidence - right) });
  }
  const total = [...bins.values()].reduce((sum, { pictures }) => sum + pictures, 0);
  return [...bins.values()].reduce((sum, { difference }) => sum + Math.abs(difference), 0) / total;
}

/** Class by class, so that every fold has as much of each. */
function foldsOf(all: readonly Labelled[]): { train: Labelled[]; test: Labelled[] }[] {
  const foldOf = new Map<Labelled, number>();
  for (const label of [...new Set(all.map((one) => one.label))].sort()) {
    const members = all.filter((one) => one.label === label).sort((a, b) => (a.path < b.path ? -1 : 1));
    for (const [i, position] of shuffled(members.length, randomFrom(1)).entries())
      foldOf.set(members[position]!, i % folds);
  }
  return Array.from({ length: folds }, (_, fold) => ({
    train: all.filter((one) => foldOf.get(one) !== fold),
    test: all.filter((one) => foldOf.get(one) === fold),
  }));
}

function targeted(
  name: string,
  value: number,
  { least, most, unit = "" }: { least?: number; most?: number; unit?: string },
): Row {
  const meets = (least === undefined || value >= least) && (most === undefined || value <= most);
  return { name, value, unit, target: least === undefined ? `<= ${most}` : `>= ${least}`, meets };
}
