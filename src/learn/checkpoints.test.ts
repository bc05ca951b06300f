import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { ModelManifest } from "../ports/model-package.ts";
import { type JobFolder, jobFolder } from "./testing/job-folder.ts";
import { runJob, runUntil } from "./testing/run-job.ts";
import { safeBlockSize } from "./training/block-size.ts";
import type { EpochReport } from "./training/worker-job.ts";
import { startJob } from "./training-job.ts";

const small = {
  image_shape: "3,16,16",
  num_classes: "2",
  num_training_samples: "80",
  epochs: "6",
  mini_batch_size: "32",
  workers: "2",
  checkpoint_frequency: "2",
};

function folderWith(context: TestContext, hyperparameters: Record<string, string>): JobFolder {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.hyperparameters(hyperparameters);
  return folder;
}

const manifestOf = ({ prefix }: JobFolder) =>
  JSON.parse(readFileSync(join(prefix, "model/model.json"), "utf8")) as ModelManifest;
const curveOf = ({ prefix }: JobFolder) =>
  (JSON.parse(readFileSync(join(prefix, "model/metrics/training-curve.json"), "utf8")) as EpochReport[]).map(
    ({ epoch, trainLoss, heldOut }) => ({ epoch, trainLoss, heldOut }),
  );
const failureOf = (folder: JobFolder) => readFileSync(join(folder.prefix, "output/failure"), "utf8");
const modelFiles = ({ prefix }: JobFolder) =>
  existsSync(join(prefix, "model")) ? readdirSync(join(prefix, "model")) : [];

test("a training that was killed goes on from its checkpoint to the very same model", {
  timeout: 120_000,
}, async (context) => {
  const whole = folderWith(context, small);
  await runJob(whole);
  const cut = folderWith(context, small);
  await runUntil(cut, { said: "Epoch[3] Train-accuracy", signal: "SIGKILL" });
  assert.ok(!existsSync(join(cut.prefix, "model/model.json")));
  const { code, text } = await runJob(cut);
  assert.equal(code, 0, text);
  assert.match(text, /Resuming from the checkpoint after epoch [1-3]\./);
  assert.doesNotMatch(text, /Epoch\[0\]/);
  assert.equal(manifestOf(cut).model.sha256, manifestOf(whole).model.sha256);
  assert.deepEqual(curveOf(cut), curveOf(whole));
});

test("early stopping remembers across a restart what it has seen", { timeout: 120_000 }, async (context) => {
  const patience = { ...small, early_stopping: "1", early_stopping_min_epochs: "1", early_stopping_tolerance: "1" };
  const hyperparameters = { ...patience, early_stopping_patience: "4", checkpoint_frequency: "1", epochs: "20" };
  const whole = folderWith(context, hyperparameters);
  await runJob(whole);
  const cut = folderWith(context, hyperparameters);
  await runUntil(cut, { said: "Epoch[2] Train-accuracy", signal: "SIGKILL" });
  await runJob(cut);
  assert.deepEqual(curveOf(cut), curveOf(whole));
  assert.equal(manifestOf(cut).model.sha256, manifestOf(whole).model.sha256);
});

test("checkpoint_frequency stores a model every so many epochs", async (context) => {
  const folder = folderWith(context, small);
  await runJob(folder);
  assert.deepEqual(
    modelFiles(folder).filter((name) => name.startsWith("image-classification")),
    ["image-classification-0002.onnx", "image-classification-0004.onnx"],
  );
});

test("a network that was trained is not trained again", async (context) => {
  const folder = folderWith(context, small);
  await runJob(folder);
  const { sha256 } = manifestOf(folder).model;
  const { code, text } = await runJob(folder);
  assert.equal(code, 0, text);
  assert.match(text, /Network 1 was trained already, up to epoch 5\./);
  assert.equal(manifestOf(folder).model.sha256, sha256);
});

test("a damaged checkpoint is not used", async (context) => {
  const folder = folderWith(context, small);
  await runUntil(folder, { said: "Epoch[3] Train-accuracy", signal: "SIGKILL" });
  truncateSync(join(folder.prefix, "checkpoints/training.checkpoint"), 5000);
  const { code, text } = await runJob(folder);
  assert.equal(code, 0);
  assert.match(text, /is damaged: the training begins anew/);
});

test("the checkpoint of another training is not used", async (context) => {
  const folder = folderWith(context, small);
  await runUntil(folder, { said: "Epoch[3] Train-accuracy", signal: "SIGKILL" });
  folder.hyperparameters({ ...small, seed: "2" });
  assert.match((await runJob(folder)).text, /is of another training/);
});

test("a disk too full for a checkpoint does not end the training", async (context) => {
  const folder = folderWith(context, small);
  mkdirSync(join(folder.prefix, "checkpoints"));
  symlinkSync("/dev/full", join(folder.prefix, "checkpoints/training.checkpoint.draft"));
  const { code, text } = await runJob(folder);
  assert.equal(code, 0);
  assert.match(text, /no checkpoint was written, the training goes on: ENOSPC/);
});

test("a disk too full for the model is named, and leaves nothing half-written", async (context) => {
  const folder = folderWith(context, { ...small, epochs: "1", checkpoint_frequency: "1" });
  mkdirSync(join(folder.prefix, "model"));
  symlinkSync("/dev/full", join(folder.prefix, "model/model.json.draft"));
  assert.equal((await runJob(folder)).code, 1);
  assert.match(failureOf(folder), /^ClientError: no space is left on the disk/);
  assert.deepEqual(modelFiles(folder), ["metrics"]);
});

test("the model of an epoch is stored before the checkpoint that a restart goes on from behind it", async (context) => {
  const folder = folderWith(context, small);
  mkdirSync(join(folder.prefix, "checkpoints"));
  symlinkSync("/dev/full", join(folder.prefix, "checkpoints/training.checkpoint.draft"));
  await runJob(folder);
  assert.ok(modelFiles(folder).includes("image-classification-0002.onnx"));
});

test("memory that runs out is named, with what would help", async (context) => {
  const folder = folderWith(context, small);
  folder.write("worker.mjs", `throw new RangeError("Array buffer allocation failed");`);
  const { code } = await runJob(folder, { workerProgram: pathToFileURL(join(folder.prefix, "worker.mjs")) });
  assert.equal(code, 1);
  assert.match(failureOf(folder), /^ClientError: there is not enough memory: use a smaller mini_batch_size/);
});

test("a loss that is no number is tried again once, at a tenth of the rate", async (context) => {
  const folder = folderWith(context, { ...small, epochs: "2", learning_rate: "100000" });
  const { lines } = await runJob(folder);
  const again = lines.filter((line) => line.includes("The training begins anew, once, with learning_rate 10000."));
  assert.equal(again.length, 1);
  assert.match(again[0]!, /the loss became \S+ at step \d+ \(epoch \d+\)/);
});

test("a stop that comes while an interrupted training begins again keeps the model so far", {
  timeout: 120_000,
}, async (context) => {
  const folder = folderWith(context, { ...small, epochs: "100000" });
  await runUntil(folder, { said: "Epoch[3] Train-accuracy", signal: "SIGKILL" });
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const job = startJob({ prefix: folder.prefix, cores: 2, block: safeBlockSize, log });
  job.stop();
  assert.equal(await job.done, 0, lines.join("\n"));
  assert.ok(lines.some((line) => line.startsWith("Resuming from the checkpoint after epoch")));
  assert.equal(manifestOf(folder).provenance!["stopped"], true);
});
