import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ModelManifest } from "../ports/model-package.ts";
import type { MultiLabelEvaluation } from "./evaluation.ts";
import { barsPicture, type JobFolder, jobFolder } from "./testing/job-folder.ts";
import { runJob, runUntil } from "./testing/run-job.ts";

// Whole jobs on pictures that show a lying bar, a standing one, both or none.

const small = {
  image_shape: "3,24,24",
  num_classes: "2",
  num_training_samples: "120",
  epochs: "2",
  mini_batch_size: "32",
  workers: "2",
  multi_label: "1",
};

function folderWith(context: TestContext, hyperparameters: Record<string, string> = {}): JobFolder {
  const folder = jobFolder(context);
  folder.multiLabelPictures("train", 120);
  folder.multiLabelPictures("validation", 40);
  folder.hyperparameters({ ...small, ...hyperparameters });
  return folder;
}

const jsonOf = <T>({ prefix }: JobFolder, path: string) => JSON.parse(readFileSync(join(prefix, path), "utf8")) as T;
const evaluationOf = (folder: JobFolder) => jsonOf<MultiLabelEvaluation>(folder, "model/metrics/evaluation.json");
const manifestOf = (folder: JobFolder) => jsonOf<ModelManifest>(folder, "model/model.json");
const failureOf = ({ prefix }: JobFolder) => readFileSync(join(prefix, "output/failure"), "utf8");

test("a job learns to say of every class whether it is there", async (context) => {
  const folder = folderWith(context, { epochs: "24" });
  const { code, lines, text } = await runJob(folder);
  assert.equal(code, 0, text);
  const evaluation = evaluationOf(folder);
  assert.ok(evaluation.validation!.accuracy >= 0.9, JSON.stringify(evaluation.validation));
  assert.ok(evaluation.validation!.exactMatch >= 0.8, JSON.stringify(evaluation.validation));
  assert.deepEqual(
    [evaluation.task, evaluation.train.pictures + evaluation.heldOut!.pictures, "guarantees" in evaluation],
    ["multi_label", 120, false],
  );
  assert.deepEqual(manifestOf(folder).output, { name: "probabilities", kind: "probabilities", isMultiLabel: true });
  assert.ok(lines.includes("Of 120 training pictures so many show each class: 0 60, 1 60."), text);
  assert.match(text, /\d+ of 80 labels of 40 validation pictures are right: an accuracy between/);
  assert.match(text, /Not measured: confusion matrix/);
});

test("several networks and views are one model, and one or two workers give the same, to the last bit", async (context) => {
  const digests: string[] = [];
  for (const workers of ["1", "2"]) {
    const folder = folderWith(context, { ensemble_size: "2", views: "10", mini_batch_size: "64", workers });
    assert.equal((await runJob(folder)).code, 0);
    digests.push(manifestOf(folder).model.sha256);
  }
  assert.equal(digests[0], digests[1]);
});

test("use_weighted_loss finds more of a rare class", async (context) => {
  const recalls: number[] = [];
  for (const use_weighted_loss of ["0", "1"]) {
    const folder = folderWith(context, { use_weighted_loss, epochs: "6" });
    // One picture of ten has a standing bar.
    const rows = Array.from({ length: 120 }, (_, i) => `${i}\t${i % 2}\t${i % 10 === 0 ? 1 : 0}\t${i}.png`);
    rows.forEach((_, i) => {
      const shown = [i % 2 === 1 ? 0 : undefined, i % 10 === 0 ? 1 : undefined].filter((label) => label !== undefined);
      folder.write(`input/data/train/${i}.png`, barsPicture(shown, i));
    });
    folder.write("input/data/train_lst/train.lst", rows.join("\n"));
    const { code, text } = await runJob(folder);
    assert.equal(code, 0, text);
    assert.equal(
      /presence and absence count 0 1\.00 and 1\.00, 1 5\.00 and 0\.56\./.test(text),
      use_weighted_loss === "1",
    );
    recalls.push(evaluationOf(folder).validation!.perClass[1]!.recall!);
  }
  assert.ok(recalls[1]! > recalls[0]!, recalls.join(" and "));
});

test("early stopping, checkpoints and a network of 20 layers are honoured", async (context) => {
  const folder = folderWith(context, {
    num_layers: "20",
    optimizer: "adam",
    epochs: "6",
    checkpoint_frequency: "1",
    early_stopping: "True",
    early_stopping_min_epochs: "1",
    early_stopping_patience: "1",
    early_stopping_tolerance: "1",
  });
  assert.equal((await runJob(folder)).code, 0);
  assert.match(evaluationOf(folder).selection, /selected by the held-out pictures/);
  assert.ok(readdirSync(join(folder.prefix, "model")).includes("image-classification-0001.onnx"));
});

test("a training that was killed goes on to the very same model", { timeout: 120_000 }, async (context) => {
  const asked = { epochs: "6", checkpoint_frequency: "2", use_weighted_loss: "1" };
  const [whole, killed] = [folderWith(context, asked), folderWith(context, asked)];
  await runJob(whole);
  await runUntil(killed, { said: "Epoch[3] Train", signal: "SIGKILL" });
  assert.ok(!existsSync(join(killed.prefix, "model/model.json")));
  assert.match((await runJob(killed)).text, /Resuming from the checkpoint after epoch/);
  assert.equal(manifestOf(killed).model.sha256, manifestOf(whole).model.sha256);
});

test("what a model of one label knows is a beginning for one of several", async (context) => {
  const first = jobFolder(context);
  first.pictures("train", 80);
  first.hyperparameters({ ...small, multi_label: "0", num_training_samples: "80" });
  assert.equal((await runJob(first)).code, 0);
  const second = folderWith(context, { use_pretrained_model: "1" });
  mkdirSync(join(second.prefix, "input/data/model"), { recursive: true });
  for (const name of ["model.json", "model.onnx"])
    copyFileSync(join(first.prefix, "model", name), join(second.prefix, "input/data/model", name));
  const { code, text } = await runJob(second);
  assert.equal(code, 0, text);
  assert.equal(manifestOf(second).output.isMultiLabel, true);
});

test("what chooses between classes is refused with multi_label=1", async (context) => {
  const refusalOf = async (strings: Record<string, string>) => {
    const folder = folderWith(context, strings);
    assert.equal((await runJob(folder)).code, 1);
    return failureOf(folder);
  };
  const head = /^ClientError: Unable to initialize the algorithm\. Failed to validate hyperparameters\./;
  const refusals = [await refusalOf({ top_k: "2" }), await refusalOf({ balance_classes: "True" })];
  for (const refusal of refusals) assert.match(refusal, head);
  assert.match(refusals[0]!, /top_k is the rank of a picture's one class/);
  assert.match(refusals[1]!, /give use_weighted_loss=1 instead/);
  assert.match(
    await refusalOf({ num_classes: "3" }),
    /ClientError: .*line 1 of train\.lst has 4 columns separated by tabs, not 5 \(index, 3 labels, file\)/,
  );
});
