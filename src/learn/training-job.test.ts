import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { decodeImage } from "../images/decode-image.ts";
import { resize } from "../images/resize.ts";
import type { ModelManifest } from "../ports/model-package.ts";
import type { Evaluation } from "./evaluation.ts";
import { type JobFolder, jobFolder } from "./testing/job-folder.ts";
import { runJob } from "./testing/run-job.ts";
import { floatsOf, floatTensor, openSession } from "./training/runtime.ts";
import type { EpochReport } from "./training/worker-job.ts";
import { metricDefinitions, trainingCommand } from "./training-command.ts";

const small = {
  image_shape: "3,16,16",
  num_classes: "2",
  num_training_samples: "80",
  epochs: "4",
  mini_batch_size: "32",
  workers: "2",
};

const modelFiles = (folder: JobFolder) =>
  existsSync(join(folder.prefix, "model")) ? readdirSync(join(folder.prefix, "model")) : [];
const failureOf = (folder: JobFolder) => readFileSync(join(folder.prefix, "output/failure"), "utf8");
const jsonOf = <T>(folder: JobFolder, path: string) => JSON.parse(readFileSync(join(folder.prefix, path), "utf8")) as T;

test("a job trains a model that recognises what it was shown", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.pictures("validation", 40);
  folder.hyperparameters({ ...small, epochs: "20", image_shape: "3,24,24" });
  const { code, lines } = await runJob(folder);
  assert.equal(code, 0, lines.join("\n"));
  const evaluation = jsonOf<Evaluation>(folder, "model/metrics/evaluation.json");
  assert.ok(evaluation.validation!.accuracy >= 0.9, JSON.stringify(evaluation.validation));
  assert.equal(evaluation.train.pictures + evaluation.heldOut!.pictures, 80);
  assert.ok(!existsSync(join(folder.prefix, "pictures")), "the decoded pictures are still there");

  const manifest = jsonOf<ModelManifest>(folder, "model/model.json");
  assert.match(String(manifest.provenance?.["scones"]), /^\d+\.\d+\.\d+/);
  assert.match(String(manifest.provenance?.["codeSha256"]), /^[0-9a-f]{64}$/);
  const bytes = readFileSync(join(folder.prefix, "model", manifest.model.file));
  assert.equal(createHash("sha256").update(bytes).digest("hex"), manifest.model.sha256);
  const picture = decodeImage(readFileSync(join(folder.prefix, "input/data/validation/0.png")));
  const { data } = resize(picture, 24, 24);
  const image = Float32Array.from({ length: data.length }, (_, i) => data[(i % 576) * 3 + Math.floor(i / 576)]!);
  const session = await openSession(bytes);
  const feeds = { [manifest.input.name]: floatTensor(image, [1, 3, 24, 24]) };
  const probabilities = floatsOf(await session.run(feeds), manifest.output.name);
  assert.ok(Math.abs(probabilities[0]! + probabilities[1]! - 1) < 1e-5);
});

test("the service finds its metrics in the log lines of jobs of one label and of several", async (context) => {
  const [one, several] = [jobFolder(context), jobFolder(context)];
  one.pictures("train", 80);
  one.pictures("validation", 8);
  one.hyperparameters({ ...small, top_k: "2" });
  several.multiLabelPictures("train", 80);
  several.multiLabelPictures("validation", 8);
  several.hyperparameters({ ...small, epochs: "1", multi_label: "1" });
  const lines = [...(await runJob(one)).lines, ...(await runJob(several)).lines];
  const found = metricDefinitions.map(({ name, regex }) => [name, lines.some((line) => new RegExp(regex).test(line))]);
  assert.deepEqual(
    found,
    metricDefinitions.map(({ name }) => [name, true]),
  );
});

test("a job says after a few batches how long everything takes", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 400);
  folder.hyperparameters({ ...small, num_training_samples: "400", mini_batch_size: "16", epochs: "2" });
  const { lines } = await runJob(folder);
  const at = lines.findIndex((line) =>
    /^Epoch\[0\] Batch \[20\]#011Speed: [0-9.]+ samples\/sec#011accuracy=0\.\d{6}$/.test(line),
  );
  assert.match(lines[at + 1]!, /^ETA \d+ s for 2 more epochs at \d+ samples\/sec$/);
  assert.match(lines[at + 2]!, /^Epoch\[0\] Train-accuracy=/);
});

test("the same seed gives the same model with one, two or three workers, to the last bit", async (context) => {
  const digests: string[] = [];
  for (const workers of ["1", "2", "2", "3"]) {
    const folder = jobFolder(context);
    folder.pictures("train", 80);
    folder.hyperparameters({ ...small, mini_batch_size: "64", workers, epochs: "2" });
    await runJob(folder);
    digests.push(jsonOf<ModelManifest>(folder, "model/model.json").model.sha256);
  }
  assert.equal(new Set(digests).size, 1);
});

test("adam, a residual network of 20 layers and early stopping are honoured", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.hyperparameters({
    ...small,
    optimizer: "adam",
    num_layers: "20",
    early_stopping: "True",
    early_stopping_min_epochs: "1",
    early_stopping_patience: "1",
    early_stopping_tolerance: "1",
    epochs: "6",
  });
  const { code, lines } = await runJob(folder);
  assert.equal(code, 0, lines.join("\n"));
  // Python's way to print numbers, as in the rest of the dictionary.
  assert.ok(lines.some((line) => /optimizer: \{'name': 'adam', .*'eps': 1e-08,/.test(line)));
  assert.match(
    jsonOf<Evaluation>(folder, "model/metrics/evaluation.json").selection,
    /selected by the held-out pictures/,
  );
  assert.equal(jsonOf<unknown[]>(folder, "model/metrics/training-curve.json").length < 6, true);
});

test("the epoch that is best on the validation channel is stored when that is asked for, and its proof is not believed", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.pictures("validation", 20);
  folder.hyperparameters({ ...small, select_by_validation: "True" });
  const { code, lines } = await runJob(folder);
  assert.equal(code, 0, lines.join("\n"));
  const { selection, guarantees } = jsonOf<Evaluation>(folder, "model/metrics/evaluation.json");
  const curve = jsonOf<EpochReport[]>(folder, "model/metrics/training-curve.json");
  const best = Math.max(...curve.map(({ validation }) => validation!.accuracy));
  const chosen = Number(/averaged weights of epoch (\d), selected by the validation channel/.exec(selection)?.[1]);
  assert.equal(curve[chosen]!.validation!.accuracy, best);
  assert.match(guarantees.validation!.unsoundBecause!, /chosen by these pictures \(select_by_validation\)/);
  assert.equal(guarantees.heldOut!.unsoundBecause, undefined);
});

test("a selection by a validation channel that is not there is refused", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.hyperparameters({ ...small, select_by_validation: "True" });
  assert.equal((await runJob(folder)).code, 1);
  assert.match(failureOf(folder), /^ClientError: select_by_validation=True needs a channel "validation"/);
});

test("top_k reports how often the class is among the best answers", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.pictures("validation", 8);
  folder.hyperparameters({ ...small, epochs: "1", top_k: "2", use_weighted_loss: "0" });
  const { lines } = await runJob(folder);
  assert.ok(lines.includes("Epoch[0] Train-top_k_accuracy_2=1.000000"));
  assert.ok(lines.includes("Epoch[0] Validation-top_k_accuracy_2=1.000000"));
});

test("resize cuts the middle out of every picture, and the model says so to whoever serves it", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.hyperparameters({ ...small, epochs: "1", resize: "20" });
  const { code, lines } = await runJob(folder);
  assert.equal(code, 0, lines.join("\n"));
  const { input } = jsonOf<ModelManifest>(folder, "model/model.json");
  assert.deepEqual([input.crop, input.width], [{ height: 0.8, width: 0.8 }, 16]);
});

test("a limit of time is kept, with the schedule run through", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.hyperparameters({ ...small, epochs: "100000", max_seconds: "1" });
  const { code } = await runJob(folder);
  assert.equal(code, 0);
  assert.equal(jsonOf<ModelManifest>(folder, "model/model.json").provenance!["stopped"], false);
});

test("pictures of odd and unequal sides can be trained on", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 40);
  folder.hyperparameters({ ...small, image_shape: "3,21,18", num_training_samples: "40", epochs: "1" });
  const { code, lines } = await runJob(folder);
  assert.equal(code, 0, lines.join("\n"));
});

test("a refused hyperparameter ends the job with its reason and no model", async (context) => {
  const folder = jobFolder(context);
  folder.hyperparameters({ ...small, epochz: "2" });
  assert.equal((await runJob(folder)).code, 1);
  assert.match(failureOf(folder), /^ClientError: Unable to initialize the algorithm.*'epochz' was unexpected/s);
  assert.deepEqual(modelFiles(folder), []);
});

test("a loss that is no number ends the job with the step and no model", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.hyperparameters({ ...small, learning_rate: "1000000", epochs: "40" });
  assert.equal((await runJob(folder)).code, 1);
  assert.match(failureOf(folder), /the loss became .* at step \d+ \(epoch \d+\): use a lower learning_rate/);
  assert.deepEqual(modelFiles(folder), []);
});

test("a network whose answers are no numbers ends the job with what to do and no model", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  // Adam's steps are of the size of its rate: the weights of a single one are huge, and still finite.
  folder.hyperparameters({
    ...small,
    mini_batch_size: "64",
    optimizer: "adam",
    learning_rate: "1000000",
    weight_decay: "0",
    epochs: "1",
  });
  assert.equal((await runJob(folder)).code, 1);
  assert.match(failureOf(folder), /^ClientError: the answers of the trained network are no numbers: use a lower/);
  assert.deepEqual(modelFiles(folder), []);
});

test("a worker that dies ends the job and lets the others go", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.hyperparameters(small);
  const worker = new URL("./training/worker.js", import.meta.url).href;
  const program = `import { workerData } from "node:worker_threads";
    if (workerData.worker === 1) throw new Error("out of everything"); else await import(${JSON.stringify(worker)});`;
  folder.write("worker.mjs", program);
  const { code } = await runJob(folder, { workerProgram: pathToFileURL(join(folder.prefix, "worker.mjs")) });
  assert.equal(code, 1);
  assert.match(failureOf(folder), /worker 1 died: out of everything/);
  assert.deepEqual(modelFiles(folder), []);
});

test("a model folder that cannot be written leaves nothing half-written", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 40);
  folder.hyperparameters({ ...small, num_training_samples: "40", epochs: "1" });
  folder.write("model/metrics", "a file where a folder must be");
  assert.equal((await runJob(folder)).code, 1);
  assert.deepEqual(modelFiles(folder), ["metrics"]);
});

test("the program keeps its model when it is told to stop", { timeout: 60_000 }, async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.hyperparameters({ ...small, epochs: "100000" });
  const { command, args } = trainingCommand();
  const child = spawn(command, args, {
    env: { SCONES_ML_PREFIX: folder.prefix },
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => child.kill("SIGKILL"));
  const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
  for await (const line of createInterface(child.stdout)) {
    if (line.includes("Epoch[2] Train-accuracy")) child.kill("SIGTERM");
  }
  assert.equal(await exit, 0);
  assert.equal(jsonOf<ModelManifest>(folder, "model/model.json").provenance!["stopped"], true);
});
