import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ModelManifest } from "../ports/model-package.ts";
import type { Evaluation } from "./evaluation.ts";
import { readWeights } from "./onnx/model-reader.ts";
import { type JobFolder, jobFolder } from "./testing/job-folder.ts";
import { runJob, runUntil } from "./testing/run-job.ts";
import { floatsOf, floatTensor, openSession } from "./training/runtime.ts";
import type { EpochReport } from "./training/worker-job.ts";
import { metricDefinitions } from "./training-command.ts";

// Several networks in one job: one model that averages their answers.

const small = {
  image_shape: "3,16,16",
  num_classes: "2",
  num_training_samples: "80",
  epochs: "4",
  mini_batch_size: "32",
  workers: "2",
};
const pair = { ...small, ensemble_size: "2", views: "10" };

function folderWith(context: TestContext, hyperparameters: Record<string, string>): JobFolder {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.pictures("validation", 40);
  folder.hyperparameters(hyperparameters);
  return folder;
}

const modelOf = ({ prefix }: JobFolder) => readFileSync(join(prefix, "model/model.onnx"));
const jsonOf = <T>({ prefix }: JobFolder, path: string) =>
  JSON.parse(readFileSync(join(prefix, "model", path), "utf8")) as T;
const curveOf = (folder: JobFolder) =>
  jsonOf<EpochReport[]>(folder, "metrics/training-curve.json").map(({ epoch, network, trainLoss, heldOut }) => ({
    epoch,
    network,
    trainLoss,
    heldOut,
  }));

async function answer(model: Uint8Array, image: Float32Array): Promise<number[]> {
  const session = await openSession(model);
  return [...floatsOf(await session.run({ image: floatTensor(image, [1, 3, 16, 16]) }), "probabilities")];
}

test("two networks become one model, the first of them the one that would be trained alone", async (context) => {
  const [alone, both] = [folderWith(context, small), folderWith(context, pair)];
  await runJob(alone);
  const { code, text } = await runJob(both);
  assert.equal(code, 0, text);
  const [one, two] = [readWeights(modelOf(alone)), readWeights(modelOf(both))];
  const names = [...one.keys()].filter((name) => !name.startsWith("scones_"));
  assert.equal(names.length, 42);
  for (const name of names) assert.ok(two.has(name) && two.has(`${name}#2`), name);
  assert.deepEqual(two.get("stage3.convolution"), one.get("stage3.convolution"));
  assert.notDeepEqual(two.get("stage3.convolution#2"), one.get("stage3.convolution"));
});

test("what each network is worth is said beside what their mean is worth", async (context) => {
  const folder = folderWith(context, { ...pair, epochs: "8" });
  await runJob(folder);
  const { provenance } = jsonOf<ModelManifest>(folder, "model.json");
  const members = provenance!["members"] as { seed: number; steps: number; validationAccuracy: number }[];
  assert.deepEqual(
    members.map(({ steps }) => steps),
    [16, 16],
  );
  for (const { validationAccuracy } of members) assert.ok(validationAccuracy >= 0.5 && validationAccuracy <= 1);
  const evaluation = jsonOf<Evaluation>(folder, "metrics/evaluation.json");
  assert.match(evaluation.selection, /^mean of 2 networks: averaged weights after the last step/);
  assert.equal(evaluation.train.pictures + evaluation.heldOut!.pictures, 80);
});

test("the last value of a metric is that of the model, not of its last network", async (context) => {
  const folder = folderWith(context, { ...pair, epochs: "8" });
  const { text } = await runJob(folder);
  const { validation, heldOut } = jsonOf<Evaluation>(folder, "metrics/evaluation.json");
  const lastOf = (name: string) => {
    const { regex } = metricDefinitions.find((one) => one.name === name)!;
    return [...text.matchAll(new RegExp(regex, "g"))].at(-1)![1];
  };
  assert.equal(lastOf("validation:accuracy"), validation!.accuracy.toFixed(6));
  assert.equal(lastOf("validation:loss"), validation!.loss.toFixed(6));
  assert.equal(lastOf("held_out:accuracy"), heldOut!.accuracy.toFixed(6));
});

test("the epochs of all networks are counted on", async (context) => {
  const folder = folderWith(context, pair);
  const { text } = await runJob(folder);
  const curve = curveOf(folder);
  assert.deepEqual(
    curve.map(({ epoch }) => epoch),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.deepEqual(
    curve.map(({ network }) => network),
    [1, 1, 1, 1, 2, 2, 2, 2],
  );
  assert.match(text, /Epoch\[7\] Validation-accuracy=/);
  assert.match(text, /ETA \d+ s for 7 more epochs/);
});

test("a model that looks at mirror images answers the same for a picture and its mirror image", async (context) => {
  const folder = folderWith(context, pair);
  await runJob(folder);
  const image = Float32Array.from({ length: 768 }, (_, i) => (i * 37) % 251);
  const mirror = image.map((_, i) => image[i - (i % 16) + 15 - (i % 16)]!);
  const [a, b] = [await answer(modelOf(folder), image), await answer(modelOf(folder), mirror)];
  assert.ok(Math.abs(a[0]! - b[0]!) < 1e-6, `${a} ${b}`);
});

test("a job killed in its second network goes on there, to the very same model", {
  timeout: 120_000,
}, async (context) => {
  const hyperparameters = { ...pair, epochs: "12", checkpoint_frequency: "2" };
  const whole = folderWith(context, hyperparameters);
  await runJob(whole);
  const cut = folderWith(context, hyperparameters);
  await runUntil(cut, { said: "Epoch[15] Train-accuracy", signal: "SIGKILL" });
  assert.ok(!existsSync(join(cut.prefix, "model/model.json")));
  const { code, text } = await runJob(cut);
  assert.equal(code, 0, text);
  assert.match(text, /Network 1 was trained already, up to epoch 11\./);
  assert.match(text, /Resuming from the checkpoint after epoch (1[3-9]|2[0-3])\./);
  assert.doesNotMatch(text, /Epoch\[(\d|1[0-3])\]/);
  assert.deepEqual(modelOf(cut), modelOf(whole));
  assert.deepEqual(curveOf(cut), curveOf(whole));
});

test("a job stopped in its second network keeps the first one whole", { timeout: 120_000 }, async (context) => {
  const alone = folderWith(context, { ...small, views: "10", epochs: "16" });
  await runJob(alone);
  const stopped = folderWith(context, { ...pair, epochs: "16" });
  assert.equal(await runUntil(stopped, { said: "Epoch[17] Train-accuracy", signal: "SIGTERM" }), 0);
  assert.deepEqual(modelOf(stopped), modelOf(alone));
  const { provenance } = jsonOf<ModelManifest>(stopped, "model.json");
  assert.equal(provenance!["stopped"], true);
});
