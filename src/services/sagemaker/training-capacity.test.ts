import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { realClock, until } from "../../serve/testing/world.ts";
import { create, ended, logOf, withData } from "./testing/training.ts";
import { coresOfJob, hasRoom } from "./training-capacity.ts";

const unlimited = { StoppingCondition: { MaxRuntimeInSeconds: 86_400 } };

test("a job's cores follow from what was asked for, never from what else runs", () => {
  const alone = { cores: 8, jobs: 1 };
  assert.equal(coresOfJob(alone, { workers: undefined }), 8);
  assert.equal(coresOfJob({ cores: 8, jobs: 3 }, { workers: undefined }), 2);
  assert.equal(coresOfJob(alone, { workers: undefined, atOnce: 4 }), 2);
  assert.equal(coresOfJob(alone, { workers: undefined, atOnce: 100 }), 1);
  assert.equal(coresOfJob(alone, { workers: "3", atOnce: 4 }), 3);
  assert.equal(coresOfJob(alone, { workers: "64" }), 8);
  assert.equal(coresOfJob(alone, { workers: "many" }), 8);
});

test("a job begins beside others only where the cores are left", () => {
  const capacity = { cores: 4, jobs: 1 };
  assert.equal(hasRoom(capacity, [2, 1], 1), true);
  assert.equal(hasRoom(capacity, [2, 1], 2), false);
  assert.equal(hasRoom(capacity, [], 9), true);
});

test("jobs that share the cores run side by side, each with its part, and the next one waits", async () => {
  const world = await withData({ trainingCapacity: { cores: 4, jobs: 2 } });
  const sagemaker = world.start();
  const [one, two] = [join(world.directory, "one"), join(world.directory, "two")];
  const meet = (own: string, other: string) =>
    `touch ${own}; while [ ! -e ${other} ]; do sleep 0.02; done; echo "cores $SM_NUM_CPUS"`;
  await create(sagemaker, "first", meet(one, two));
  await create(sagemaker, "second", meet(two, one));
  await create(sagemaker, "third", "true");
  const third = await sagemaker.ask("DescribeTrainingJob", { TrainingJobName: "third" });
  const jobs = await Promise.all(["first", "second", "third"].map((name) => ended(sagemaker, name)));
  await sagemaker.close();
  assert.equal(third.SecondaryStatus, "Pending");
  assert.deepEqual(
    jobs.map((job) => job.TrainingJobStatus),
    ["Completed", "Completed", "Completed"],
  );
  assert.deepEqual([logOf(world, "first"), logOf(world, "second")], [["cores 2"], ["cores 2"]]);
  world.forget();
});

test("MaxRuntimeInSeconds counts what the job ran before the server was restarted", async () => {
  let skippedMs = 0;
  const clock = { ...realClock, now: () => realClock.now() + skippedMs };
  const world = await withData({ clock });
  const first = world.start();
  const program = `echo running; while true; do sleep 0.05; done`;
  await create(first, "job", program, { StoppingCondition: { MaxRuntimeInSeconds: 501 } });
  await until(() => logOf(world, "job").length === 1);
  skippedMs += 500_000;
  await first.close();
  const second = world.start();
  const job = await ended(second, "job");
  await second.close();
  assert.deepEqual([job.TrainingJobStatus, job.SecondaryStatus], ["Stopped", "MaxRuntimeExceeded"]);
  world.forget();
});

test("spot training waits no longer than MaxWaitTimeInSeconds, which it needs", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const gate = join(world.directory, "gate");
  const spot = (StoppingCondition: object) => ({ EnableManagedSpotTraining: true, StoppingCondition });
  await create(sagemaker, "first", `while [ ! -e ${gate} ]; do sleep 0.02; done`);
  await create(sagemaker, "spot", "true", spot({ MaxRuntimeInSeconds: 1, MaxWaitTimeInSeconds: 1 }));
  const job = await ended(sagemaker, "spot");
  writeFileSync(gate, "");
  await ended(sagemaker, "first");
  await Promise.all([
    assert.rejects(
      create(sagemaker, "a", "true", spot({ MaxRuntimeInSeconds: 9 })),
      /It must be present and be greater/,
    ),
    assert.rejects(
      create(sagemaker, "b", "true", spot({ MaxRuntimeInSeconds: 9, MaxWaitTimeInSeconds: 8 })),
      /Invalid MaxWaitTimeInSeconds/,
    ),
    assert.rejects(
      create(sagemaker, "c", "true", { StoppingCondition: { MaxRuntimeInSeconds: 9, MaxWaitTimeInSeconds: 9 } }),
      /only be present when EnableManagedSpotTraining is true/,
    ),
  ]);
  await sagemaker.close();
  assert.deepEqual([job.TrainingJobStatus, job.SecondaryStatus], ["Stopped", "MaxWaitTimeExceeded"]);
  assert.deepEqual([job.EnableManagedSpotTraining, job.TrainingStartTime], [true, undefined]);
  world.forget();
});

test("a RetryStrategy tries a job again after a failure that is not its own, and not after one that is", async () => {
  const world = await withData();
  const put = world.blobs.put;
  let failures = 2;
  world.blobs.put = async (key, ...rest) => {
    if (key.endsWith("model.tar.gz") && failures-- > 0) throw new Error("the store is away");
    return put(key, ...rest);
  };
  const sagemaker = world.start();
  const strategy = { RetryStrategy: { MaximumRetryAttempts: 2 }, ...unlimited };
  const attempts = join(world.directory, "attempts");
  await create(sagemaker, "ours", `echo again >> ${attempts}; touch "$SM_MODEL_DIR/model"`, strategy);
  await create(sagemaker, "own", "exit 3", strategy);
  const [ours, own] = await Promise.all([ended(sagemaker, "ours"), ended(sagemaker, "own")]);
  await sagemaker.close();
  const restarts = (job: { SecondaryStatusTransitions: { Status: string }[] }) =>
    job.SecondaryStatusTransitions.filter(({ Status }) => Status === "Restarting").length;
  assert.deepEqual([ours.TrainingJobStatus, restarts(ours)], ["Completed", 2]);
  assert.deepEqual([own.TrainingJobStatus, restarts(own)], ["Failed", 0]);
  assert.deepEqual(ours.RetryStrategy, strategy.RetryStrategy);
  assert.ok(existsSync(attempts));
  world.forget();
});
