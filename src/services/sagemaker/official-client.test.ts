import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateTrainingJobCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeTrainingJobCommand,
  ListTrainingJobsCommand,
  ResourceInUse,
  SageMakerClient,
  StopTrainingJobCommand,
  waitUntilEndpointInService,
  waitUntilTrainingJobCompletedOrStopped,
} from "@aws-sdk/client-sagemaker";
import { createWireServer } from "../../wire/server.ts";
import { storeModel, testWorld } from "./testing/service.ts";

// What the SageMaker Python SDK sends for the course's notebook, sent by the official JavaScript client over HTTP.
const image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1";
const RoleArn = "arn:aws:iam::123456789012:role/scones";
const trainingRequest = {
  TrainingJobName: "image-classification-2026-01-02-03-04-05-678",
  AlgorithmSpecification: { TrainingImage: image, TrainingInputMode: "File" },
  HyperParameters: { image_shape: "3,32,32", num_classes: "2", num_training_samples: "1000" },
  InputDataConfig: ["train", "validation", "train_lst", "validation_lst"].map((ChannelName) => ({
    ChannelName,
    DataSource: {
      S3DataSource: { S3DataType: "S3Prefix", S3Uri: "s3://data/set", S3DataDistributionType: "FullyReplicated" },
    },
    ContentType: "application/x-image",
  })),
  OutputDataConfig: { S3OutputPath: "s3://data/models/image_model" },
  ResourceConfig: { InstanceCount: 1, InstanceType: "ml.p3.2xlarge", VolumeSizeInGB: 30 },
  RoleArn,
  StoppingCondition: { MaxRuntimeInSeconds: 86400 },
  DebugHookConfig: { S3OutputPath: "s3://data/models/image_model", CollectionConfigurations: [] },
  ProfilerConfig: { S3OutputPath: "s3://data/models/image_model", DisableProfiler: false },
} as const;

test("the notebook's training request runs and every field of its description is read", async () => {
  const { client, close, world } = await clientOf();
  await world.blobs.put("data/set/picture.png", "picture");
  const request = trainingRequest as unknown as ConstructorParameters<typeof CreateTrainingJobCommand>[0];
  const { TrainingJobArn } = await client.send(new CreateTrainingJobCommand(request));
  await waitUntilTrainingJobCompletedOrStopped({ client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, request);
  const job = await client.send(new DescribeTrainingJobCommand(request));
  const list = await client.send(new ListTrainingJobsCommand({}));
  const again = await client.send(new CreateTrainingJobCommand(request)).catch((error: unknown) => error);
  const stopped = await client.send(new StopTrainingJobCommand(request)).catch((error: Error) => error);
  await close();
  assert.equal(job.TrainingJobArn, TrainingJobArn);
  assert.equal(job.TrainingJobStatus, "Completed");
  assert.equal(job.SecondaryStatusTransitions?.at(-1)?.StatusMessage, "Training job completed");
  assert.ok(job.SecondaryStatusTransitions?.[0]?.StartTime instanceof Date);
  assert.ok(job.LastModifiedTime instanceof Date);
  assert.equal(job.ResourceConfig?.InstanceCount, 1);
  assert.ok((job.TrainingTimeInSeconds ?? 0) >= 1 && (job.BillableTimeInSeconds ?? 0) >= 1);
  assert.equal(
    job.ModelArtifacts?.S3ModelArtifacts,
    `s3://data/models/image_model/${trainingRequest.TrainingJobName}/output/model.tar.gz`,
  );
  assert.deepEqual(job.AlgorithmSpecification, {
    ...trainingRequest.AlgorithmSpecification,
    MetricDefinitions: [{ Name: "accuracy", Regex: "accuracy ([0-9.]+)" }],
  });
  assert.deepEqual(job.HyperParameters, trainingRequest.HyperParameters);
  // Estimator.attach of the SageMaker SDK reads the key whether or not there is one.
  assert.deepEqual(job.OutputDataConfig, { KmsKeyId: "", ...trainingRequest.OutputDataConfig });
  assert.deepEqual(
    job.FinalMetricDataList?.map(({ MetricName, Value }) => [MetricName, Value]),
    [["accuracy", 0.5]],
  );
  assert.equal(list.TrainingJobSummaries?.[0]?.TrainingJobName, trainingRequest.TrainingJobName);
  assert.ok(again instanceof ResourceInUse);
  assert.match((stopped as Error).message, /in status Completed/);
});

test("the notebook's deployment comes into service and its descriptions are read", async () => {
  const { client, close, world } = await clientOf();
  const name = "image-classification-2026-01-02-03-04-05-678";
  await client.send(
    new CreateModelCommand({
      ModelName: name,
      PrimaryContainer: { Image: image, Environment: {}, ModelDataUrl: await storeModel(world, "m", 4) },
      ExecutionRoleArn: RoleArn,
    }),
  );
  await client.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: [
        {
          VariantName: "AllTraffic",
          ModelName: name,
          InitialVariantWeight: 1,
          InitialInstanceCount: 1,
          InstanceType: "ml.m5.xlarge",
        },
      ],
      DataCaptureConfig: {
        EnableCapture: true,
        InitialSamplingPercentage: 100,
        DestinationS3Uri: "s3://data/captured",
        CaptureOptions: [{ CaptureMode: "Input" }, { CaptureMode: "Output" }],
        CaptureContentTypeHeader: { CsvContentTypes: ["text/csv"], JsonContentTypes: ["application/json"] },
      },
    }),
  );
  await client.send(new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name, Tags: [] }));
  await waitUntilEndpointInService({ client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, { EndpointName: name });
  const endpoint = await client.send(new DescribeEndpointCommand({ EndpointName: name }));
  const config = await client.send(new DescribeEndpointConfigCommand({ EndpointConfigName: name }));
  const model = await client.send(new DescribeModelCommand({ ModelName: name }));
  const missing = await client.send(new DescribeEndpointCommand({ EndpointName: "no" })).catch((error: Error) => error);
  await close();
  assert.equal(endpoint.EndpointStatus, "InService");
  assert.equal(endpoint.ProductionVariants?.[0]?.DeployedImages?.[0]?.SpecifiedImage, image);
  assert.equal(endpoint.DataCaptureConfig?.CaptureStatus, "Started");
  assert.equal(config.ProductionVariants?.[0]?.InstanceType, "ml.m5.xlarge");
  assert.ok(config.CreationTime instanceof Date);
  assert.equal(model.PrimaryContainer?.ModelDataUrl, "s3://bucket/m.tar.gz");
  assert.deepEqual(
    [(missing as Error).name, (missing as Error).message],
    ["ValidationException", 'Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/no".'],
  );
});

async function clientOf() {
  const world = testWorld({
    algorithms: {
      "image-classification": () => ({
        command: "/bin/sh",
        args: ["-c", "echo accuracy 0.5"],
        metricDefinitions: [{ name: "accuracy", regex: "accuracy ([0-9.]+)" }],
      }),
    },
  });
  const sagemaker = world.start();
  const server = await createWireServer({
    services: [sagemaker.service],
    port: 0,
    accountId: "123456789012",
    clock: { now: () => Date.now(), uuid: () => "00000000-0000-4000-8000-000000000000" },
  });
  const client = new SageMakerClient({
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  const close = async () => {
    client.destroy();
    await server.close();
    await sagemaker.close();
    world.forget();
  };
  return { client, close, world };
}
