import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ModelManifest } from "../ports/model-package.ts";
import type { Evaluation } from "./evaluation.ts";
import { fromHalf, toHalf } from "./onnx/half-precision.ts";
import { readWeights } from "./onnx/model-reader.ts";
import { type JobFolder, jobFolder } from "./testing/job-folder.ts";
import { runJob, runUntil } from "./testing/run-job.ts";

// Weights of half precision, through the training program.

const small = {
  image_shape: "3,16,16",
  num_classes: "2",
  num_training_samples: "80",
  epochs: "4",
  mini_batch_size: "64",
  workers: "2",
};
const half = { ...small, precision_dtype: "float16" };

function folderWith(context: TestContext, hyperparameters: Record<string, string>): JobFolder {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.pictures("validation", 40);
  folder.hyperparameters(hyperparameters);
  return folder;
}

async function trained(context: TestContext, hyperparameters: Record<string, string>): Promise<JobFolder> {
  const folder = folderWith(context, hyperparameters);
  const { code, text } = await runJob(folder, { cores: 4 });
  assert.equal(code, 0, text);
  return folder;
}

const modelOf = ({ prefix }: JobFolder) => readFileSync(join(prefix, "model/model.onnx"));
const manifestOf = ({ prefix }: JobFolder) =>
  JSON.parse(readFileSync(join(prefix, "model/model.json"), "utf8")) as ModelManifest;
const evaluationOf = ({ prefix }: JobFolder) =>
  JSON.parse(readFileSync(join(prefix, "model/metrics/evaluation.json"), "utf8")) as Evaluation;

test("weights of half precision are stored in half the place, those of norms whole, and recognise as much", async (context) => {
  const [whole, halved] = [
    await trained(context, { ...small, epochs: "20" }),
    await trained(context, { ...half, epochs: "20" }),
  ];
  const size = modelOf(halved).length / modelOf(whole).length;
  assert.ok(size > 0.5 && size < 0.52, `${size}`);
  const weights = readWeights(modelOf(halved));
  const { values } = weights.get("stage3.convolution")!;
  assert.deepEqual(values, fromHalf(toHalf(values)));
  const variance = weights.get("stage3.norm.variance")!.values;
  assert.notDeepEqual(variance, fromHalf(toHalf(variance)));
  assert.ok(evaluationOf(halved).validation!.accuracy >= 0.9, JSON.stringify(evaluationOf(halved).validation));
  assert.equal(manifestOf(halved).provenance!["precision"], "float16");
});

test("half precision, too, gives the same bits with one to four workers", async (context) => {
  const digests = new Set<string>();
  for (const workers of ["1", "2", "3", "4"]) {
    digests.add(manifestOf(await trained(context, { ...half, workers, epochs: "2" })).model.sha256);
  }
  assert.equal(digests.size, 1);
});

test("a training in half precision that was killed goes on to the very same model", {
  timeout: 120_000,
}, async (context) => {
  const hyperparameters = { ...half, epochs: "6", mini_batch_size: "32", checkpoint_frequency: "2" };
  const whole = await trained(context, hyperparameters);
  const cut = folderWith(context, hyperparameters);
  await runUntil(cut, { said: "Epoch[3] Train-accuracy", signal: "SIGKILL" });
  assert.ok(!existsSync(join(cut.prefix, "model/model.json")));
  const { code, text } = await runJob(cut, { cores: 4 });
  assert.equal(code, 0, text);
  assert.match(text, /Resuming from the checkpoint after epoch [1-3]\./);
  assert.deepEqual(modelOf(cut), modelOf(whole));
  const stored = readFileSync(join(cut.prefix, "model/image-classification-0002.onnx"));
  assert.ok(stored.length < modelOf(whole).length * 1.05, `${stored.length}`);
});

test("networks of 20 layers, several of them and with views, have weights of half precision", async (context) => {
  const folder = await trained(context, { ...half, num_layers: "20", ensemble_size: "2", views: "10", epochs: "1" });
  const weights = readWeights(modelOf(folder));
  for (const name of ["head", "head#2"]) {
    const { values } = weights.get(name)!;
    assert.deepEqual(values, fromHalf(toHalf(values)));
  }
});

test("networks that say of every class whether it is there have weights of half precision", async (context) => {
  const folder = jobFolder(context);
  folder.multiLabelPictures("train", 80);
  folder.hyperparameters({ ...half, multi_label: "1", epochs: "1" });
  const { code, text } = await runJob(folder, { cores: 4 });
  assert.equal(code, 0, text);
  const { values } = readWeights(modelOf(folder)).get("head")!;
  assert.deepEqual(values, fromHalf(toHalf(values)));
});

test("a model of half precision is trained on, in either precision", async (context) => {
  const parent = await trained(context, half);
  const gentle = { use_pretrained_model: "1", epochs: "1", learning_rate: "0.000001" };
  const children = [folderWith(context, { ...small, ...gentle }), folderWith(context, { ...half, ...gentle })];
  for (const child of children) {
    cpSync(join(parent.prefix, "model"), join(child.prefix, "input/data/model"), { recursive: true });
    const { code, text } = await runJob(child, { cores: 4 });
    assert.equal(code, 0, text);
  }
  const [old, whole, halved] = [parent, ...children].map(
    (folder) => readWeights(modelOf(folder)).get("stage3.convolution")!.values,
  );
  // So gentle a training moves few weights as far as the next half.
  assert.notDeepEqual(whole, old);
  assert.ok(Math.max(...whole!.map((value, i) => Math.abs(value - old![i]!))) < 1e-3);
  assert.ok(halved!.filter((value, i) => value === old![i]).length > 0.9 * old!.length);
});

// So large a step, and no larger: adam's are of the size of its rate, and norms undo the size of weights.
const huge = { optimizer: "adam", learning_rate: "1000000", weight_decay: "0" };

test("a weight too large for half precision ends the training as a loss that is no number does", async (context) => {
  await trained(context, { ...small, ...huge });
  const folder = folderWith(context, { ...half, ...huge });
  const { code, text } = await runJob(folder, { cores: 4 });
  assert.equal(code, 1);
  assert.match(text, /The training begins anew, once, with learning_rate 100000\./);
  const failure = readFileSync(join(folder.prefix, "output/failure"), "utf8");
  assert.match(failure, /^ClientError: the loss became NaN at step 2 .* or precision_dtype=float32; and again with/);
  assert.ok(!existsSync(join(folder.prefix, "model")));
});

test("a weight that became too large in the last step is found as well", async (context) => {
  const folder = folderWith(context, { ...half, ...huge, epochs: "1" });
  const { code, text } = await runJob(folder, { cores: 4 });
  assert.equal(code, 1);
  assert.match(text, /The training begins anew, once, with learning_rate 100000\./);
  const failure = readFileSync(join(folder.prefix, "output/failure"), "utf8");
  assert.match(
    failure,
    /^ClientError: a weight of stem\.convolution became \S+, which is too large for half precision/,
  );
});
