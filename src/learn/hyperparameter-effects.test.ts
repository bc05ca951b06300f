import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHyperparameters } from "./hyperparameters.ts";
import { learningRateAt, planOf } from "./recipe.ts";

// Every hyperparameter of AWS's algorithm that changes how is trained, as the plan of the training shows it. Those that change the data or
// the end of a job are tested with whole jobs.

const circumstances = { pictures: 1000, cores: 4, block: 8, member: 0 };
const plan = (strings: Record<string, string>) =>
  planOf(
    parseHyperparameters({ image_shape: "3,32,32", num_classes: "2", num_training_samples: "1000", ...strings }),
    circumstances,
  );

test("epochs and mini_batch_size", () => {
  const { epochs, batch, stepsPerEpoch } = plan({ epochs: "7", mini_batch_size: "32" });
  // As on AWS the pictures that do not fill a batch wait for another epoch.
  assert.deepEqual([epochs, batch, stepsPerEpoch], [7, 32, 31]);
});

test("learning_rate, lr_scheduler_step and lr_scheduler_factor", () => {
  const made = plan({ learning_rate: "0.4", lr_scheduler_step: "5,8", lr_scheduler_factor: "0.5", epochs: "10" });
  const rates = [0, 0.49, 0.5, 0.79, 0.8, 0.99].map((progress) => learningRateAt(progress, made));
  assert.deepEqual(rates, [0.4, 0.4, 0.2, 0.2, 0.1, 0.1]);
  // Without steps the factor has nothing to do, as on AWS.
  assert.equal(plan({ learning_rate: "0.4", lr_scheduler_factor: "0.5" }).schedule.kind, "cosine");
});

test("optimizer with momentum, weight_decay, beta_1, beta_2, eps and gamma", () => {
  const given = { momentum: "0.8", weight_decay: "0.01", beta_1: "0.85", beta_2: "0.95", eps: "1e-6", gamma: "0.7" };
  for (const name of ["sgd", "nag", "adam", "rmsprop"] as const) {
    assert.deepEqual(plan({ optimizer: name, ...given }).optimizer, {
      name,
      momentum: 0.8,
      weightDecay: 0.01,
      beta1: 0.85,
      beta2: 0.95,
      eps: 1e-6,
      gamma: 0.7,
    });
  }
});

test("augmentation_type changes more with every name", () => {
  const changes = ["none", "crop", "crop_color", "crop_color_transform"].map((augmentation_type) => {
    const { flip, shift, brightness, rotationDegrees, cutout } = plan({ augmentation_type }).augmentation;
    return [flip, shift > 0, brightness > 0, rotationDegrees > 0, cutout > 0];
  });
  assert.deepEqual(changes, [
    [false, false, false, false, false],
    [true, true, false, false, false],
    [true, true, true, false, false],
    [true, true, true, true, false],
  ]);
});

test("num_layers, at every depth that AWS has and at any size", () => {
  const depths = ["18", "34", "50", "101", "152", "200", "20", "32", "44", "56", "110"];
  for (const num_layers of depths) assert.equal(plan({ num_layers }).network.name, `resnet${num_layers}`);
  const large = { num_layers: "18", image_shape: "3,128,96", max_image_side: "128" };
  const { network, height, width } = plan(large);
  assert.deepEqual([network.name, height, width], ["resnet18-large", 128, 96]);
});

test("early_stopping with its epochs, patience and tolerance; top_k", () => {
  assert.equal(plan({}).earlyStopping, undefined);
  assert.equal(plan({}).selectedBy, undefined);
  assert.equal(plan({ early_stopping: "1" }).selectedBy, "heldOut");
  assert.equal(plan({ early_stopping: "1", select_by_validation: "True" }).selectedBy, "validation");
  assert.deepEqual(plan({ early_stopping: "1" }).earlyStopping, { minEpochs: 10, patience: 10, tolerance: 0.01 });
  const given = { early_stopping_min_epochs: "3", early_stopping_patience: "4", early_stopping_tolerance: "0.2" };
  assert.deepEqual(plan({ early_stopping: "True", ...given }).earlyStopping, {
    minEpochs: 3,
    patience: 4,
    tolerance: 0.2,
  });
  assert.equal(plan({ top_k: "2" }).topK, 2);
});
