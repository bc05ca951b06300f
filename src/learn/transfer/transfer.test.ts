import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ModelManifest } from "../../ports/model-package.ts";
import type { Evaluation, MultiLabelEvaluation } from "../evaluation.ts";
import { fromHalf, toHalf } from "../onnx/half-precision.ts";
import { readWeights } from "../onnx/model-reader.ts";
import { ModelWriter } from "../onnx/model-writer.ts";
import { randomFrom } from "../random.ts";
import { oneLabel } from "../task/one-label.ts";
import { type JobFolder, jobFolder } from "../testing/job-folder.ts";
import { runJob } from "../testing/run-job.ts";
import { logitsOf, regression } from "./logistic-regression.ts";
import { minimise } from "./minimise.ts";

const shape = { image_shape: "3,32,32", num_classes: "2", num_training_samples: "80", workers: "2" };

/** A backbone of one convolution: edges of 12 kinds, each by its mean and its maximum. */
function backbone(side: number): Uint8Array {
  const writer = new ModelWriter();
  const random = randomFrom(7);
  const image = writer.input("image", ["N", 3, side, side]);
  const filters = writer.floats(
    Float32Array.from({ length: 12 * 27 }, () => random.normal()),
    [12, 3, 3, 3],
  );
  const edges = writer.node("Relu", [writer.node("Conv", [image, filters], { attributes: { kernel_shape: [3, 3] } })]);
  const pooled = ["GlobalAveragePool", "GlobalMaxPool"].map((kind) =>
    writer.node("Flatten", [writer.node(kind, [edges])], { attributes: { axis: 1 } }),
  );
  writer.node("Concat", pooled, { attributes: { axis: 1 }, names: ["features"] });
  writer.output("features", ["N", 24]);
  // As if another program had written it: none of our names.
  return Buffer.from(Buffer.from(writer.finish()).toString("latin1").replaceAll("scones_", "others_"), "latin1");
}

function withBackbone(folder: JobFolder, { side, changes = {} }: { side: number; changes?: object }): void {
  const model = backbone(side);
  const manifest = {
    format: "scones.backbone/1",
    model: { file: "edges.onnx", sha256: createHash("sha256").update(model).digest("hex") },
    input: { name: "image", width: side, height: side, mean: [127.5, 127.5, 127.5], deviation: [64, 64, 64] },
    output: { name: "features" },
    ...changes,
  };
  folder.write("input/data/model/edges.onnx", model);
  folder.write("input/data/model/backbone.json", JSON.stringify(manifest));
}

function folderWith(context: TestContext, hyperparameters: Record<string, string>): JobFolder {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.pictures("validation", 40);
  folder.hyperparameters({ ...shape, ...hyperparameters });
  return folder;
}

const jsonOf = <T>({ prefix }: JobFolder, path: string) => JSON.parse(readFileSync(join(prefix, path), "utf8")) as T;
const failureOf = ({ prefix }: JobFolder) => readFileSync(join(prefix, "output/failure"), "utf8");

test("a head on a backbone's features is trained, calibrated and stored as one model", async (context) => {
  const folder = folderWith(context, { use_pretrained_model: "1" });
  withBackbone(folder, { side: 48 });
  const { code, text } = await runJob(folder);
  assert.equal(code, 0, text);
  const evaluation = jsonOf<Evaluation>(folder, "model/metrics/evaluation.json");
  assert.ok(evaluation.validation!.accuracy >= 0.8, JSON.stringify(evaluation.validation));
  assert.match(evaluation.calibration.fittedOn, /cross-validation/);
  const manifest = jsonOf<ModelManifest>(folder, "model/model.json");
  // What is served takes pictures as they were trained on; the backbone's size is the model's own affair.
  assert.deepEqual([manifest.input.width, manifest.input.height], [32, 32]);
});

test("the head on a backbone is stored in half precision where that is asked for, and measured as it is stored", async (context) => {
  const folder = folderWith(context, { use_pretrained_model: "1", precision_dtype: "float16" });
  withBackbone(folder, { side: 32 });
  const { code, text } = await runJob(folder);
  assert.equal(code, 0, text);
  const weights = readWeights(readFileSync(join(folder.prefix, "model/model.onnx")));
  for (const name of ["head", "head.bias"]) {
    const { values } = weights.get(name)!;
    assert.deepEqual(values, fromHalf(toHalf(values)));
  }
});

test("a head says of every class whether it is there, where pictures show several", async (context) => {
  const folder = jobFolder(context);
  folder.multiLabelPictures("train", 80);
  folder.multiLabelPictures("validation", 40);
  folder.hyperparameters({ ...shape, use_pretrained_model: "1", multi_label: "1", use_weighted_loss: "1" });
  withBackbone(folder, { side: 48 });
  const { code, text } = await runJob(folder);
  assert.equal(code, 0, text);
  const { validation } = jsonOf<MultiLabelEvaluation>(folder, "model/metrics/evaluation.json");
  assert.ok(validation!.accuracy >= 0.8, JSON.stringify(validation));
  assert.equal(jsonOf<ModelManifest>(folder, "model/model.json").output.isMultiLabel, true);
});

test("a backbone is chosen by default for pictures larger than 64, and not for smaller ones", async (context) => {
  const large = folderWith(context, { image_shape: "3,80,80" });
  withBackbone(large, { side: 48 });
  assert.match((await runJob(large)).text, /used, by default/);
  const small = folderWith(context, { epochs: "1" });
  withBackbone(small, { side: 48 });
  assert.match((await runJob(small)).text, /not used, training from scratch, by default/);
});

test("features that were computed before an interruption are not computed again", async (context) => {
  const folder = folderWith(context, { use_pretrained_model: "1" });
  withBackbone(folder, { side: 32 });
  await runJob(folder);
  const first = readFileSync(join(folder.prefix, "model/model.json"), "utf8");
  const { text } = await runJob(folder);
  assert.match(text, /Features of 80 pictures were computed before the interruption/);
  assert.equal(readFileSync(join(folder.prefix, "model/model.json"), "utf8"), first);
  assert.equal(readdirSync(join(folder.prefix, "checkpoints")).length, 2);
});

test("a backbone that is not what its manifest says is refused", async (context) => {
  const folder = folderWith(context, { use_pretrained_model: "1" });
  const model = { file: "edges.onnx", sha256: "0".repeat(64) };
  withBackbone(folder, { side: 32, changes: { model } });
  await runJob(folder);
  assert.match(failureOf(folder), /^ClientError: edges\.onnx of channel "model" has the SHA-256 [0-9a-f]{64}, not/);
  withBackbone(folder, { side: 32, changes: { output: { name: "logits" } } });
  await runJob(folder);
  assert.match(failureOf(folder), /has the inputs image and outputs features; its manifest names image and logits/);
  withBackbone(folder, { side: 32, changes: { input: { name: "image" } } });
  await runJob(folder);
  assert.match(failureOf(folder), /the manifest in channel "model" must have format/);
  assert.ok(!existsSync(join(folder.prefix, "model")));
});

test("a pretrained model that was asked for and not given is named", async (context) => {
  const folder = folderWith(context, { use_pretrained_model: "1" });
  await runJob(folder);
  assert.match(failureOf(folder), /use_pretrained_model=1 needs a model, and none come with Scones/);
});

test("a model that Scones trained is trained on, with a new head for other classes", async (context) => {
  const parent = folderWith(context, { epochs: "3", mini_batch_size: "32" });
  await runJob(parent);
  const child = folderWith(context, {
    use_pretrained_model: "1",
    epochs: "1",
    learning_rate: "0.000001",
    num_classes: "3",
  });
  child.write("input/data/train_lst/train.lst", threeClasses(80));
  child.write("input/data/validation_lst/validation.lst", threeClasses(40));
  cpSync(join(parent.prefix, "model"), join(child.prefix, "input/data/model"), { recursive: true });
  const { code, text } = await runJob(child);
  assert.equal(code, 0, text);
  const [old, fresh] = [parent, child].map(({ prefix }) => readWeights(readFileSync(join(prefix, "model/model.onnx"))));
  const difference = fresh!
    .get("stage3.convolution")!
    .values.reduce((most, value, i) => Math.max(most, Math.abs(value - old!.get("stage3.convolution")!.values[i]!)), 0);
  assert.ok(difference < 1e-3, `${difference}`);
  assert.deepEqual(fresh!.get("head")!.shape, [3, 128]);
});

test("of a model of several networks each one is trained on, and one alone by default", async (context) => {
  const parent = folderWith(context, { epochs: "2", mini_batch_size: "32", ensemble_size: "2" });
  await runJob(parent);
  const gentle = { use_pretrained_model: "1", epochs: "1", learning_rate: "0.000001" };
  const [one, two] = [folderWith(context, gentle), folderWith(context, { ...gentle, ensemble_size: "2" })];
  for (const child of [one, two]) {
    cpSync(join(parent.prefix, "model"), join(child.prefix, "input/data/model"), { recursive: true });
    const { code, text } = await runJob(child);
    assert.equal(code, 0, text);
  }
  const [old, alone, both] = [parent, one, two].map(({ prefix }) =>
    readWeights(readFileSync(join(prefix, "model/model.onnx"))),
  );
  assert.ok(!alone!.has("stage3.convolution#2"));
  for (const name of ["stage3.convolution", "stage3.convolution#2"]) {
    const [before, after] = [old!.get(name)!.values, both!.get(name)!.values];
    assert.ok(Math.max(...after.map((value, i) => Math.abs(value - before[i]!))) < 1e-3, name);
  }
});

function threeClasses(count: number): string {
  return Array.from({ length: count }, (_, i) => `${i}\t${i % 3}\t${i}.png\n`).join("");
}

test("the gradient of the regression vanishes where it ends, against plain sums", async () => {
  const random = randomFrom(3);
  const [count, width, classes, penalty] = [60, 5, 3, 0.05];
  const values = Float32Array.from({ length: count * width }, () => 2 + 3 * random.normal());
  const labels = Array.from({ length: count }, (_, n) => (values[n * width]! > 3 ? 2 : random.integer(2)));
  const problem = await regression({ values, width, labels }, { task: oneLabel(classes), threads: 1 });
  const best = await problem.fit(new Float64Array(count).fill(1), penalty);
  const cost = costOf(best, { values, width, labels, penalty });
  for (const index of [0, 4, 7, 14]) {
    for (const sign of [-1, 1]) {
      const weights = best.weights.slice();
      weights[index]! += sign * 0.02;
      assert.ok(costOf({ ...best, weights }, { values, width, labels, penalty }) > cost - 1e-7);
    }
  }
});

function costOf(
  classifier: { weights: Float32Array; biases: Float32Array },
  { values, width, labels, penalty }: { values: Float32Array; width: number; labels: number[]; penalty: number },
): number {
  const classes = classifier.biases.length;
  const count = labels.length;
  const logits = logitsOf(classifier, { values, width });
  const columns = Array.from({ length: width }, (_, i) => labels.map((_, n) => values[n * width + i]!));
  const variances = columns.map((column) => {
    const mean = column.reduce((a, b) => a + b, 0) / count;
    return column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  });
  const loss = labels.map((label, n) => {
    const row = [...logits.subarray(n * classes, (n + 1) * classes)];
    return Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[label]!;
  });
  // The penalty is on weights of standardised features.
  const squares = classifier.weights.reduce((sum, weight, i) => sum + weight ** 2 * variances[i % width]!, 0);
  return loss.reduce((a, b) => a + b, 0) / count + (penalty / 2) * squares;
}

test("a curved valley is walked down to its lowest point", async () => {
  const objective = async (at: Float64Array) => {
    const [x, y] = at as unknown as [number, number];
    const gradient = Float64Array.of(-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x));
    return { value: 100 * (y - x * x) ** 2 + (1 - x) ** 2, gradient };
  };
  const lowest = await minimise(objective, Float64Array.of(-1.2, 1), { tolerance: 1e-9, most: 500 });
  assert.ok(Math.abs(lowest[0]! - 1) < 1e-4 && Math.abs(lowest[1]! - 1) < 1e-4, String(lowest));
});
