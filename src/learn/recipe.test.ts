import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHyperparameters } from "./hyperparameters.ts";
import { groupFor, learningRateAt, planOf } from "./recipe.ts";

const three = { image_shape: "3,32,32", num_classes: "2", num_training_samples: "1000" };
const planFor = (strings: Record<string, string>, block = 16) =>
  planOf(parseHyperparameters({ ...three, ...strings }), { pictures: 900, cores: 4, block, member: 0 });

test("four cores share a batch of 64 in whole blocks", () => {
  const plan = planFor({});
  assert.deepEqual([plan.workers, plan.group, plan.block], [4, 16, 16]);
});

test("a batch is computed in groups of 16 to 32 pictures, in whole blocks", () => {
  assert.equal(groupFor(48, { workers: 4, block: 16 }), 16);
  assert.equal(groupFor(32, { workers: 4, block: 16 }), 16);
  assert.equal(groupFor(96, { workers: 4, block: 8 }), 24);
  assert.equal(groupFor(64, { workers: 48, block: 8 }), 16);
  assert.equal(groupFor(128, { workers: 1, block: 16 }), 32);
});

test("a large batch is computed in larger groups, since each has gradients of its own in memory", () => {
  assert.equal(groupFor(1024, { workers: 4, block: 16 }), 128);
});

test("up to four cores compute the same groups", () => {
  const groups = [1, 2, 3, 4].map((workers) => planFor({ workers: String(workers) }).group);
  assert.deepEqual(groups, [16, 16, 16, 16]);
});

test("a batch that is no multiple of the block never reaches the blocked convolutions", () => {
  const plan = planFor({ mini_batch_size: "50" });
  assert.deepEqual([plan.workers, plan.group, plan.block], [2, 25, 0]);
});

test("a batch of more pictures than there are is refused before it takes their memory", () => {
  assert.throws(() => planFor({ mini_batch_size: "8192" }), /mini_batch_size=8192 is more than the 900 pictures/);
  assert.equal(planFor({ mini_batch_size: "900" }).batch, 900);
});

test("a set of a hundred pictures is passed over often enough to learn from it, also in a hurry", () => {
  const asked = parseHyperparameters({ ...three, preset: "fast" });
  const epochs = [90, 900, 9000].map((pictures) => planOf(asked, { pictures, cores: 4, block: 16, member: 0 }).epochs);
  assert.deepEqual(epochs, [150, 40, 6]);
});

test("networks of one job, and of jobs with neighbouring seeds, have nothing random in common", () => {
  const seeds = ["1", "2"].flatMap((seed) => {
    const asked = parseHyperparameters({ ...three, preset: "best", seed });
    return [0, 1, 2].map((member) => planOf(asked, { pictures: 900, cores: 4, block: 16, member }).seed);
  });
  assert.equal(new Set(seeds).size, 6);
  assert.deepEqual([seeds[0], seeds[3]], [1, 2]);
});

test("several networks share the seconds that they were given", () => {
  const plan = planFor({ ensemble_size: "4", max_seconds: "100" });
  assert.deepEqual([plan.members, plan.maxSeconds], [4, 25]);
});

test("a training of more pictures decays the weights less at each step, and as much in all", () => {
  const decayOf = (epochs: string) => planFor({ epochs }).optimizer.weightDecay;
  assert.equal(decayOf("150"), 0.005);
  assert.equal(decayOf("600"), 0.005 / 4);
  assert.equal(decayOf("10"), 0.005);
  assert.equal(planFor({ optimizer: "adam" }).optimizer.weightDecay, 0.0005);
});

test("what is given explicitly is what is run", () => {
  const plan = planFor({
    epochs: "7",
    optimizer: "adam",
    learning_rate: "0.01",
    num_layers: "20",
    augmentation_type: "crop",
  });
  assert.equal(plan.epochs, 7);
  assert.equal(plan.optimizer.name, "adam");
  assert.equal(plan.network.name, "resnet20");
  assert.equal(plan.augmentation.cutout, 0);
  assert.deepEqual(plan.schedule, { kind: "cosine", peak: 0.01, warmUp: 0.15 });
});

test("pictures larger than max_image_side are trained on at that side, in their proportions", () => {
  const plan = planFor({ image_shape: "3,224,112" });
  assert.deepEqual([plan.height, plan.width], [64, 32]);
  assert.equal(planFor({ image_shape: "3,224,112", max_image_side: "224" }).width, 112);
});

test("the learning rate rises, then falls to nothing", () => {
  const plan = planFor({ epochs: "100", learning_rate: "1" });
  assert.ok(learningRateAt(0, plan) < 0.01);
  assert.ok(Math.abs(learningRateAt(0.15, plan) - 1) < 0.01);
  assert.ok(learningRateAt(0.999, plan) < 0.001);
});

test("a learning rate with steps is multiplied at the epochs given", () => {
  const plan = planFor({ lr_scheduler_step: "2,4", lr_scheduler_factor: "0.5", learning_rate: "1" });
  const rates = [0, 2, 4].map((epoch) =>
    learningRateAt((epoch * plan.stepsPerEpoch) / (150 * plan.stepsPerEpoch), plan),
  );
  assert.deepEqual(rates, [1, 0.5, 0.25]);
});

test("pictures are turned where the recipe is left alone and passes over them often enough", () => {
  const turns = (asked: Record<string, string>) => planFor(asked).turns;
  assert.deepEqual([turns({}), turns({ preset: "best" }), turns({ epochs: "120" })], [4, 4, 4]);
  assert.deepEqual([turns({ epochs: "119" }), turns({ preset: "fast" }), turns({ num_layers: "20" })], [1, 1, 1]);
  assert.deepEqual([turns({ augmentation_type: "crop" }), turns({ multi_label: "1" })], [1, 1]);
  assert.deepEqual([turns({ rotation_labels: "False" }), turns({ rotation_labels: "True", epochs: "5" })], [1, 4]);
});
