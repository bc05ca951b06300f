// Pictures that show several classes at once, from the list file to the answer of an endpoint.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  type Channel,
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateTrainingJobCommand,
  DescribeEndpointCommand,
  DescribeTrainingJobCommand,
  type DescribeTrainingJobResponse,
  SageMakerClient,
} from "@aws-sdk/client-sagemaker";
import { InvokeEndpointCommand, SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";
import { shapeNames, shapes } from "./pictures.ts";
import { program, runProgram, type Server, startServer } from "./server.ts";

const bucket = "shapes";
const role = "arn:aws:iam::123456789012:role/scones";
const image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1";
const counts = { train: 160, validation: 40 };

let server: Server;
let s3: S3Client;
let sagemaker: SageMakerClient;
before(async () => {
  server = await startServer();
  s3 = new S3Client({ ...server.aws, forcePathStyle: true });
  sagemaker = new SageMakerClient(server.aws);
  await stage();
});
after(() => server?.stop());

test("a job with multi_label=1 learns every shape on its own, and its endpoint answers a probability for each", async () => {
  await create("shapes", { epochs: "20", use_weighted_loss: "1" });
  const job = await ended("shapes");
  assert.equal(job.TrainingJobStatus, "Completed", job.FailureReason);
  const metrics = Object.fromEntries(
    (job.FinalMetricDataList ?? []).map(({ MetricName, Value }) => [MetricName, Value]),
  );
  assert.ok(metrics["validation:accuracy"]! >= 0.9, JSON.stringify(metrics));
  assert.ok(metrics["validation:mean_average_precision"]! >= 0.9, JSON.stringify(metrics));
  assert.ok(metrics["validation:exact_match"]! <= metrics["validation:accuracy"]!, JSON.stringify(metrics));

  await deploy("shapes", job.ModelArtifacts?.S3ModelArtifacts as string);
  const answers = await Promise.all(
    [[], ["disc"], ["disc", "cross"], [...shapeNames]].map((shown) => ask(shown as never)),
  );
  assert.deepEqual(
    answers.map((answer) => shapeNames.filter((_, k) => answer[k]! >= 0.5)),
    [[], ["disc"], ["disc", "cross"], [...shapeNames]],
    JSON.stringify(answers),
  );
  assert.ok(answers[3]!.reduce((sum, one) => sum + one, 0) > 1.5);

  const threshold = await runProgram(process.execPath, [program, "threshold", "shapes", "--endpoint", server.url]);
  assert.equal(threshold.exitCode, 1);
  assert.match(threshold.stderr, /trained with multi_label=1: a threshold is chosen for pictures with one label each/);
});

test("jobs whose lists or hyperparameters are of one label are refused with what is wrong", async () => {
  await create("ranked", { top_k: "2" });
  await create("one-column", { multi_label: "0" });
  const reasons = [(await ended("ranked")).FailureReason, (await ended("one-column")).FailureReason];
  assert.match(
    reasons[0] ?? "",
    /^ClientError: Unable to initialize the algorithm\. Failed to validate hyperparameters\..*leave it out with multi_label=1/s,
  );
  // Without multi_label=1 a list of an augmented manifest is no class.
  assert.match(reasons[1] ?? "", /^ClientError: Data download failed:Line 1 .* has no class number in "shapes"/);
});

/** Training pictures with a list of columns; validation pictures in a manifest with the numbers of their classes, as Ground Truth writes it. */
async function stage(): Promise<void> {
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const put = (Key: string, Body: Buffer | string) => s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
  const [list, manifest]: string[][] = [[], []];
  for (const split of ["train", "validation"] as const) {
    for (let i = 0; i < counts[split]; i++) {
      const flags = shapeNames.map((_, k) => (i >> k) & 1);
      const shown = shapeNames.filter((_, k) => flags[k] === 1);
      await put(`${split}/${i}.png`, shapes(shown, split === "train" ? i : i + counts.train));
      if (split === "train") list!.push(`${i}\t${flags.join("\t")}\t${i}.png`);
      const ids = shapeNames.flatMap((_, k) => (flags[k] === 1 ? [k] : []));
      if (split === "validation")
        manifest!.push(JSON.stringify({ "source-ref": `s3://${bucket}/validation/${i}.png`, shapes: ids }));
    }
  }
  await put("train_lst/train.lst", list!.join("\n"));
  await put("lists/validation.manifest", manifest!.join("\n"));
}

async function create(name: string, given: Record<string, string>): Promise<void> {
  const prefix = (ChannelName: string): Channel => ({
    ChannelName,
    ContentType: "application/x-image",
    DataSource: { S3DataSource: { S3DataType: "S3Prefix", S3Uri: `s3://${bucket}/${ChannelName}/` } },
  });
  await sagemaker.send(
    new CreateTrainingJobCommand({
      TrainingJobName: name,
      AlgorithmSpecification: { TrainingImage: image, TrainingInputMode: "File" },
      RoleArn: role,
      InputDataConfig: [
        prefix("train"),
        prefix("train_lst"),
        {
          ChannelName: "validation",
          ContentType: "application/x-recordio; label-format=class-id",
          RecordWrapperType: "RecordIO",
          DataSource: {
            S3DataSource: {
              S3DataType: "AugmentedManifestFile",
              S3Uri: `s3://${bucket}/lists/validation.manifest`,
              AttributeNames: ["source-ref", "shapes"],
            },
          },
        },
      ],
      OutputDataConfig: { S3OutputPath: `s3://${bucket}/models` },
      ResourceConfig: { InstanceType: "ml.m5.xlarge", InstanceCount: 1, VolumeSizeInGB: 30 },
      StoppingCondition: { MaxRuntimeInSeconds: 3600 },
      HyperParameters: {
        image_shape: "3,32,32",
        num_classes: "3",
        num_training_samples: String(counts.train),
        mini_batch_size: "16",
        multi_label: "1",
        ...given,
      },
    }),
  );
}

async function ended(TrainingJobName: string): Promise<DescribeTrainingJobResponse> {
  for (;;) {
    const job = await sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName }));
    if (job.TrainingEndTime !== undefined) return job;
    await sleep(100);
  }
}

async function deploy(name: string, ModelDataUrl: string): Promise<void> {
  const variant = {
    VariantName: "AllTraffic",
    ModelName: name,
    InstanceType: "ml.m5.xlarge",
    InitialInstanceCount: 1,
  } as const;
  const PrimaryContainer = { Image: image, ModelDataUrl };
  await sagemaker.send(new CreateModelCommand({ ModelName: name, ExecutionRoleArn: role, PrimaryContainer }));
  await sagemaker.send(new CreateEndpointConfigCommand({ EndpointConfigName: name, ProductionVariants: [variant] }));
  await sagemaker.send(new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name }));
  for (;;) {
    const { EndpointStatus, FailureReason } = await sagemaker.send(new DescribeEndpointCommand({ EndpointName: name }));
    assert.notEqual(EndpointStatus, "Failed", FailureReason);
    if (EndpointStatus === "InService") return;
    await sleep(50);
  }
}

async function ask(shown: readonly (typeof shapeNames)[number][]): Promise<number[]> {
  const runtime = new SageMakerRuntimeClient(server.aws);
  const asked = { EndpointName: "shapes", ContentType: "application/x-image", Body: shapes(shown, 1234) };
  const { Body } = await runtime.send(new InvokeEndpointCommand(asked));
  return JSON.parse(Body.transformToString()) as number[];
}
