import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { layoutOf } from "./network.ts";
import { residualNetwork, resnet9 } from "./networks.ts";
import { readWeights } from "./onnx/model-reader.ts";
import { oneLabel } from "./task/one-label.ts";
import { jobFolder } from "./testing/job-folder.ts";
import { runJob } from "./testing/run-job.ts";
import { lessonOf, logitsOfTurns, withoutTurns } from "./turns.ts";

test("a network that sees no turned pictures learns what it is asked", () => {
  const [network, task] = [resnet9(3), oneLabel(3)];
  const lesson = lessonOf(network, task, 1);
  assert.equal(lesson.network, network);
  assert.equal(lesson.task, task);
  assert.deepEqual(lesson.rowOf([2], 0), [2]);
});

test("every class has an outcome of its own for each turn, those of pictures as they are first", () => {
  const { network, task, rowOf } = lessonOf(resnet9(3), oneLabel(3), 4);
  assert.deepEqual([network.classes, task.outcomes], [12, 12]);
  const rows = [0, 1, 2, 3].flatMap((turn) => [0, 1, 2].map((label) => rowOf([label], turn)[0]));
  assert.deepEqual(rows, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("what stays of a lesson is everything but the outputs for turned pictures", () => {
  for (const network of [resnet9(3), residualNetwork(20, 3)]) {
    const trained = layoutOf(lessonOf(network, oneLabel(3), 4).network);
    const kept = layoutOf(network);
    const numbers = Float32Array.from({ length: trained.total }, (_, i) => i);
    const left = withoutTurns(numbers, trained, kept);
    assert.equal(left.length, kept.total);
    for (const { name, offset, size } of kept.parameters) {
      const from = trained.parameters.find((one) => one.name === name)!.offset;
      assert.deepEqual(left.subarray(offset, offset + size), numbers.subarray(from, from + size), name);
    }
  }
});

test("a picture is scored by the outputs of the turn that it was shown with", () => {
  const logits = Float32Array.from({ length: 16 }, (_, i) => i);
  assert.deepEqual([...logitsOfTurns(logits, [2, 0], 2)], [4, 5, 8, 9]);
});

const small = {
  image_shape: "3,16,16",
  num_classes: "2",
  num_training_samples: "80",
  epochs: "20",
  mini_batch_size: "64",
  checkpoint_frequency: "10",
};

test("a model that learned from turned pictures has an output for each class, as those stored on the way have", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 80);
  folder.pictures("validation", 40);
  folder.hyperparameters({ ...small, rotation_labels: "True", ensemble_size: "2" });
  const { code, lines, text } = await runJob(folder, { cores: 4 });
  assert.equal(code, 0, text);
  const model = (name: string) => readWeights(readFileSync(join(folder.prefix, "model", name)));
  for (const name of ["model.onnx", "image-classification-0010.onnx"]) {
    assert.deepEqual(model(name).get("head")!.shape, [2, 128], name);
    assert.deepEqual(model(name).get("head.bias")!.shape, [2], name);
  }
  assert.ok(lines.includes("rotation_labels: true"));
  const { validation } = JSON.parse(readFileSync(join(folder.prefix, "model/metrics/evaluation.json"), "utf8"));
  assert.ok(validation.accuracy >= 0.9, `${validation.accuracy}`);
});
