import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../serve/testing/world.ts";
import { testWorld } from "./testing/service.ts";
import { create, ended, logOf, unpacked, withData } from "./testing/training.ts";

// The algorithms here are small programs for `sh`; they obey the same contract as any other.

test("a job finds its contract's folder, and its model, metrics and log can be read afterwards", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(
    sagemaker,
    "job",
    `
    cd "$SCONES_ML_PREFIX"
    cat input/config/hyperparameters.json > model/hyperparameters.json
    cp input/config/inputdataconfig.json input/config/resourceconfig.json model/
    find input/data -type f | sort > model/files
    cat input/data/train/a.txt > model/a.txt
    env | sort > model/environment
    echo more > output/data/extra
    echo "Epoch[0] Train-accuracy=0.5"
    echo "Epoch[1] Train-accuracy=0.75" >&2
    printf unfinished`,
  );
  const job = await ended(sagemaker, "job");
  const folder = await unpacked(world, "out/models/job/output/model.tar.gz");
  const lines = logOf(world, "job");
  await sagemaker.close();
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  assert.equal(job.TrainingJobStatus, "Completed");
  assert.equal(job.ModelArtifacts.S3ModelArtifacts, "s3://out/models/job/output/model.tar.gz");
  assert.deepEqual(
    job.SecondaryStatusTransitions.map((one: { Status: string; StatusMessage: string }) => [
      one.Status,
      one.StatusMessage,
    ]),
    [
      ["Starting", "Starting the training job"],
      ["Starting", "Preparing the instances for training"],
      ["Downloading", "Downloading input data"],
      ["Training", "Training image download completed. Training in progress."],
      ["Uploading", "Uploading generated training model"],
      ["Completed", "Training job completed"],
    ],
  );
  assert.ok(job.SecondaryStatusTransitions.every((one: { EndTime?: Date }) => one.EndTime instanceof Date));
  assert.deepEqual(
    job.FinalMetricDataList.map(({ MetricName, Value }: { MetricName: string; Value: number }) => [MetricName, Value]),
    [["train:accuracy", 0.75]],
  );
  assert.ok(job.TrainingTimeInSeconds >= 1 && job.BillableTimeInSeconds >= 1);
  assert.ok(job.LastModifiedTime instanceof Date && job.TrainingEndTime instanceof Date);
  assert.deepEqual(JSON.parse(read("hyperparameters.json")), { epochs: "2", "image-shape": "3,32,32" });
  assert.deepEqual(JSON.parse(read("inputdataconfig.json")), {
    train: {
      ContentType: "application/x-image",
      RecordWrapperType: "None",
      S3DistributionType: "FullyReplicated",
      TrainingInputMode: "File",
    },
    train_lst: {
      ContentType: "application/x-image",
      RecordWrapperType: "None",
      S3DistributionType: "FullyReplicated",
      TrainingInputMode: "File",
    },
  });
  assert.equal(JSON.parse(read("resourceconfig.json")).current_host, "algo-1");
  assert.equal(read("files"), "input/data/train/a.txt\ninput/data/train/deep/b.txt\ninput/data/train_lst/train.lst\n");
  assert.equal(read("a.txt"), "first");
  assert.match(read("environment"), /^SM_HP_IMAGE_SHAPE=3,32,32$/m);
  assert.match(read("environment"), /^SM_CHANNEL_TRAIN=.*\/ml\/input\/data\/train$/m);
  assert.match(read("environment"), /^SM_MODEL_DIR=.*\/ml\/model$/m);
  assert.deepEqual(lines, ["Epoch[0] Train-accuracy=0.5", "unfinished", "Epoch[1] Train-accuracy=0.75"].toSorted());
  assert.ok(world.blobs.contents.has("out/models/job/output/output.tar.gz"));
  assert.deepEqual(readdirSync(join(world.directory, "training")), []);
  assert.deepEqual(world.problems, []);
  world.forget();
});

test("a program that fails says why in the failure reason", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "silent", "exit 3");
  await create(sagemaker, "spoken", 'echo "the pictures are too small" > "$SCONES_ML_PREFIX/output/failure"; exit 1');
  await create(sagemaker, "client", 'echo "ClientError: no such class" > "$SCONES_ML_PREFIX/output/failure"; exit 1');
  await create(sagemaker, "killed", "kill -9 $$");
  const jobs = await Promise.all(["silent", "spoken", "client", "killed"].map((name) => ended(sagemaker, name)));
  await sagemaker.close();
  assert.deepEqual(
    jobs.map((job) => job.FailureReason),
    [
      "AlgorithmError: the program ended without writing output/failure; the log has its last lines, exit code: 3",
      "AlgorithmError: the pictures are too small, exit code: 1",
      "ClientError: no such class, exit code: 1",
      "AlgorithmError: the program was killed, often for using more memory than there is, exit code: 137",
    ],
  );
  assert.deepEqual(
    jobs.map((job) => job.TrainingJobStatus),
    Array(4).fill("Failed"),
  );
  world.forget();
});

test("a channel without objects fails the job with the address", async () => {
  const world = testWorld();
  const sagemaker = world.start();
  await create(sagemaker, "job", "true");
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.match(
    job.FailureReason,
    /^ClientError: Data download failed:.*No S3 objects found under S3 URL "s3:\/\/data\/set\/train\/"/,
  );
  world.forget();
  assert.deepEqual(world.problems, [], "a customer's mistake is no trouble of the server's");
});

test("a job stopped before its data come goes to Stopping and from there to Stopped", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "job", "sleep 60");
  await sagemaker.ask("StopTrainingJob", { TrainingJobName: "job" });
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.deepEqual(job.SecondaryStatusTransitions.map((one: { Status: string }) => one.Status).slice(-2), [
    "Stopping",
    "Stopped",
  ]);
  world.forget();
});

test("a stopped job keeps the model so far, and its program was asked before it was killed", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(
    sagemaker,
    "job",
    `
    trap 'echo so far > "$SCONES_ML_PREFIX/model/weights"; exit 0' TERM
    echo ready; while :; do sleep 0.05; done`,
  );
  await until(() => logOf(world, "job").includes("ready"));
  await sagemaker.ask("StopTrainingJob", { TrainingJobName: "job" });
  const stopping = await sagemaker.ask("DescribeTrainingJob", { TrainingJobName: "job" });
  const job = await ended(sagemaker, "job");
  const folder = await unpacked(world, "out/models/job/output/model.tar.gz");
  await assert.rejects(sagemaker.ask("StopTrainingJob", { TrainingJobName: "job" }), {
    message: "The request was rejected because the training job is in status Stopped.",
  });
  await sagemaker.close();
  assert.deepEqual(
    [stopping.TrainingJobStatus, job.TrainingJobStatus, job.SecondaryStatus],
    ["Stopping", "Stopped", "Stopped"],
  );
  assert.equal(readFileSync(join(folder, "weights"), "utf8"), "so far\n");
  world.forget();
});

test("a program that does not listen is killed after the grace time", async () => {
  const world = await withData({ stopGraceMs: 200 });
  const sagemaker = world.start();
  await create(sagemaker, "job", "trap '' TERM; echo ready; while :; do sleep 0.05; done");
  await until(() => logOf(world, "job").includes("ready"));
  await sagemaker.ask("StopTrainingJob", { TrainingJobName: "job" });
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.equal(job.TrainingJobStatus, "Stopped");
  assert.equal(job.ModelArtifacts, undefined);
  world.forget();
});

test("a job that takes longer than it may is stopped and says so", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "job", "sleep 30", { StoppingCondition: { MaxRuntimeInSeconds: 1 } });
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.deepEqual([job.TrainingJobStatus, job.SecondaryStatus], ["Stopped", "MaxRuntimeExceeded"]);
  world.forget();
});

test("one job runs at a time, the next one waits for capacity, and a waiting one can be stopped", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const gate = join(world.directory, "gate");
  await create(sagemaker, "first", `while [ ! -e ${gate} ]; do sleep 0.02; done`);
  await create(sagemaker, "second", "true");
  await create(sagemaker, "third", "true");
  const second = await sagemaker.ask("DescribeTrainingJob", { TrainingJobName: "second" });
  await sagemaker.ask("StopTrainingJob", { TrainingJobName: "third" });
  const third = await sagemaker.ask("DescribeTrainingJob", { TrainingJobName: "third" });
  writeFileSync(gate, "");
  const jobs = await Promise.all(["first", "second"].map((name) => ended(sagemaker, name)));
  await sagemaker.close();
  assert.deepEqual([second.TrainingJobStatus, second.SecondaryStatus], ["InProgress", "Pending"]);
  assert.deepEqual([third.TrainingJobStatus, third.TrainingTimeInSeconds], ["Stopped", undefined]);
  assert.deepEqual(
    jobs.map((job) => job.TrainingJobStatus),
    ["Completed", "Completed"],
  );
  world.forget();
});

test("a job that was running when the server ended begins again with its checkpoints", async () => {
  const world = await withData();
  const first = world.start();
  await create(
    first,
    "job",
    `
    cd "$SCONES_ML_PREFIX"
    if [ -e checkpoints/half ]; then cp checkpoints/half model/; exit 0; fi
    echo half > checkpoints/half; touch model/stale; echo half way; sleep 60`,
  );
  await until(() => logOf(world, "job").includes("half way"));
  await first.close();
  mkdirSync(join(world.directory, "training", "left-behind"));
  const second = world.start();
  const job = await ended(second, "job");
  const folder = await unpacked(world, "out/models/job/output/model.tar.gz");
  await second.close();
  assert.deepEqual(readdirSync(join(world.directory, "training")), []);
  assert.equal(job.TrainingJobStatus, "Completed");
  assert.ok(job.SecondaryStatusTransitions.some((one: { Status: string }) => one.Status === "Restarting"));
  assert.deepEqual(readdirSync(folder), ["half"]);
  world.forget();
});

test("a program that names /opt/ml finds its job's folder there", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const program =
    'cp /opt/ml/input/config/hyperparameters.json "$SM_MODEL_DIR/" && cp "$SM_CHANNEL_TRAIN/a.txt" "$COPY" && ls /opt/ml';
  await create(sagemaker, "job", program, { Environment: { COPY: "/opt/ml/model/copy.txt" } });
  const job = await ended(sagemaker, "job");
  const lines = logOf(world, "job");
  assert.equal(job.TrainingJobStatus, "Completed", lines.join("\n"));
  const folder = await unpacked(world, "out/models/job/output/model.tar.gz");
  await sagemaker.close();
  assert.deepEqual(readdirSync(folder).sort(), ["copy.txt", "hyperparameters.json"]);
  assert.deepEqual(lines, ["checkpoints", "code", "input", "model", "output"]);
  assert.ok(!existsSync("/opt/ml/model"));
  world.forget();
});

test("a training program ends when its server is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orphan-"));
  const alive = join(folder, "alive");
  const processFile = join(import.meta.dirname, "training-process.js");
  const program = `while :; do echo x >> ${alive}; sleep 0.02; done`;
  const server = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `import { startTraining } from ${JSON.stringify(processFile)};
     startTraining({ command: "/bin/sh", args: ["-c", ${JSON.stringify(program)}], folder: ${JSON.stringify(folder)},
       environment: { PATH: "/usr/bin:/bin" }, onLine: () => {} });`,
  ]);
  const size = () => (existsSync(alive) ? readFileSync(alive).length : 0);
  await until(() => size() > 2);
  server.kill("SIGKILL");
  await until(() => server.signalCode === "SIGKILL");
  const sizes = [size()];
  while (sizes.length < 20 && (sizes.length < 2 || sizes.at(-1) !== sizes.at(-2))) {
    await new Promise((resolve) => setTimeout(resolve, 200)); // ten of the program's rounds
    sizes.push(size());
  }
  assert.equal(sizes.at(-1), sizes.at(-2));
  rmSync(folder, { recursive: true });
});

test("a name that is taken, a job that is not there and an image that nobody knows are refused", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "job", "true");
  await ended(sagemaker, "job");
  await assert.rejects(create(sagemaker, "job", "true"), { code: "ResourceInUse", message: /must be unique/ });
  await assert.rejects(sagemaker.ask("DescribeTrainingJob", { TrainingJobName: "no" }), {
    code: "ValidationException",
    message: "Requested resource not found.",
  });
  const AlgorithmSpecification = {
    TrainingImage: "1.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
    TrainingInputMode: "File",
  };
  await assert.rejects(create(sagemaker, "other", "", { AlgorithmSpecification }), {
    message: /cannot be run here: the built-in algorithms are image-classification/,
  });
  await sagemaker.close();
  world.forget();
});

test("the built-in algorithm is found by its repository in any region", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const images = [
    "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
    "813361260812.dkr.ecr.eu-central-1.amazonaws.com/image-classification:latest",
  ];
  const statuses: string[] = [];
  for (const [i, TrainingImage] of images.entries()) {
    await create(sagemaker, `job-${i}`, "", { AlgorithmSpecification: { TrainingImage, TrainingInputMode: "File" } });
    const job = await ended(sagemaker, `job-${i}`);
    statuses.push(`${job.TrainingJobStatus} ${job.FinalMetricDataList[0].MetricName}`);
  }
  const list = await sagemaker.ask("ListTrainingJobs", { StatusEquals: "Completed" });
  await sagemaker.close();
  assert.deepEqual(statuses, ["Completed builtin:metric", "Completed builtin:metric"]);
  assert.deepEqual(
    list.TrainingJobSummaries.map(({ TrainingJobName }: { TrainingJobName: string }) => TrainingJobName),
    ["job-0", "job-1"],
  );
  world.forget();
});

test("every change of status is announced", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "job", "true");
  await ended(sagemaker, "job");
  await sagemaker.close();
  assert.deepEqual(
    world.events.map(({ detailType, detail }) => `${detailType}: ${detail["SecondaryStatus"]}`),
    ["Starting", "Starting", "Downloading", "Training", "Uploading", "Completed"].map(
      (status) => `SageMaker Training Job State Change: ${status}`,
    ),
  );
  world.forget();
});
