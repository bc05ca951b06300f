import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { create, ended, unpacked, withData } from "./testing/training.ts";

const checkpointed = { CheckpointConfig: { S3Uri: "s3://out/checkpoints/job" } };

test("checkpoints are stored where CheckpointConfig says, and a later job finds them", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const program = `cd "$SCONES_ML_PREFIX/checkpoints"; cat state > ../model/found 2>/dev/null || echo none > ../model/found
    mkdir -p deep; echo one > state; echo two > deep/state; echo half > torn.draft`;
  await create(sagemaker, "first", program, checkpointed);
  await ended(sagemaker, "first");
  const text = (key: string) => Buffer.from(world.blobs.contents.get(key) ?? []).toString();
  assert.equal(text("out/checkpoints/job/state"), "one\n");
  assert.equal(text("out/checkpoints/job/deep/state"), "two\n");
  assert.ok(!world.blobs.contents.has("out/checkpoints/job/torn.draft"));
  await create(sagemaker, "second", program, checkpointed);
  await ended(sagemaker, "second");
  const folder = await unpacked(world, "out/models/second/output/model.tar.gz");
  await sagemaker.close();
  assert.equal(readFileSync(join(folder, "found"), "utf8"), "one\n");
  assert.deepEqual(world.problems, []);
  world.forget();
});

test("checkpoints are stored also when the program fails", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "job", `echo half > "$SCONES_ML_PREFIX/checkpoints/state"; exit 1`, checkpointed);
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.equal(job.TrainingJobStatus, "Failed");
  assert.ok(world.blobs.contents.has("out/checkpoints/job/state"));
  world.forget();
});

test("a program that is killed goes on from its checkpoints, in the same log", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(
    sagemaker,
    "job",
    `cd "$SCONES_ML_PREFIX"
    if [ -e checkpoints/half ]; then cp checkpoints/half model/; exit 0; fi
    echo half > checkpoints/half; kill -9 $$`,
  );
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.equal(job.TrainingJobStatus, "Completed");
  const restarted = job.SecondaryStatusTransitions.find((one: { Status: string }) => one.Status === "Restarting");
  assert.equal(restarted.StatusMessage, "The training program was killed: it goes on from its last checkpoint");
  assert.equal(world.logs.streams("/aws/sagemaker/TrainingJobs", "job/").length <= 1, true);
  world.forget();
});

test("a program that is killed again and again is given up", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "job", `cd "$SCONES_ML_PREFIX/checkpoints"; echo x >> tries; kill -9 $$`, checkpointed);
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.match(job.FailureReason, /the program was killed, often for using more memory than there is/);
  assert.equal(Buffer.from(world.blobs.contents.get("out/checkpoints/job/tries") ?? []).toString(), "x\n".repeat(4));
  world.forget();
});

test("checkpoints elsewhere than in /opt/ml/checkpoints are refused", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await assert.rejects(
    create(sagemaker, "job", "true", { CheckpointConfig: { S3Uri: "s3://out/c", LocalPath: "/tmp/c" } }),
    /CheckpointConfig\.LocalPath is \/tmp\/c/,
  );
  await sagemaker.close();
  world.forget();
});
