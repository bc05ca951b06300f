import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "../../../serve/testing/world.ts";
import { withData } from "../testing/training.ts";

// The training programs here are small scripts for `sh`, which report an objective that is made of their hyperparameters.

type Running = ReturnType<Awaited<ReturnType<typeof withData>>["start"]>;

const reportQuality = 'echo "quality=$SM_HP_QUALITY"';

function definition(program: string, changes: object = {}) {
  return {
    StaticHyperParameters: { epochs: "2" },
    AlgorithmSpecification: {
      TrainingImage: `process:${program}`,
      TrainingInputMode: "File",
      MetricDefinitions: [{ Name: "quality", Regex: "quality=([0-9.]+)" }],
    },
    OutputDataConfig: { S3OutputPath: "s3://out/models/" },
    ResourceConfig: { InstanceCount: 1, InstanceType: "ml.p3.2xlarge", VolumeSizeInGB: 30 },
    RoleArn: "arn:aws:iam::123456789012:role/scones",
    StoppingCondition: { MaxRuntimeInSeconds: 86400 },
    ...changes,
  };
}

const quality = { ContinuousParameterRanges: [{ Name: "quality", MinValue: "0", MaxValue: "1" }] };

function createTuning(
  { ask }: Running,
  name: string,
  { config = {}, ...changes }: { config?: object; [member: string]: unknown } = {},
) {
  return ask("CreateHyperParameterTuningJob", {
    HyperParameterTuningJobName: name,
    HyperParameterTuningJobConfig: {
      Strategy: "Random",
      HyperParameterTuningJobObjective: { Type: "Maximize", MetricName: "quality" },
      ResourceLimits: { MaxNumberOfTrainingJobs: 3, MaxParallelTrainingJobs: 1 },
      ParameterRanges: quality,
      RandomSeed: 1,
      ...config,
    },
    TrainingJobDefinition: definition(reportQuality),
    ...changes,
  });
}

async function ended({ ask }: Running, HyperParameterTuningJobName: string) {
  for (const limit = Date.now() + 20_000; Date.now() < limit; await settled()) {
    const job = await ask("DescribeHyperParameterTuningJob", { HyperParameterTuningJobName });
    if (job.HyperParameterTuningEndTime !== undefined) return job;
  }
  throw new Error(`the tuning job ${HyperParameterTuningJobName} did not end`);
}

async function trials({ ask }: Running, HyperParameterTuningJobName: string, options: object = {}) {
  const asked = { HyperParameterTuningJobName, MaxResults: 100, ...options };
  return (await ask("ListTrainingJobsForHyperParameterTuningJob", asked)).TrainingJobSummaries;
}

test("a tuning job tries what it was asked for and names the best", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await createTuning(sagemaker, "tune");
  const job = await ended(sagemaker, "tune");
  const byObjective = await trials(sagemaker, "tune", {
    SortBy: "FinalObjectiveMetricValue",
    SortOrder: "Descending",
  });
  const training = await sagemaker.ask("DescribeTrainingJob", { TrainingJobName: byObjective[0].TrainingJobName });
  const listed = await sagemaker.ask("ListHyperParameterTuningJobs", { StatusEquals: "Completed" });
  await sagemaker.close();
  assert.equal(job.HyperParameterTuningJobStatus, "Completed");
  assert.deepEqual(job.TrainingJobStatusCounters, {
    Completed: 3,
    InProgress: 0,
    RetryableError: 0,
    NonRetryableError: 0,
    Stopped: 0,
  });
  assert.deepEqual(job.ObjectiveStatusCounters, { Succeeded: 3, Pending: 0, Failed: 0 });
  assert.equal(job.BestTrainingJob.TrainingJobName, byObjective[0].TrainingJobName);
  assert.match(job.BestTrainingJob.TrainingJobName, /^tune-00[123]-[0-9a-f]{8}$/);
  assert.deepEqual(job.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric, {
    Type: "Maximize",
    MetricName: "quality",
    Value: Number(job.BestTrainingJob.TunedHyperParameters.quality),
  });
  assert.deepEqual(training.HyperParameters, {
    epochs: "2",
    quality: byObjective[0].TunedHyperParameters.quality,
    _tuning_objective_metric: "quality",
  });
  assert.equal(training.TuningJobArn, job.HyperParameterTuningJobArn);
  assert.deepEqual(job.TrainingJobDefinition.StaticHyperParameters, {
    epochs: "2",
    _tuning_objective_metric: "quality",
  });
  assert.equal(listed.HyperParameterTuningJobSummaries[0].HyperParameterTuningJobName, "tune");
  assert.ok(
    world.events.some(
      ({ detailType, detail }) =>
        detailType === "SageMaker HyperParameter Tuning Job State Change" &&
        (detail as { HyperParameterTuningJobStatus: string }).HyperParameterTuningJobStatus === "Completed",
    ),
  );
  assert.deepEqual(world.problems, []);
  world.forget();
});

test("a definition is shown as whoever attaches to a tuning job reads it", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await createTuning(sagemaker, "tune", {
    config: { HyperParameterTuningJobObjective: { Type: "Maximize", MetricName: "builtin:metric" } },
    TrainingJobDefinition: definition("", {
      AlgorithmSpecification: { TrainingImage: "image-classification:1", TrainingInputMode: "File" },
      ResourceConfig: undefined,
      HyperParameterTuningResourceConfig: { InstanceCount: 1, InstanceType: "ml.m5.xlarge", VolumeSizeInGB: 30 },
    }),
  });
  const { TrainingJobDefinition: shown } = await ended(sagemaker, "tune");
  await sagemaker.close();
  assert.deepEqual(shown.ResourceConfig, { InstanceCount: 1, InstanceType: "ml.m5.xlarge", VolumeSizeInGB: 30 });
  assert.deepEqual(shown.AlgorithmSpecification.MetricDefinitions, [
    { Name: "builtin:metric", Regex: "metric (\\d+)" },
  ]);
  assert.equal(shown.StaticHyperParameters._tuning_objective_metric, "builtin:metric");
  world.forget();
});

test("trials run side by side, as many as may and each with its part of the cores", async () => {
  const world = await withData({ trainingCapacity: { cores: 4, jobs: 1 } });
  const sagemaker = world.start();
  // Each waits until it is one of two.
  const program = `
    touch "${world.directory}/began-$SM_JOB_NAME"
    while [ "$(ls "${world.directory}" | grep -c ^began-)" -lt 2 ]; do sleep 0.02; done
    echo "cores=$SM_NUM_CPUS"`;
  await createTuning(sagemaker, "tune", {
    config: {
      ResourceLimits: { MaxNumberOfTrainingJobs: 2, MaxParallelTrainingJobs: 2 },
      HyperParameterTuningJobObjective: { Type: "Maximize", MetricName: "cores" },
    },
    TrainingJobDefinition: definition(program, {
      AlgorithmSpecification: {
        TrainingImage: `process:${program}`,
        TrainingInputMode: "File",
        MetricDefinitions: [{ Name: "cores", Regex: "cores=([0-9]+)" }],
      },
    }),
  });
  const job = await ended(sagemaker, "tune");
  const all = await trials(sagemaker, "tune");
  await sagemaker.close();
  assert.equal(job.TrainingJobStatusCounters.Completed, 2);
  const cores = (trial: { FinalHyperParameterTuningJobObjectiveMetric: { Value: number } }) =>
    trial.FinalHyperParameterTuningJobObjectiveMetric.Value;
  assert.deepEqual(all.map(cores), [2, 2]);
  world.forget();
});

test("a grid tries every combination", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await createTuning(sagemaker, "grid", {
    config: {
      Strategy: "Grid",
      ResourceLimits: { MaxParallelTrainingJobs: 4 },
      ParameterRanges: {
        CategoricalParameterRanges: [
          { Name: "quality", Values: ["0.1", "0.3"] },
          { Name: "optimizer", Values: ["sgd", "adam"] },
        ],
      },
    },
    // As the SageMaker SDK sends it.
    TrainingJobDefinition: definition(reportQuality, {
      ResourceConfig: undefined,
      HyperParameterTuningResourceConfig: {
        VolumeSizeInGB: 30,
        InstanceConfigs: [{ InstanceType: "ml.p3.2xlarge", InstanceCount: 1, VolumeSizeInGB: 30 }],
      },
    }),
  });
  const job = await ended(sagemaker, "grid");
  const tried = (await trials(sagemaker, "grid")).map(({ TunedHyperParameters }: { TunedHyperParameters: object }) =>
    Object.values(TunedHyperParameters).join(" "),
  );
  await sagemaker.close();
  assert.equal(job.HyperParameterTuningJobStatus, "Completed");
  assert.deepEqual(tried, ["0.1 sgd", "0.1 adam", "0.3 sgd", "0.3 adam"]);
  assert.equal(job.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value, 0.3);
  world.forget();
});

test("a smaller objective is better when it is minimized, and a reached target ends the search", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await createTuning(sagemaker, "least", {
    config: {
      HyperParameterTuningJobObjective: { Type: "Minimize", MetricName: "quality" },
      ResourceLimits: { MaxNumberOfTrainingJobs: 50, MaxParallelTrainingJobs: 1 },
      TuningJobCompletionCriteria: { TargetObjectiveMetricValue: 0.4 },
    },
  });
  const job = await ended(sagemaker, "least");
  const tried = await trials(sagemaker, "least");
  await sagemaker.close();
  assert.equal(job.HyperParameterTuningJobStatus, "Completed");
  assert.ok(job.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value <= 0.4);
  assert.ok(tried.length < 50, `${tried.length} were tried`);
  world.forget();
});

test("a tuning job goes on after a restart and starts no trial twice", async () => {
  const world = await withData();
  const first = world.start();
  const slow = `sleep 0.1; ${reportQuality}`;
  await createTuning(first, "again", { TrainingJobDefinition: definition(slow) });
  for (let started = 0; started < 2; await settled()) started = (await trials(first, "again")).length;
  await first.close();
  const second = world.start();
  const job = await ended(second, "again");
  const names = (await trials(second, "again")).map((one: { TrainingJobName: string }) => one.TrainingJobName);
  await second.close();
  assert.equal(job.HyperParameterTuningJobStatus, "Completed");
  assert.equal(names.length, 3);
  assert.deepEqual(
    names.map((name: string) => name.split("-")[1]),
    ["001", "002", "003"],
  );
  world.forget();
});

test("a stopped tuning job stops what runs and starts nothing more", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await createTuning(sagemaker, "halt", { TrainingJobDefinition: definition("exec sleep 60") });
  for (let started = 0; started < 1; await settled()) started = (await trials(sagemaker, "halt")).length;
  await sagemaker.ask("StopHyperParameterTuningJob", { HyperParameterTuningJobName: "halt" });
  const stopping = await sagemaker.ask("DescribeHyperParameterTuningJob", { HyperParameterTuningJobName: "halt" });
  const job = await ended(sagemaker, "halt");
  const again = sagemaker.ask("StopHyperParameterTuningJob", { HyperParameterTuningJobName: "halt" });
  await assert.rejects(again, /in status Stopped/);
  await sagemaker.close();
  assert.equal(stopping.HyperParameterTuningJobStatus, "Stopping");
  assert.equal(job.HyperParameterTuningJobStatus, "Stopped");
  assert.equal(job.TrainingJobStatusCounters.Stopped, 1);
  world.forget();
});

test("a tuning job whose trials all fail says so", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await createTuning(sagemaker, "bad", { TrainingJobDefinition: definition("exit 3") });
  const job = await ended(sagemaker, "bad");
  await sagemaker.close();
  assert.equal(job.HyperParameterTuningJobStatus, "Failed");
  assert.match(job.FailureReason, /^No training job succeeded after 3 attempts\./);
  assert.equal(job.TrainingJobStatusCounters.NonRetryableError, 3);
  world.forget();
});

test("a trial that is worse than the others at the same epoch is stopped early", async () => {
  const world = await withData();
  const sagemaker = world.start();
  // The last one would report bad values for a minute.
  const program = `if [ "$SM_HP_QUALITY" = 0.1 ]; then echo quality=0.1; sleep 60; else echo quality=0.8; echo quality=0.9; fi`;
  await createTuning(sagemaker, "early", {
    TrainingJobDefinition: definition(program),
    config: {
      Strategy: "Grid",
      TrainingJobEarlyStoppingType: "Auto",
      ResourceLimits: { MaxParallelTrainingJobs: 1 },
      ParameterRanges: { CategoricalParameterRanges: [{ Name: "quality", Values: ["0.7", "0.8", "0.1"] }] },
    },
  });
  const job = await ended(sagemaker, "early");
  await sagemaker.close();
  assert.equal(job.HyperParameterTuningJobStatus, "Completed");
  assert.equal(job.TrainingJobStatusCounters.Completed, 2);
  assert.equal(job.TrainingJobStatusCounters.Stopped, 1);
  world.forget();
});

test("a warm start counts the trials of its parents", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await createTuning(sagemaker, "parent");
  const parent = await ended(sagemaker, "parent");
  await createTuning(sagemaker, "child", {
    config: { RandomSeed: 2, ResourceLimits: { MaxNumberOfTrainingJobs: 1, MaxParallelTrainingJobs: 1 } },
    WarmStartConfig: {
      ParentHyperParameterTuningJobs: [{ HyperParameterTuningJobName: "parent" }],
      WarmStartType: "IdenticalDataAndAlgorithm",
    },
    TrainingJobDefinition: definition("echo quality=0.0001"),
  });
  const child = await ended(sagemaker, "child");
  await sagemaker.close();
  assert.equal(child.OverallBestTrainingJob.TrainingJobName, parent.BestTrainingJob.TrainingJobName);
  assert.equal(child.OverallBestTrainingJob.TuningJobName, "parent");
  world.forget();
});

test("what could not be tried is refused before anything runs", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const refusals: [Record<string, unknown>, RegExp][] = [
    [{ config: { ParameterRanges: {} } }, /needs 1 to 30 hyperparameters to search; 0 are given/],
    [
      { config: { ParameterRanges: { IntegerParameterRanges: [{ Name: "a", MinValue: "9", MaxValue: "1" }] } } },
      /The range of a begins above its end: 9 to 1/,
    ],
    [
      { config: { HyperParameterTuningJobObjective: { Type: "Maximize", MetricName: "nothing" } } },
      /The objective metric "nothing" is none that the training jobs report: quality/,
    ],
    [{ config: { Strategy: "Grid" } }, /The strategy Grid takes categorical hyperparameters only/],
    [{ config: { Strategy: "Hyperband" } }, /Hyperband needs a StrategyConfig/],
    [{ config: { ResourceLimits: { MaxNumberOfTrainingJobs: 9999 } } }, /at most 750/],
    [{ TrainingJobDefinition: undefined }, /Give either TrainingJobDefinition or TrainingJobDefinitions/],
    [{ TrainingJobDefinition: definition("true", { StaticHyperParameters: { quality: "1" } }) }, /more than once/],
    [{ TrainingJobDefinition: definition("true", { OutputDataConfig: { S3OutputPath: "/tmp" } }) }, /s3:/],
    [{ Autotune: { Mode: "Enabled" } }, /Autotune is not supported by Scones/],
  ];
  await Promise.all(refusals.map(([changes, text]) => assert.rejects(createTuning(sagemaker, "no", changes), text)));
  const none = await sagemaker.ask("ListHyperParameterTuningJobs", {});
  await assert.rejects(
    sagemaker.ask("DescribeHyperParameterTuningJob", { HyperParameterTuningJobName: "no" }),
    /can't find a tuning job with the name no/,
  );
  await sagemaker.close();
  assert.deepEqual(none.HyperParameterTuningJobSummaries, []);
  world.forget();
});
