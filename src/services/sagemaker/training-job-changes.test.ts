import assert from "node:assert/strict";
import { test } from "node:test";
import { create, ended, withData } from "./testing/training.ts";

test("a job is deleted once it has ended; its model stays, and its name is free again", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const waiting = 'while [ ! -e "$SCONES_ML_PREFIX/model/go" ]; do sleep 0.05; done';
  await create(sagemaker, "again", waiting);
  await assert.rejects(sagemaker.ask("DeleteTrainingJob", { TrainingJobName: "again" }), { code: "ResourceInUse" });
  await sagemaker.ask("StopTrainingJob", { TrainingJobName: "again" });
  await ended(sagemaker, "again");
  await sagemaker.ask("DeleteTrainingJob", { TrainingJobName: "again" });
  await assert.rejects(sagemaker.ask("DeleteTrainingJob", { TrainingJobName: "again" }), { code: "ResourceNotFound" });
  await assert.rejects(sagemaker.ask("DescribeTrainingJob", { TrainingJobName: "again" }));
  await create(sagemaker, "again", 'echo trained > "$SCONES_ML_PREFIX/model/file"');
  assert.equal((await ended(sagemaker, "again")).TrainingJobStatus, "Completed");
  await sagemaker.ask("DeleteTrainingJob", { TrainingJobName: "again" });
  await sagemaker.close();
  assert.ok(world.blobs.contents.has("out/models/again/output/model.tar.gz"));
});

test("what is asked of the profiler of a running job is kept and shown", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const TrainingJobName = "profiled";
  await create(sagemaker, TrainingJobName, "sleep 30");
  const ProfilerConfig = { DisableProfiler: true };
  await sagemaker.ask("UpdateTrainingJob", { TrainingJobName, ProfilerConfig });
  assert.deepEqual((await sagemaker.ask("DescribeTrainingJob", { TrainingJobName })).ProfilerConfig, ProfilerConfig);
  await sagemaker.ask("StopTrainingJob", { TrainingJobName });
  await ended(sagemaker, TrainingJobName);
  await assert.rejects(sagemaker.ask("UpdateTrainingJob", { TrainingJobName, ProfilerConfig }), {
    code: "ValidationException",
  });
  await sagemaker.close();
});
