// Endpoints that are watched, as their owners meet it: real captures of real answers, a baseline, schedules and what they find.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CloudWatchClient, ListMetricsCommand } from "@aws-sdk/client-cloudwatch";
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import {
  CreateDataQualityJobDefinitionCommand,
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateMonitoringScheduleCommand,
  CreateProcessingJobCommand,
  DescribeMonitoringScheduleCommand,
  DescribeProcessingJobCommand,
  ListMonitoringExecutionsCommand,
  type MonitoringExecutionSummary,
  SageMakerClient,
  waitUntilEndpointInService,
  waitUntilProcessingJobCompletedOrStopped,
} from "@aws-sdk/client-sagemaker";
import { InvokeEndpointCommand, SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";
import { stripes } from "./pictures.ts";
import { program, projectFolder, runProgram, type Server, startServer } from "./server.ts";

const clients = join(projectFolder, "test", "clients");
const awsCli = "/usr/bin/aws";
const pythonIsAbsent = !existsSync("/usr/bin/python3") && "python3 is not installed";
const sagemakerPython = process.env["SCONES_TEST_SAGEMAKER_PYTHON"];

const image = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer";
const RoleArn = "arn:aws:iam::000000000000:role/anything";
const cluster = { ClusterConfig: { InstanceCount: 1, InstanceType: "ml.m5.xlarge", VolumeSizeInGB: 20 } } as const;
const captured = 40;

describe("endpoints that are watched", { skip: pythonIsAbsent }, () => {
  let server: Server;
  let sagemaker: SageMakerClient;
  let s3: S3Client;

  before(async () => {
    server = await startServer();
    sagemaker = new SageMakerClient(server.aws);
    s3 = new S3Client({ ...server.aws, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: "watched" }));
    await deploy("by-day");
    await deploy("in-the-dark");
    await show("by-day", 1);
    await show("in-the-dark", 0.125);
    await makeBaseline();
  });
  after(() => server?.stop());

  test("pictures like those of the baseline complete without violations", async () => {
    const execution = await watchNow("by-day");
    assert.equal(execution.MonitoringExecutionStatus, "Completed", execution.FailureReason);
    const { statistics, violations, exitMessage } = await filesOf(execution);
    assert.equal(statistics.dataset.item_count, captured);
    assert.deepEqual(violations, []);
    assert.equal(exitMessage, "Completed: Job completed successfully with no violations.");
  });

  test("darkened pictures violate the constraints, and CloudWatch hears how far they are", async () => {
    const execution = await watchNow("in-the-dark");
    assert.equal(execution.MonitoringExecutionStatus, "CompletedWithViolations", execution.FailureReason);
    const { violations, exitMessage } = await filesOf(execution);
    assert.ok(violations.some(({ feature_name: name }) => name === "picture_luminance"));
    assert.ok(violations.every(({ constraint_check_type: type }) => type === "baseline_drift_check"));
    assert.match(exitMessage ?? "", /^CompletedWithViolations: Job completed successfully with \d+ violations\.$/);
    const { Metrics = [] } = await new CloudWatchClient(server.aws).send(
      new ListMetricsCommand({
        Namespace: "aws/sagemaker/Endpoints/data-metrics",
        MetricName: "feature_baseline_drift_picture_luminance",
        Dimensions: [
          { Name: "Endpoint", Value: "in-the-dark" },
          { Name: "MonitoringSchedule", Value: "in-the-dark" },
        ],
      }),
    );
    assert.ok(Metrics.length > 0);
  });

  test("schedules and what they found are there after kill -9", async () => {
    const MonitoringScheduleName = "by-day";
    const before = await sagemaker.send(new ListMonitoringExecutionsCommand({ MonitoringScheduleName }));
    await server.killAndStartAgain();
    const after = await sagemaker.send(new ListMonitoringExecutionsCommand({ MonitoringScheduleName }));
    const schedule = await sagemaker.send(new DescribeMonitoringScheduleCommand({ MonitoringScheduleName }));
    assert.equal(before.MonitoringExecutionSummaries?.length, 1);
    assert.deepEqual(after.MonitoringExecutionSummaries, before.MonitoringExecutionSummaries);
    assert.equal(schedule.MonitoringScheduleStatus, "Scheduled");
  });

  test("a job that was under way at kill -9 begins again from nothing, and ends", async () => {
    const names = { ProcessingJobName: "interrupted" };
    const marker = join(server.dataDirectory, "first-run");
    const folder = "$SCONES_ML_PREFIX/processing/output";
    const script = `echo half > ${folder}/half; [ -e ${marker} ] || { touch ${marker}; sleep 60; }; rm ${folder}/half; echo whole > ${folder}/whole; :`;
    await sagemaker.send(
      new CreateProcessingJobCommand({
        ...names,
        AppSpecification: { ImageUri: `process:${script}` },
        ProcessingOutputConfig: { Outputs: [{ OutputName: "out", S3Output: output("s3://watched/interrupted") }] },
        ProcessingResources: cluster,
        RoleArn,
      }),
    );
    for (let attempt = 0; !existsSync(marker); attempt++) {
      assert.ok(attempt < 200, "the job does not begin");
      await sleep(50);
    }
    await server.killAndStartAgain();
    const waiting = { client: sagemaker, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
    await waitUntilProcessingJobCompletedOrStopped(waiting, names);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: "watched", Prefix: "interrupted/" }));
    assert.deepEqual(
      Contents.map(({ Key }) => Key),
      ["interrupted/whole"],
    );
  });

  async function deploy(EndpointName: string): Promise<void> {
    const model = `process:python3 ${join(clients, "picture_model.py")}`;
    const names = { ModelName: EndpointName, EndpointConfigName: EndpointName };
    await sagemaker.send(
      new CreateModelCommand({ ...names, PrimaryContainer: { Image: model }, ExecutionRoleArn: RoleArn }),
    );
    await sagemaker.send(
      new CreateEndpointConfigCommand({
        ...names,
        ProductionVariants: [{ ...names, VariantName: "AllTraffic", InitialInstanceCount: 1 }],
        DataCaptureConfig: {
          EnableCapture: true,
          InitialSamplingPercentage: 100,
          DestinationS3Uri: "s3://watched/captured",
          CaptureOptions: [{ CaptureMode: "InputAndOutput" }],
          CaptureContentTypeHeader: { JsonContentTypes: ["application/json"] },
        },
      }),
    );
    await sagemaker.send(new CreateEndpointCommand({ ...names, EndpointName }));
    await waitUntilEndpointInService(
      { client: sagemaker, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
      { EndpointName },
    );
  }

  async function show(EndpointName: string, light: number): Promise<void> {
    const runtime = new SageMakerRuntimeClient(server.aws);
    for (let i = 0; i < captured; i++) {
      const Body = stripes(i % 2 === 0 ? "upright" : "level", i, { light });
      await runtime.send(new InvokeEndpointCommand({ EndpointName, ContentType: "image/png", Body }));
    }
  }

  /** Of what the endpoint by day has captured, once all of it is written. */
  async function makeBaseline(): Promise<void> {
    for (let attempt = 0; (await capturedOf("by-day")) < captured; attempt++) {
      assert.ok(attempt < 600, "the captures are not written");
      await sleep(100);
    }
    const folder = "/opt/ml/processing/input/baseline";
    const names = { ProcessingJobName: "baseline" };
    await sagemaker.send(
      new CreateProcessingJobCommand({
        ...names,
        AppSpecification: { ImageUri: image },
        Environment: {
          dataset_format: '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
          dataset_source: folder,
          output_path: "/opt/ml/processing/output",
        },
        ProcessingInputs: [
          {
            InputName: "captures",
            S3Input: {
              S3Uri: "s3://watched/captured/by-day",
              LocalPath: folder,
              S3DataType: "S3Prefix",
              S3InputMode: "File",
            },
          },
        ],
        ProcessingOutputConfig: { Outputs: [{ OutputName: "baseline", S3Output: output("s3://watched/baseline") }] },
        ProcessingResources: cluster,
        RoleArn,
      }),
    );
    const waiting = { client: sagemaker, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
    await waitUntilProcessingJobCompletedOrStopped(waiting, names);
  }

  async function capturedOf(endpoint: string): Promise<number> {
    const Prefix = `captured/${endpoint}/`;
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: "watched", Prefix }));
    const texts = await Promise.all(Contents.map(({ Key }) => textOf(Key as string)));
    return texts.join("").split("\n").length - 1;
  }

  /** A schedule that runs once over the last hour; answers how its execution ended. */
  async function watchNow(name: string): Promise<MonitoringExecutionSummary> {
    await sagemaker.send(
      new CreateDataQualityJobDefinitionCommand({
        JobDefinitionName: name,
        DataQualityAppSpecification: { ImageUri: image, Environment: { publish_cloudwatch_metrics: "Enabled" } },
        DataQualityBaselineConfig: {
          ConstraintsResource: { S3Uri: "s3://watched/baseline/constraints.json" },
          StatisticsResource: { S3Uri: "s3://watched/baseline/statistics.json" },
        },
        DataQualityJobInput: { EndpointInput: { EndpointName: name, LocalPath: "/opt/ml/processing/input/endpoint" } },
        DataQualityJobOutputConfig: { MonitoringOutputs: [{ S3Output: output("s3://watched/reports") }] },
        JobResources: cluster,
        RoleArn,
      }),
    );
    const names = { MonitoringScheduleName: name };
    await sagemaker.send(
      new CreateMonitoringScheduleCommand({
        ...names,
        MonitoringScheduleConfig: {
          ScheduleConfig: { ScheduleExpression: "NOW", DataAnalysisStartTime: "-PT1H", DataAnalysisEndTime: "-PT0H" },
          MonitoringJobDefinitionName: name,
          MonitoringType: "DataQuality",
        },
      }),
    );
    for (let attempt = 0; attempt < 300; attempt++) {
      const { LastMonitoringExecutionSummary: last } = await sagemaker.send(
        new DescribeMonitoringScheduleCommand(names),
      );
      const status = last?.MonitoringExecutionStatus;
      if (last !== undefined && status !== "Pending" && status !== "InProgress") return last;
      await sleep(100);
    }
    throw new Error(`the execution of ${name} does not end`);
  }

  async function filesOf({ ProcessingJobArn = "" }: MonitoringExecutionSummary) {
    const ProcessingJobName = ProcessingJobArn.split("/").at(-1) as string;
    const job = await sagemaker.send(new DescribeProcessingJobCommand({ ProcessingJobName }));
    const folder = job.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri?.slice("s3://watched/".length);
    const read = async (name: string) => JSON.parse(await textOf(`${folder}/${name}`));
    const { violations } = (await read("constraint_violations.json")) as {
      violations: { feature_name: string; constraint_check_type: string }[];
    };
    const statistics = (await read("statistics.json")) as { dataset: { item_count: number } };
    return { statistics, violations, exitMessage: job.ExitMessage };
  }

  async function textOf(Key: string): Promise<string> {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "watched", Key }));
    return (await Body?.transformToString()) ?? "";
  }
});

describe("Model Monitor of the SageMaker Python SDK", {
  skip: !sagemakerPython && "SCONES_TEST_SAGEMAKER_PYTHON names no Python that has sagemaker",
}, () => {
  let server: Server;
  let saw: Record<string, unknown>;

  before(async () => {
    server = await startServer();
    saw = JSON.parse((await python(join(clients, "monitoring_sagemaker.py"))).trimEnd().split("\n").at(-1) ?? "");
  });
  after(() => server?.stop());

  test("runs a script of one's own over the captures, with the paths that it has on AWS", () => {
    assert.equal(saw["script"], "40 captured");
  });

  test("finds nothing by day, darkness in the dark, and worse answers than before", () => {
    assert.deepEqual([saw["day"], saw["dayViolations"], saw["dayCount"], saw["alerts"]], ["Completed", [], 40, ["OK"]]);
    assert.deepEqual([saw["dark"], saw["darkAlerts"]], ["CompletedWithViolations", ["InAlert"]]);
    assert.ok((saw["darkViolations"] as string[]).includes("picture_luminance"));
    assert.deepEqual([saw["quality"], saw["qualityViolations"]], ["CompletedWithViolations", ["accuracy"]]);
  });

  test("updates, stops, starts, finds and deletes schedules", () => {
    assert.deepEqual(saw["attached"], [{ ScheduleExpression: "cron(0 * ? * * *)" }, true]);
    assert.deepEqual([saw["stopped"], saw["executions"], saw["left"]], ["Stopped", 1, 0]);
  });

  test("does what docs/monitoring.md shows, and so does the AWS CLI", async () => {
    const page = readFileSync(join(projectFolder, "docs", "monitoring.md"), "utf8");
    const [code = ""] = blocksOf(page, "python");
    await python("-c", code);
    const commands = blocksOf(page, "sh").flatMap((block) => block.trim().split("\n"));
    assert.ok(commands.length >= 8);
    for (const command of existsSync(awsCli) ? commands : []) {
      const [, ...args] = command.split(" ");
      const env = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_DEFAULT_REGION: "us-east-1" };
      const ran = await runProgram(awsCli, ["--endpoint-url", server.url, ...args], { env });
      assert.equal(ran.exitCode, 0, `${command}: ${ran.stderr}`);
    }
  });

  /** In transparent mode. */
  async function python(...args: string[]): Promise<string> {
    const ran = await runProgram(
      process.execPath,
      [program, "run", "--endpoint", server.url, "--", sagemakerPython ?? "", ...args],
      { env: { PYTHONDONTWRITEBYTECODE: "1" } },
    );
    assert.equal(ran.exitCode, 0, ran.stderr);
    return ran.stdout;
  }
});

function output(S3Uri: string) {
  return { S3Uri, LocalPath: "/opt/ml/processing/output", S3UploadMode: "EndOfJob" } as const;
}

function blocksOf(page: string, language: string): string[] {
  return [...page.matchAll(/```(\w+)\n(.*?)```/gs)].flatMap(([, of, text]) => (of === language && text ? [text] : []));
}
