import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../kit/fault.ts";
import { hyperparameterDocumentation, parseHyperparameters } from "./hyperparameters.ts";

const three = { image_shape: "3,32,32", num_classes: "2", num_training_samples: "1000" };

function refusal(strings: Record<string, string>): string {
  try {
    parseHyperparameters({ ...three, ...strings });
  } catch (error) {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, "ValidationException");
    return error.message;
  }
  return "accepted";
}

test("the two required hyperparameters are enough, and pictures then as large as AWS has them", () => {
  const { image_shape: _, ...two } = three;
  const parsed = parseHyperparameters(two);
  assert.deepEqual(parsed.imageShape, { height: 224, width: 224 });
  assert.equal(parsed.preset, "default");
  assert.equal(parsed.epochs, undefined);
});

test("hyperparameters of the built-in algorithm are understood as its solutions give them", () => {
  const parsed = parseHyperparameters({
    ...three,
    num_layers: "18",
    epochs: "50",
    learning_rate: "0.001",
    mini_batch_size: "16",
    optimizer: "adam",
    early_stopping: "True",
    augmentation_type: "crop_color_transform",
    use_pretrained_model: "0",
    lr_scheduler_step: "10, 20",
    weight_decay: "1e-4",
    precision_dtype: "float32",
    kv_store: "device",
  });
  assert.equal(parsed.numLayers, 18);
  assert.equal(parsed.learningRate, 0.001);
  assert.equal(parsed.weightDecay, 0.0001);
  assert.equal(parsed.earlyStopping, true);
  assert.deepEqual(parsed.lrSchedulerStep, [10, 20]);
});

test("values in JSON quotes are read like those without", () => {
  assert.equal(parseHyperparameters({ ...three, optimizer: '"adam"' }).optimizer, "adam");
});

test("an unknown hyperparameter is refused by name", () => {
  assert.match(refusal({ epoch: "3" }), /'epoch' was unexpected.*Known hyperparameters: .*epochs/);
});

test("a missing required hyperparameter is refused by name", () => {
  const { num_classes: _, ...rest } = three;
  assert.throws(() => parseHyperparameters(rest), /'num_classes' is a required property/);
});

test("a malformed number is refused with its name and value", () => {
  assert.match(refusal({ epochs: "ten" }), /'ten' is not of type 'number' \(epochs\)/);
  assert.match(refusal({ epochs: "1.5" }), /'1.5' is not of type 'integer' \(epochs\)/);
  assert.match(refusal({ epochs: "0" }), /0 is less than the minimum of 1 \(epochs\)/);
  assert.match(refusal({ momentum: "2" }), /2 is greater than the maximum of 0.9999 \(momentum\)/);
});

test("what is not supported is refused, never ignored", () => {
  assert.match(refusal({ multi_label: "1", top_k: "2" }), /leave it out with multi_label=1/);
  assert.match(refusal({ multi_label: "1", rotation_labels: "1" }), /rotation_labels.*leave it out with multi_label=1/);
  assert.match(refusal({ precision_dtype: "int8" }), /'int8' is not one of \['float32', 'float16'\]/);
  assert.match(refusal({ num_layers: "19" }), /19 is not one of \[18, 34/);
  assert.match(
    refusal({ kv_store: "redis" }),
    /'redis' is not one of \['device', 'local', 'dist_sync', 'dist_async'\]/,
  );
  assert.match(refusal({ resize: "30" }), /30 is less than the sides of image_shape '3,32,32'.*\(resize\)/);
  assert.match(refusal({ epochs: "3", checkpoint_frequency: "4" }), /4 is more than epochs=3 \(checkpoint_frequency\)/);
  assert.match(refusal({ lr_scheduler_step: "20,10" }), /'20,10' is not an increasing list of epochs/);
  assert.match(refusal({ views: "3" }), /3 is not one of \[1, 2, 10\] \(views\)/);
  assert.match(refusal({ image_shape: "1,28,28" }), /1 channels are not supported/);
  assert.match(refusal({ image_shape: "32" }), /'32' is not 'channels,height,width'/);
  assert.match(refusal({ optimizer: "lamb" }), /'lamb' is not one of \['sgd', 'nag', 'adam', 'rmsprop'\]/);
  assert.match(refusal({ early_stopping: "maybe" }), /'maybe' is not one of/);
});

test("every hyperparameter is documented", () => {
  assert.ok(Object.keys(hyperparameterDocumentation).length >= 25);
  assert.ok(Object.values(hyperparameterDocumentation).every((text) => text.length > 5));
});
