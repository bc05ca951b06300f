// Endpoints of a user's own model as its operators meet them: deployed, updated, scaled and broken while others ask them.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  PutScalingPolicyCommand,
} from "@aws-sdk/client-application-auto-scaling";
import { CloudWatchClient, PutMetricAlarmCommand, SetAlarmStateCommand } from "@aws-sdk/client-cloudwatch";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  type CreateEndpointConfigInput,
  CreateModelCommand,
  DescribeEndpointCommand,
  type DescribeEndpointOutput,
  SageMakerClient,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from "@aws-sdk/client-sagemaker";
import {
  InvokeEndpointAsyncCommand,
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
} from "@aws-sdk/client-sagemaker-runtime";
import { pythonModel } from "./endpoint-models.ts";
import { program, projectFolder, runProgram, type Server, startServer } from "./server.ts";

const python = "/usr/bin/python3";
const awsCli = "/usr/bin/aws";
const hasBoto3 = existsSync("/usr/lib/python3/dist-packages/boto3");
const hasPython = existsSync(python);

let server: Server;
let sagemaker: SageMakerClient;
let runtime: SageMakerRuntimeClient;
let s3: S3Client;

before(async () => {
  server = await startServer();
  sagemaker = new SageMakerClient(server.aws);
  // One attempt: a request that fails must be seen.
  runtime = new SageMakerRuntimeClient({ ...server.aws, maxAttempts: 1 });
  s3 = new S3Client({ ...server.aws, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "models" }));
  await s3.send(new PutObjectCommand({ Bucket: "models", Key: "model.tar.gz", Body: pythonModel() }));
  await Promise.all([
    configure("blue", {}),
    configure("green", {}),
    configure("red", { environment: { BROKEN: "1" } }),
    configure("later", { isAsync: true }),
  ]);
});
after(() => server?.stop());

test("boto3 deploys a container in Python, asks it, transforms a prefix and waits for all of it", {
  skip: !hasBoto3 && "python3-boto3 is not installed",
}, async () => {
  const script = join(projectFolder, "test", "clients", "endpoint_boto3.py");
  const ran = await runProgram(python, [script, server.url]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual(JSON.parse(ran.stdout), {
    colour: "violet",
    status: "Completed",
    outputs: { "counted/a.csv.out": "1,2,2\n3,4,5,3\n", "counted/b.csv.out": "6,1\n" },
  });
});

test("`aws sagemaker update-endpoint` replaces a loaded endpoint by a canary without losing a request", {
  skip: !existsSync(awsCli) && "awscli is not installed",
}, async () => {
  await deploy("canary", "blue");
  const load = startLoad("canary");
  const deployment = blueGreen({ Type: "CANARY", WaitIntervalInSeconds: 1 });
  const ran = await runProgram(process.execPath, [
    ...[program, "run", "--endpoint", server.url, "--", awsCli, "sagemaker", "update-endpoint"],
    ...[
      "--endpoint-name",
      "canary",
      "--endpoint-config-name",
      "green",
      "--deployment-config",
      JSON.stringify(deployment),
    ],
  ]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  const statuses = new Set<string | undefined>();
  const updated = await settled("canary", ({ PendingDeploymentSummary: pending }) =>
    statuses.add(pending?.ProductionVariants?.[0]?.VariantStatus?.[0]?.Status),
  );
  const { answers, failures } = await load.stop();
  assert.deepEqual(failures, []);
  assert.ok(statuses.has("Baking"));
  assert.deepEqual([updated.EndpointStatus, updated.EndpointConfigName], ["InService", "green"]);
  assert.deepEqual(new Set(answers.map(({ colour }) => colour)), new Set(["blue", "green"]));
  assert.equal((await ask("canary")).colour, "green");
});

test("a canary whose alarm goes off is rolled back", { skip: !hasPython && "python3 is not installed" }, async () => {
  const cloudWatch = new CloudWatchClient(server.aws);
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      AlarmName: "red-errors",
      Namespace: "AWS/SageMaker",
      MetricName: "Invocation5XXErrors",
      Dimensions: [
        { Name: "EndpointName", Value: "guarded" },
        { Name: "VariantName", Value: "AllTraffic" },
        { Name: "EndpointConfigName", Value: "red" },
      ],
      Statistic: "Sum",
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: "GreaterThanOrEqualToThreshold",
      TreatMissingData: "notBreaching",
    }),
  );
  await deploy("guarded", "blue");
  const load = startLoad("guarded");
  await sagemaker.send(
    new UpdateEndpointCommand({
      EndpointName: "guarded",
      EndpointConfigName: "red",
      DeploymentConfig: {
        ...blueGreen({ Type: "CANARY", WaitIntervalInSeconds: 300 }),
        AutoRollbackConfiguration: { Alarms: [{ AlarmName: "red-errors" }] },
      },
    }),
  );
  // What the alarm would say within two minutes, which a test need not wait for.
  const goesOff = new SetAlarmStateCommand({ AlarmName: "red-errors", StateValue: "ALARM", StateReason: "a test" });
  const rolledBack = await settled("guarded", async ({ PendingDeploymentSummary: pending }) => {
    const stage = pending?.ProductionVariants?.[0]?.VariantStatus?.[0]?.Status;
    if (stage === "Baking" && load.failures.length > 0) await cloudWatch.send(goesOff);
  });
  const { answers, failures } = await load.stop();
  assert.deepEqual([rolledBack.EndpointStatus, rolledBack.EndpointConfigName], ["InService", "blue"]);
  assert.match(rolledBack.FailureReason ?? "", /ALARM state: red-errors/);
  // What the broken canary answered is the model's error; nothing else failed.
  assert.deepEqual(new Set(failures.map(({ name }) => name)), new Set(["ModelError"]));
  assert.deepEqual(new Set(answers.map(({ colour }) => colour)), new Set(["blue"]));
});

test("scaling up, killing a container and scaling down lose no request", {
  skip: !hasPython && "python3 is not installed",
}, async () => {
  await deploy("scaled", "blue");
  const load = startLoad("scaled");
  await resize("scaled", 3);
  const grown = new Set((await Promise.all(Array.from({ length: 60 }, () => ask("scaled")))).map(({ pid }) => pid));
  process.kill([...grown][0] as number, "SIGKILL");
  await resize("scaled", 1);
  const { answers, failures } = await load.stop();
  assert.deepEqual(failures, []);
  assert.ok(grown.size >= 2, `${grown.size} containers`);
  assert.ok(answers.length > 50, `${answers.length} answers`);
});

test("what an asynchronous endpoint took is answered after `kill -9` of the server", {
  skip: !hasPython && "python3 is not installed",
}, async () => {
  await deploy("later", "later");
  const taken = await Promise.all(
    Array.from({ length: 6 }, () =>
      runtime.send(
        new InvokeEndpointAsyncCommand({
          EndpointName: "later",
          ContentType: "text/plain",
          Body: Buffer.from("wait 0.4"),
        }),
      ),
    ),
  );
  await server.killAndStartAgain();
  const outputs = await Promise.all(taken.map(({ OutputLocation }) => objectAt(OutputLocation as string)));
  assert.deepEqual(new Set(outputs.map((output) => JSON.parse(output).colour)), new Set(["later"]));
  await assert.rejects(ask("later"), { name: "ValidationError" });
});

test("an answer comes as a stream to those who ask for one", {
  skip: !hasPython && "python3 is not installed",
}, async () => {
  const { Body, ContentType } = await runtime.send(
    new InvokeEndpointWithResponseStreamCommand({
      EndpointName: "scaled",
      ContentType: "text/plain",
      Body: Buffer.from("x"),
    }),
  );
  const parts: Uint8Array[] = [];
  for await (const { PayloadPart } of Body ?? []) if (PayloadPart?.Bytes) parts.push(PayloadPart.Bytes);
  assert.equal(ContentType, "application/json");
  assert.equal(JSON.parse(Buffer.concat(parts).toString()).colour, "blue");
});

test("a variant is registered with Application Auto Scaling by the AWS CLI, and its policy by the SDK", {
  skip: !existsSync(awsCli) && "awscli is not installed",
}, async () => {
  const place = {
    ServiceNamespace: "sagemaker" as const,
    ResourceId: "endpoint/scaled/variant/AllTraffic",
    ScalableDimension: "sagemaker:variant:DesiredInstanceCount" as const,
  };
  const registered = await runProgram(process.execPath, [
    ...[program, "run", "--endpoint", server.url, "--", awsCli, "application-autoscaling", "register-scalable-target"],
    ...["--cli-input-json", JSON.stringify({ ...place, MinCapacity: 1, MaxCapacity: 3 })],
  ]);
  assert.equal(registered.exitCode, 0, registered.stderr);
  const scaling = new ApplicationAutoScalingClient(server.aws);
  await scaling.send(
    new PutScalingPolicyCommand({
      ...place,
      PolicyName: "busy",
      PolicyType: "TargetTrackingScaling",
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 70,
        PredefinedMetricSpecification: { PredefinedMetricType: "SageMakerVariantInvocationsPerInstance" },
      },
    }),
  );
  const { ScalableTargets = [] } = await scaling.send(
    new DescribeScalableTargetsCommand({ ServiceNamespace: "sagemaker" }),
  );
  assert.deepEqual(
    ScalableTargets.map(({ ResourceId, MinCapacity, MaxCapacity }) => [ResourceId, MinCapacity, MaxCapacity]),
    [[place.ResourceId, 1, 3]],
  );
});

interface Answer {
  colour: string;
  pid: number;
}

/** A model and a config of the same name; two instances, so that a canary can be half of them. */
async function configure(
  name: string,
  { environment = {}, isAsync = false }: { environment?: Record<string, string>; isAsync?: boolean },
) {
  await sagemaker.send(
    new CreateModelCommand({
      ModelName: name,
      PrimaryContainer: {
        Image: "process:python3 code/serve.py",
        ModelDataUrl: "s3://models/model.tar.gz",
        Environment: { COLOUR: name, ...environment },
      },
    }),
  );
  const config: CreateEndpointConfigInput = {
    EndpointConfigName: name,
    ProductionVariants: [
      { VariantName: "AllTraffic", ModelName: name, InitialInstanceCount: 2, InstanceType: "ml.m5.large" },
    ],
    ...(isAsync && { AsyncInferenceConfig: { OutputConfig: { S3OutputPath: "s3://models/answers" } } }),
  };
  await sagemaker.send(new CreateEndpointConfigCommand(config));
}

async function deploy(EndpointName: string, EndpointConfigName: string): Promise<void> {
  await sagemaker.send(new CreateEndpointCommand({ EndpointName, EndpointConfigName }));
  const { EndpointStatus, FailureReason } = await settled(EndpointName);
  assert.equal(EndpointStatus, "InService", FailureReason);
}

async function resize(EndpointName: string, DesiredInstanceCount: number): Promise<void> {
  const DesiredWeightsAndCapacities = [{ VariantName: "AllTraffic", DesiredInstanceCount }];
  await sagemaker.send(new UpdateEndpointWeightsAndCapacitiesCommand({ EndpointName, DesiredWeightsAndCapacities }));
  const { ProductionVariants } = await settled(EndpointName);
  assert.equal(ProductionVariants?.[0]?.CurrentInstanceCount, DesiredInstanceCount);
}

async function settled(EndpointName: string, look: (seen: DescribeEndpointOutput) => unknown = () => undefined) {
  for (const limit = Date.now() + 60_000; Date.now() < limit; await sleep(100)) {
    const described = await sagemaker.send(new DescribeEndpointCommand({ EndpointName }));
    await look(described);
    if (!["Creating", "Updating", "RollingBack"].includes(described.EndpointStatus as string)) return described;
  }
  throw new Error(`endpoint ${EndpointName} does not come to rest`);
}

async function ask(EndpointName: string): Promise<Answer> {
  const command = new InvokeEndpointCommand({ EndpointName, ContentType: "text/plain", Body: Buffer.from("hello") });
  const { Body } = await runtime.send(command);
  return JSON.parse(Buffer.from(Body ?? []).toString());
}

/** Four clients that ask without a pause until they are stopped. */
function startLoad(endpointName: string) {
  const answers: Answer[] = [];
  const failures: Error[] = [];
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      await ask(endpointName).then(
        (answer) => answers.push(answer),
        (error: Error) => failures.push(error),
      );
    }
  };
  const clients = Promise.all(Array.from({ length: 4 }, client));
  return {
    failures,
    stop: async () => {
      isOver = true;
      await clients;
      return { answers, failures };
    },
  };
}

function blueGreen(routing: { Type: "CANARY"; WaitIntervalInSeconds: number }) {
  const CanarySize = { Type: "INSTANCE_COUNT" as const, Value: 1 };
  return { BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { ...routing, CanarySize } } };
}

/** As clients of asynchronous endpoints do: ask again until it is there. */
async function objectAt(location: string): Promise<string> {
  const [Bucket = "", ...key] = location.replace("s3://", "").split("/");
  for (const limit = Date.now() + 30_000; ; await sleep(100)) {
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: key.join("/") }));
      return (await Body?.transformToString()) ?? "";
    } catch (error) {
      if ((error as Error).name !== "NoSuchKey" || Date.now() > limit) throw error;
    }
  }
}
