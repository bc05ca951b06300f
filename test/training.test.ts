// Training jobs and tuning jobs as boto3 sees them: odd data sets, trials side by side, and what `kill -9` leaves of them.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateTrainingJobCommand,
  DescribeEndpointCommand,
  DescribeTrainingJobCommand,
  type DescribeTrainingJobResponse,
  SageMakerClient,
  StopTrainingJobCommand,
} from "@aws-sdk/client-sagemaker";
import { InvokeEndpointCommand, SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";
import { stripes } from "./pictures.ts";
import { program, projectFolder, runProgram, type Server, startServer } from "./server.ts";

const python = "/usr/bin/python3";
const pythonIsAbsent = !existsSync(python) && "python3-boto3 is not installed";

interface Ended {
  status: string;
  reason: string | null;
  left: string[];
}

interface Tuned {
  status: string;
  counters: Record<string, number>;
  best: string;
  bestValue: number;
  overallBest: string | null;
  trials: { name: string; status: string; tuned: Record<string, string>; value: number }[];
  models: string[];
  spans: [number, number][];
  stored: string[];
}

describe("training jobs", () => {
  let server: Server;
  let sagemaker: SageMakerClient;
  before(async () => {
    server = await startServer();
    sagemaker = new SageMakerClient(server.aws);
    await stageStripes(server);
  });
  after(() => server?.stop());

  describe("of odd data sets", { skip: pythonIsAbsent }, () => {
    let jobs: Record<string, Ended>;
    before(async () => {
      jobs = await client<Record<string, Ended>>("training_boto3.py");
    });

    test("train what can be trained on", () => {
      const good = [
        "good",
        "names-in-other-scripts",
        "class-of-one-picture",
        "a-few-damaged",
        "two-labels-for-one-picture",
        "records",
      ];
      assert.deepEqual(
        good.map((name) => [name, jobs[name]?.status, jobs[name]?.left]),
        good.map((name) => [name, "Completed", [`models/${name}/output/model.tar.gz`]]),
      );
    });

    test("fail with what is wrong, and leave nothing", () => {
      const reasons: Record<string, RegExp> = {
        "many-damaged":
          /^ClientError: 8 of 40 pictures of channel "train" cannot be read: train\/a\/a-0\.png \(the PNG/,
        "one-class": /^ClientError: num_classes=2, but channel "train" has 1 class folder: a,/,
        "three-classes": /^ClientError: num_classes=2, but channel "train" has 3 class folders: a, b, c/,
        "no-objects":
          /^ClientError: Data download failed:Failed to download data\. No S3 objects found under S3 URL "s3:/,
        "no-pictures": /^ClientError: num_classes=2, but channel "train" has 1 class folder: notes/,
        "loose-pictures": /^ClientError: channel "train" has neither a \.lst file nor one folder per class/,
        "list-with-spaces": /^ClientError: line 1 of train\.lst has 1 columns separated by tabs, not 3/,
        "list-of-absent-files":
          /^ClientError: 16 of 16 pictures .* train\/a\/gone-a-0\.png \(no such file\), .* and 6 more/,
        "list-with-labels-from-one": /^ClientError: the label 2 in line 2 of train\.lst .* labels are 0 to 1/,
        "list-with-names-for-labels": /^ClientError: the label "bus" in line 2 of train\.lst is not a class number/,
        "records-cut-off": /^ClientError: a\.rec is cut off in the record at byte 0/,
        "no-records": /^ClientError: a\.rec is damaged, or no RecordIO file/,
        "unknown-parameter": /^ClientError: Unable to initialize the algorithm\. Failed to validate hyperparameters\./,
        "too-large-batch": /^ClientError: mini_batch_size=4096 is more than the 44 pictures/,
      };
      for (const [name, reason] of Object.entries(reasons)) {
        assert.deepEqual([jobs[name]?.status, jobs[name]?.left], ["Failed", []], name);
        assert.match(jobs[name]?.reason ?? "", reason, name);
      }
      assert.equal(Object.keys(jobs).length, Object.keys(reasons).length + 6);
    });
  });

  test("in half precision make half as large a model, which is deployed and answers like any other", async () => {
    await create(sagemaker, "whole", { epochs: "12" });
    await create(sagemaker, "half", { epochs: "12", precision_dtype: "float16" });
    const [whole, half] = [await ended(sagemaker, "whole"), await ended(sagemaker, "half")];
    const ratio = (await sizeOf(server, half)) / (await sizeOf(server, whole));
    assert.ok(ratio > 0.4 && ratio < 0.6, `${ratio}`);
    await deploy(sagemaker, "half", half.ModelArtifacts?.S3ModelArtifacts as string);
    const runtime = new SageMakerRuntimeClient(server.aws);
    const answers: number[][] = [];
    for (const kind of ["level", "upright"] as const) {
      const asked = { EndpointName: "half", ContentType: "image/png", Body: stripes(kind, 99) };
      const { Body } = await runtime.send(new InvokeEndpointCommand(asked));
      answers.push(JSON.parse(Body.transformToString()) as number[]);
    }
    const [level, upright] = answers as [number[], number[]];
    assert.ok(level[0]! > 0.5 && upright[1]! > 0.5, JSON.stringify(answers));
  });

  test("on pictures smaller than image_shape say so where the job is described", async () => {
    await create(sagemaker, "large", { epochs: "1", image_shape: "3,96,48" });
    const { SecondaryStatusTransitions = [] } = await ended(sagemaker, "large");
    const training = SecondaryStatusTransitions.find(({ Status }) => Status === "Training");
    assert.match(
      training?.StatusMessage ?? "",
      /in progress\. Warning: image_shape asks for 48x96, but the network is trained on 32x64, since max_image_side/,
    );
  });

  describe("whose program is killed", () => {
    test("go on from their checkpoint, and keep their model when they are stopped", async () => {
      await create(sagemaker, "killed-once", { epochs: "100000", checkpoint_frequency: "5" });
      const checkpoint = join(folderOf("killed-once"), "ml", "checkpoints", "training.checkpoint");
      await until(() => existsSync(checkpoint));
      killProgramOf("killed-once");
      await until(async () => (await describeJob(sagemaker, "killed-once")).includes("Restarting"));
      await until(async () => (await describeJob(sagemaker, "killed-once")).at(-1) === "Training");
      await sagemaker.send(new StopTrainingJobCommand({ TrainingJobName: "killed-once" }));
      const job = await ended(sagemaker, "killed-once");
      assert.equal(job.TrainingJobStatus, "Stopped");
      assert.match(job.ModelArtifacts?.S3ModelArtifacts ?? "", /killed-once\/output\/model\.tar\.gz$/);
    });

    test("fail with the likely reason when they have left none", async () => {
      await create(sagemaker, "killed-early", { epochs: "100000" });
      await until(() => programOf("killed-early") !== undefined);
      killProgramOf("killed-early");
      const job = await ended(sagemaker, "killed-early");
      assert.equal(job.TrainingJobStatus, "Failed");
      assert.equal(
        job.FailureReason,
        "AlgorithmError: the program was killed, often for using more memory than there is, exit code: 137",
      );
      assert.equal(job.ModelArtifacts, undefined);
      assert.equal(existsSync(folderOf("killed-early")), false);
    });
  });

  describe("of a tuning job", { skip: pythonIsAbsent }, () => {
    test("run side by side, survive `kill -9` of the server, and name the best", async () => {
      await client("tuning_boto3.py", "create", "first", "Bayesian", "4", "2", "40");
      await server.killAndStartAgain();
      const first = await client<Tuned>("tuning_boto3.py", "wait", "first");
      // One that falls behind the others may be stopped early.
      const { Completed = 0, Stopped = 0 } = first.counters;
      assert.deepEqual([first.status, Completed + Stopped, first.trials.length], ["Completed", 4, 4]);
      assert.equal(first.bestValue, Math.max(...first.trials.map(({ value }) => value)));
      assert.ok(first.trials.some(({ name, value }) => name === first.best && value === first.bestValue));
      assert.deepEqual(
        first.stored.sort(),
        first.trials.map(({ name }) => `models/${name}/output/model.tar.gz`).sort(),
      );
      const overlaps = first.spans.filter(([from], i) =>
        first.spans.some(([start, end], j) => i !== j && start <= from && from < end),
      );
      assert.ok(overlaps.length > 0, JSON.stringify(first.spans));

      await client("tuning_boto3.py", "create", "second", "Random", "2", "2", "2", "first");
      const second = await client<Tuned>("tuning_boto3.py", "wait", "second");
      assert.equal(second.trials.length, 2);
      assert.equal(second.overallBest, second.bestValue > first.bestValue ? "second" : "first");

      await client("tuning_boto3.py", "create", "third", "Random", "6", "2", "100000");
      const third = await client<Tuned>("tuning_boto3.py", "stop", "third");
      assert.equal(third.status, "Stopped");
      assert.ok(third.trials.length < 6 && third.trials.every(({ status }) => status === "Stopped"));
    });
  });

  async function client<T>(script: string, ...args: string[]): Promise<T> {
    const ran = await runProgram(
      process.execPath,
      [program, "run", "--endpoint", server.url, "--", python, join(projectFolder, "test/clients", script), ...args],
      { env: { PYTHONDONTWRITEBYTECODE: "1" } },
    );
    assert.equal(ran.exitCode, 0, ran.stderr);
    return JSON.parse(ran.stdout) as T;
  }

  function folderOf(job: string): string {
    return join(server.dataDirectory, "sagemaker", "training", job);
  }

  /** The process that trains, by its environment; `undefined` while there is none. */
  function programOf(job: string): number | undefined {
    const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const found = processes.find((id) => {
      const [environment, command] = [readIfThere(`/proc/${id}/environ`), readIfThere(`/proc/${id}/cmdline`)];
      return environment.includes(`SCONES_ML_PREFIX=${join(folderOf(job), "ml")}\0`) && /^[^\0]*node\0/.test(command);
    });
    return found === undefined ? undefined : Number(found);
  }

  function killProgramOf(job: string): void {
    const id = programOf(job);
    assert.ok(id !== undefined, `no process trains ${job}`);
    process.kill(id, "SIGKILL");
  }
});

async function stageStripes({ aws }: Server): Promise<void> {
  const s3 = new S3Client({ ...aws, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "stripes" }));
  for (let i = 0; i < 40; i++) {
    const kind = i % 2 === 0 ? "upright" : "level";
    await s3.send(new PutObjectCommand({ Bucket: "stripes", Key: `train/${kind}/${i}.png`, Body: stripes(kind, i) }));
  }
}

async function create(sagemaker: SageMakerClient, name: string, given: Record<string, string>): Promise<void> {
  await sagemaker.send(
    new CreateTrainingJobCommand({
      TrainingJobName: name,
      AlgorithmSpecification: { TrainingImage: "image-classification:1", TrainingInputMode: "File" },
      RoleArn: "arn:aws:iam::123456789012:role/scones",
      InputDataConfig: [
        {
          ChannelName: "train",
          DataSource: { S3DataSource: { S3DataType: "S3Prefix", S3Uri: "s3://stripes/train/" } },
        },
      ],
      OutputDataConfig: { S3OutputPath: "s3://stripes/models" },
      ResourceConfig: { InstanceType: "ml.m5.xlarge", InstanceCount: 1, VolumeSizeInGB: 30 },
      StoppingCondition: { MaxRuntimeInSeconds: 3600 },
      HyperParameters: {
        image_shape: "3,16,16",
        num_classes: "2",
        num_training_samples: "40",
        mini_batch_size: "16",
        workers: "1",
        ...given,
      },
    }),
  );
}

/** Of the model's archive. */
async function sizeOf({ aws }: Server, { ModelArtifacts }: DescribeTrainingJobResponse): Promise<number> {
  const Key = ModelArtifacts?.S3ModelArtifacts?.replace("s3://stripes/", "");
  const s3 = new S3Client({ ...aws, forcePathStyle: true });
  return (await s3.send(new HeadObjectCommand({ Bucket: "stripes", Key }))).ContentLength ?? 0;
}

async function deploy(sagemaker: SageMakerClient, name: string, ModelDataUrl: string): Promise<void> {
  const PrimaryContainer = { Image: "image-classification:1", ModelDataUrl };
  const ExecutionRoleArn = "arn:aws:iam::123456789012:role/scones";
  const variant = {
    VariantName: "all",
    ModelName: name,
    InstanceType: "ml.m5.large",
    InitialInstanceCount: 1,
  } as const;
  await sagemaker.send(new CreateModelCommand({ ModelName: name, ExecutionRoleArn, PrimaryContainer }));
  await sagemaker.send(new CreateEndpointConfigCommand({ EndpointConfigName: name, ProductionVariants: [variant] }));
  await sagemaker.send(new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name }));
  await until(async () => {
    const { EndpointStatus } = await sagemaker.send(new DescribeEndpointCommand({ EndpointName: name }));
    return EndpointStatus === "InService";
  });
}

async function ended(sagemaker: SageMakerClient, TrainingJobName: string): Promise<DescribeTrainingJobResponse> {
  let job: DescribeTrainingJobResponse | undefined;
  await until(async () => {
    job = await sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName }));
    return job.TrainingEndTime !== undefined;
  });
  return job as DescribeTrainingJobResponse;
}

/** Its secondary statuses so far. */
async function describeJob(sagemaker: SageMakerClient, TrainingJobName: string): Promise<(string | undefined)[]> {
  const job = await sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName }));
  return (job.SecondaryStatusTransitions ?? []).map(({ Status }) => Status);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const limit = Date.now() + 60_000; Date.now() < limit; await sleep(50)) {
    if (await condition()) return;
  }
  throw new Error("what was waited for did not happen");
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process has ended, or is another user's
  }
}
