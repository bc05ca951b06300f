import assert from "node:assert/strict";
import { test } from "node:test";
import type { CreateProcessingJobRequest } from "@aws-sdk/client-sagemaker";
import { memoryResources } from "../../../ports/memory-resources.ts";
import { testClock } from "../../../ports/test-clock.ts";
import { memoryBlobs } from "../../../serve/testing/world.ts";
import type { Call } from "../../../wire/service.ts";
import type { MonitoringOrigin, StoredProcessingJob } from "../processing/processing-job.ts";
import { arnOf, kindOf } from "../resource-names.ts";
import { monitoring } from "./monitoring.ts";

// Time is driven, and jobs end as the test says: what they compute is tested with the analyzer.

const call: Call = {
  requestId: "r",
  region: "us-east-1",
  accountId: "123456789012",
  baseUrl: "http://127.0.0.1:4566",
  signal: new AbortController().signal,
};
const start = Date.parse("2026-11-20T10:20:00Z");
const hour = 3_600_000;
const analyzer = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer";

function world() {
  const clock = testClock(start);
  const resources = memoryResources(clock);
  const blobs = memoryBlobs();
  const problems: string[] = [];
  const written: string[] = [];
  const created: (CreateProcessingJobRequest & { monitoring: MonitoringOrigin })[] = [];
  resources.put(kindOf("endpoint"), "pictures", {
    name: "pictures",
    current: {
      variants: [{ name: "AllTraffic" }],
      shadows: [{ name: "shadow" }],
      capture: { DestinationS3Uri: "s3://bucket/captured/", CaptureOptions: [], InitialSamplingPercentage: 100 },
    },
  });
  const open = () => {
    const service = monitoring({
      resources,
      blobs,
      clock,
      operations: { has: () => true, call: async () => ({ output: {}, requestId: "r" }) },
      programs: { "sagemaker-model-monitor-analyzer": () => ({ command: "true", args: [] }) },
      createJob: (request, origin) => {
        created.push({ ...request, monitoring: origin.monitoring });
        const name = request.ProcessingJobName as string;
        const job = { name, arn: arnOf("processing-job", name, origin), request, status: "InProgress", ...origin };
        resources.create(kindOf("processing-job"), name, job as never);
        service.onJob(job as never);
      },
      writeCaptures: async (endpointName) => void written.push(endpointName),
      report: (message, error) => problems.push(`${message}: ${(error as Error).stack}`),
    });
    service.resume();
    // biome-ignore lint/suspicious/noExplicitAny: tests read members of many different answers
    const ask = async (operation: string, input: object): Promise<any> => service.handlers[operation]?.(input, call);
    const end = async (changes: Partial<StoredProcessingJob>, place = -1) => {
      const name = created.at(place)?.ProcessingJobName as string;
      const job = resources.update<StoredProcessingJob>(kindOf("processing-job"), name, (old) => ({
        ...old,
        ...changes,
      }));
      service.onJob((job as NonNullable<typeof job>).value);
      await clock.advance(0);
    };
    const executions = async () =>
      (await ask("ListMonitoringExecutions", { SortBy: "ScheduledTime", SortOrder: "Ascending" }))
        .MonitoringExecutionSummaries;
    return { ...service, ask, end, executions };
  };
  const capture = (place: string) => blobs.put(`bucket/captured/pictures/${place}`, "{}\n");
  return { clock, resources, blobs, problems, written, created, open, capture };
}

const input = { EndpointInput: { EndpointName: "pictures", LocalPath: "/opt/ml/processing/input/endpoint" } };
const output = {
  MonitoringOutputs: [{ S3Output: { S3Uri: "s3://bucket/reports/", LocalPath: "/opt/ml/processing/output" } }],
};
const JobResources = { ClusterConfig: { InstanceCount: 1, InstanceType: "ml.m5.xlarge", VolumeSizeInGB: 20 } };
const definition = {
  JobDefinitionName: "quality",
  DataQualityAppSpecification: { ImageUri: analyzer, Environment: { publish_cloudwatch_metrics: "Enabled" } },
  DataQualityBaselineConfig: { ConstraintsResource: { S3Uri: "s3://bucket/base/constraints.json" } },
  DataQualityJobInput: input,
  DataQualityJobOutputConfig: output,
  JobResources,
  RoleArn: "arn:aws:iam::123456789012:role/scones",
};
const hourly = (changes: object = {}) => ({
  MonitoringScheduleName: "watch",
  MonitoringScheduleConfig: {
    ScheduleConfig: { ScheduleExpression: "cron(0 * ? * * *)" },
    MonitoringJobDefinitionName: "quality",
    MonitoringType: "DataQuality",
    ...changes,
  },
});

test("an hourly schedule begins at the full hour a job that reads the hour's captures of every variant that answers", async () => {
  const { open, clock, capture, created, written, problems } = world();
  const service = open();
  await service.ask("CreateDataQualityJobDefinition", definition);
  const { MonitoringScheduleArn } = await service.ask("CreateMonitoringSchedule", hourly());
  for (const place of [
    "AllTraffic/2026/11/20/10/30.jsonl",
    "shadow/2026/11/20/10/30.jsonl",
    "blue/2026/11/20/10/1.jsonl",
  ]) {
    await capture(place);
  }
  await clock.advance(39 * 60_000);
  assert.equal(created.length, 0);
  await clock.advance(60_000);
  assert.deepEqual(written, ["pictures"], "what was captured last is written before it is read");
  const [job] = created;
  const suffix = "[0-9a-f]{24}";
  assert.match(job?.ProcessingJobName as string, new RegExp(`^data-quality-monitoring-202611201100-${suffix}$`));
  assert.deepEqual(
    job?.ProcessingInputs?.map(({ InputName, S3Input }) => [InputName, S3Input?.S3Uri, S3Input?.LocalPath]),
    [
      ["constraints", "s3://bucket/base/constraints.json", "/opt/ml/processing/baseline/constraints"],
      [
        "endpoint_input_1",
        "s3://bucket/captured/pictures/AllTraffic/2026/11/20/10",
        "/opt/ml/processing/input/endpoint/pictures/AllTraffic/2026/11/20/10",
      ],
      [
        "endpoint_input_2",
        "s3://bucket/captured/pictures/blue/2026/11/20/10",
        "/opt/ml/processing/input/endpoint/pictures/blue/2026/11/20/10",
      ],
    ],
  );
  assert.deepEqual(job?.Environment, {
    publish_cloudwatch_metrics: "Enabled",
    dataset_format: '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
    start_time: "2026-11-20T10:00:00Z",
    end_time: "2026-11-20T11:00:00Z",
    metric_time: "2026-11-20T10:00:00Z",
    sagemaker_monitoring_schedule_name: "watch",
    sagemaker_endpoint_name: "pictures",
    output_path: "/opt/ml/processing/output",
    dataset_source: "/opt/ml/processing/input/endpoint",
    baseline_constraints: "/opt/ml/processing/baseline/constraints/constraints.json",
  });
  assert.equal(
    job?.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri,
    "s3://bucket/reports/pictures/watch/2026/11/20/11",
  );
  assert.equal(job?.monitoring.scheduleArn, MonitoringScheduleArn);
  await service.end({ status: "Completed", exitMessage: "CompletedWithViolations: 2 violations." });
  const described = await service.ask("DescribeMonitoringSchedule", { MonitoringScheduleName: "watch" });
  assert.equal(described.MonitoringScheduleStatus, "Scheduled");
  assert.equal(described.EndpointName, "pictures");
  const { ProcessingJobArn, ...summary } = described.LastMonitoringExecutionSummary;
  assert.equal(ProcessingJobArn, `arn:aws:sagemaker:us-east-1:123456789012:processing-job/${job?.ProcessingJobName}`);
  assert.deepEqual(summary, {
    MonitoringScheduleName: "watch",
    ScheduledTime: new Date("2026-11-20T11:00:00Z"),
    CreationTime: new Date("2026-11-20T11:00:00Z"),
    LastModifiedTime: new Date("2026-11-20T11:00:00Z"),
    MonitoringExecutionStatus: "CompletedWithViolations",
    EndpointName: "pictures",
    MonitoringJobDefinitionName: "quality",
    MonitoringType: "DataQuality",
  });
  await service.close();
  assert.deepEqual(problems, []);
});

test("an hour without captures is an execution that failed for having no data", async () => {
  const { open, clock, created } = world();
  const service = open();
  await service.ask("CreateDataQualityJobDefinition", definition);
  await service.ask("CreateMonitoringSchedule", hourly());
  await clock.advance(2 * hour);
  const executions = await service.executions();
  assert.deepEqual(
    executions.map((one: Record<string, unknown>) => [one["MonitoringExecutionStatus"], one["FailureReason"]]),
    [
      ["Failed", "Job inputs had no data"],
      ["Failed", "Job inputs had no data"],
    ],
  );
  assert.equal(created.length, 0);
});

test("hours that passed while the server did not run are looked at where something was captured", async () => {
  const { open, clock, capture, created } = world();
  const first = open();
  await first.ask("CreateDataQualityJobDefinition", definition);
  await first.ask("CreateMonitoringSchedule", hourly());
  await first.close();
  await capture("AllTraffic/2026/11/20/11/00-00-000-x.jsonl");
  await clock.advance(5 * hour);
  const second = open();
  await clock.advance(0);
  await clock.advance(1);
  const executions = await second.executions();
  assert.deepEqual(
    executions.map(({ ScheduledTime }: { ScheduledTime: Date }) => ScheduledTime.toISOString()),
    ["2026-11-20T12:00:00.000Z", "2026-11-20T15:00:00.000Z"],
    "the hour that has just ended is due, whether or not something was captured",
  );
  assert.equal(created.length, 1);
  await clock.advance(hour);
  assert.equal((await second.executions()).length, 3);
});

test("what was due while a schedule stood still is not made up for", async () => {
  const { open, clock, capture, created } = world();
  const service = open();
  await service.ask("CreateDataQualityJobDefinition", definition);
  await service.ask("CreateMonitoringSchedule", hourly());
  await service.ask("StopMonitoringSchedule", { MonitoringScheduleName: "watch" });
  await capture("AllTraffic/2026/11/20/10/00-00-000-x.jsonl");
  await clock.advance(3 * hour);
  const { MonitoringScheduleStatus } = await service.ask("DescribeMonitoringSchedule", {
    MonitoringScheduleName: "watch",
  });
  await service.ask("StartMonitoringSchedule", { MonitoringScheduleName: "watch" });
  await clock.advance(30 * 60_000);
  assert.equal(MonitoringScheduleStatus, "Stopped");
  assert.deepEqual([created.length, (await service.executions()).length], [0, 0]);
  await clock.advance(hour);
  assert.equal((await service.executions()).length, 1);
});

test("an execution whose job was not yet begun when the server ended is begun once", async () => {
  const { open, clock, capture, created, resources } = world();
  await capture("AllTraffic/2026/11/20/10/00-00-000-x.jsonl");
  const first = open();
  await first.ask("CreateDataQualityJobDefinition", definition);
  await first.ask("CreateMonitoringSchedule", hourly());
  await clock.advance(hour);
  await first.close();
  const name = created[0]?.ProcessingJobName as string;
  resources.delete(kindOf("processing-job"), name); // the server ended between the two writes
  const second = open();
  await clock.advance(1);
  assert.deepEqual(
    created.map((job) => job.ProcessingJobName),
    [name, name],
  );
  await second.close();
  open();
  await clock.advance(1);
  assert.equal(created.length, 2);
});

test("a schedule that runs once looks at its own window at once, and again when it is started again", async () => {
  const { open, clock, capture, created } = world();
  await capture("AllTraffic/2026/11/20/09/00-00-000-x.jsonl");
  const service = open();
  await service.ask("CreateDataQualityJobDefinition", definition);
  const ScheduleConfig = { ScheduleExpression: "NOW", DataAnalysisStartTime: "-PT1H", DataAnalysisEndTime: "-PT0H" };
  await service.ask("CreateMonitoringSchedule", hourly({ ScheduleConfig }));
  await clock.advance(1);
  assert.equal(created[0]?.Environment?.["start_time"], "2026-11-20T09:20:00Z");
  assert.equal(created[0]?.Environment?.["end_time"], "2026-11-20T10:20:00Z");
  assert.equal(
    created[0]?.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri,
    "s3://bucket/reports/pictures/watch/2026/11/20/10/20-00-000",
  );
  await clock.advance(5 * hour);
  assert.equal(created.length, 1);
  await service.ask("StopMonitoringSchedule", { MonitoringScheduleName: "watch" });
  await service.ask("StartMonitoringSchedule", { MonitoringScheduleName: "watch" });
  await clock.advance(1);
  assert.equal((await service.executions()).length, 2);
});

test("model quality joins captures and labels first, and analyses what came of it", async () => {
  const { open, clock, capture, created, blobs } = world();
  await capture("AllTraffic/2026/11/20/10/00-00-000-x.jsonl");
  await blobs.put("bucket/labels/2026/11/20/10/one.jsonl", "{}");
  const service = open();
  const { DataQualityBaselineConfig: baseline } = definition;
  await service.ask("CreateModelQualityJobDefinition", {
    JobDefinitionName: "quality",
    ModelQualityAppSpecification: { ImageUri: analyzer, ProblemType: "BinaryClassification" },
    ModelQualityBaselineConfig: baseline,
    ModelQualityJobInput: { ...input, GroundTruthS3Input: { S3Uri: "s3://bucket/labels" } },
    ModelQualityJobOutputConfig: output,
    JobResources,
    RoleArn: definition.RoleArn,
  });
  await service.ask("CreateMonitoringSchedule", hourly({ MonitoringType: "ModelQuality" }));
  await clock.advance(40 * 60_000);
  const [merge] = created;
  assert.match(merge?.ProcessingJobName as string, /^groundtruth-merge-202611201100-/);
  assert.equal(merge?.AppSpecification?.ImageUri, analyzer.replace("analyzer", "groundtruth-merger"));
  assert.deepEqual(
    merge?.ProcessingInputs?.map(({ S3Input }) => S3Input?.LocalPath),
    [
      "/opt/ml/processing/groundtruth/2026/11/20/10",
      "/opt/ml/processing/input/endpoint/pictures/AllTraffic/2026/11/20/10",
    ],
  );
  const merged = merge?.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri as string;
  await blobs.put(`${merged.slice("s3://".length)}/pictures/AllTraffic/x.jsonl`, "{}");
  await service.end({ status: "Completed" });
  const analysis = created[1];
  assert.match(analysis?.ProcessingJobName as string, /^model-quality-monitoring-202611201100-/);
  assert.equal(analysis?.ProcessingInputs?.at(-1)?.S3Input?.S3Uri, merged);
  assert.equal(analysis?.Environment?.["analysis_type"], "MODEL_QUALITY");
  assert.equal(analysis?.Environment?.["problem_type"], "BinaryClassification");
  assert.equal((await service.executions())[0].MonitoringExecutionStatus, "InProgress");
  await service.end({ status: "Failed", failureReason: "AlgorithmError: no", exitMessage: "no" });
  const [execution] = await service.executions();
  assert.deepEqual([execution.MonitoringExecutionStatus, execution.FailureReason], ["Failed", "AlgorithmError: no"]);
});

test("a batch transform's captures are the objects that its manifests name", async () => {
  const { open, clock, created, blobs } = world();
  await blobs.put("bucket/batch/input/2026/11/20/10/job.json", "[]");
  const service = open();
  const BatchTransformInput = {
    DataCapturedDestinationS3Uri: "s3://bucket/batch",
    DatasetFormat: { Csv: { Header: true } },
    LocalPath: "/opt/ml/processing/input/batch",
  };
  await service.ask("CreateDataQualityJobDefinition", { ...definition, DataQualityJobInput: { BatchTransformInput } });
  await service.ask("CreateMonitoringSchedule", hourly());
  await clock.advance(hour);
  const [job] = created;
  assert.equal(job?.Environment?.["dataset_format"], '{"csv":{"header":true}}');
  assert.deepEqual(job?.ProcessingInputs?.at(-1)?.S3Input, {
    LocalPath: "/opt/ml/processing/input/batch/2026/11/20/10/job.json",
    S3Uri: "s3://bucket/batch/input/2026/11/20/10/job.json",
    S3DataDistributionType: "FullyReplicated",
    S3DataType: "ManifestFile",
    S3InputMode: "File",
    S3CompressionType: "None",
  });
  assert.equal(job?.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri, "s3://bucket/reports/watch/2026/11/20/11");
});

test("the alert of a schedule is on while enough of its last executions found violations", async () => {
  const { open, clock, capture } = world();
  const service = open();
  await service.ask("CreateDataQualityJobDefinition", definition);
  await service.ask("CreateMonitoringSchedule", hourly());
  const alert = { MonitoringScheduleName: "watch", MonitoringAlertName: "watch" };
  await service.ask("UpdateMonitoringAlert", { ...alert, DatapointsToAlert: 2, EvaluationPeriod: 2 });
  const statuses: string[] = [];
  for (const exitMessage of ["CompletedWithViolations: 1", "CompletedWithViolations: 1", "Completed: none"]) {
    await capture(`AllTraffic/2026/11/20/${10 + statuses.length}/00-00-000-x.jsonl`);
    await clock.advance(hour);
    await service.end({ status: "Completed", exitMessage });
    const { MonitoringAlertSummaries } = await service.ask("ListMonitoringAlerts", alert);
    statuses.push(MonitoringAlertSummaries[0].AlertStatus);
  }
  const history = await service.ask("ListMonitoringAlertHistory", {
    MonitoringScheduleName: "watch",
    StatusEquals: "InAlert",
  });
  assert.deepEqual(statuses, ["OK", "InAlert", "OK"]);
  assert.deepEqual(history.MonitoringAlertHistory, [
    { ...alert, CreationTime: new Date("2026-11-20T12:20:00Z"), AlertStatus: "InAlert" },
  ]);
});

test("definitions and schedules are listed, updated, deleted and refused as they should be", async () => {
  const { open } = world();
  const service = open();
  const { ask } = service;
  await ask("CreateDataQualityJobDefinition", definition);
  await assert.rejects(ask("CreateDataQualityJobDefinition", definition), { code: "ResourceInUse" });
  await ask("CreateMonitoringSchedule", hourly());
  await assert.rejects(ask("CreateMonitoringSchedule", hourly()), { code: "ResourceInUse" });
  const listed = await ask("ListMonitoringSchedules", {
    EndpointName: "pictures",
    MonitoringTypeEquals: "DataQuality",
  });
  assert.deepEqual(listed.MonitoringScheduleSummaries[0].MonitoringScheduleName, "watch");
  const others = await ask("ListMonitoringSchedules", { MonitoringTypeEquals: "ModelQuality" });
  assert.deepEqual(others.MonitoringScheduleSummaries, []);
  const definitions = await ask("ListDataQualityJobDefinitions", { EndpointName: "pictures" });
  assert.equal(definitions.JobDefinitionSummaries[0].EndpointName, "pictures");
  const { CreationTime, ...described } = await ask("DescribeDataQualityJobDefinition", {
    JobDefinitionName: "quality",
  });
  assert.deepEqual(described, {
    ...definition,
    JobDefinitionArn: "arn:aws:sagemaker:us-east-1:123456789012:data-quality-job-definition/quality",
  });
  assert.ok(CreationTime instanceof Date);
  const update = hourly({ ScheduleConfig: { ScheduleExpression: "cron(0 4 ? * * *)" } });
  await ask("UpdateMonitoringSchedule", update);
  const { MonitoringScheduleConfig } = await ask("DescribeMonitoringSchedule", { MonitoringScheduleName: "watch" });
  assert.deepEqual(MonitoringScheduleConfig, update.MonitoringScheduleConfig);
  const quality = { JobDefinitionName: "quality" };
  await assert.rejects(ask("DeleteDataQualityJobDefinition", quality), /is used by the monitoring schedule "watch"/);
  await ask("DeleteMonitoringSchedule", { MonitoringScheduleName: "watch" });
  await ask("DeleteDataQualityJobDefinition", quality);
  await assert.rejects(ask("DescribeMonitoringSchedule", { MonitoringScheduleName: "watch" }), {
    code: "ResourceNotFound",
    message: /monitoring-schedule\/watch/,
  });
  await assert.rejects(ask("CreateMonitoringSchedule", hourly()), { code: "ResourceNotFound" });
});

test("what can only fail at its hour is refused at once", async () => {
  const { open } = world();
  const { ask } = open();
  const of = (changes: object) => ask("CreateDataQualityJobDefinition", { ...definition, ...changes });
  await assert.rejects(of({ DataQualityAppSpecification: { ImageUri: "1.dkr.ecr/clarify:1" } }), /cannot be run here/);
  await assert.rejects(of({ DataQualityJobInput: {} }), /either an EndpointInput or a BatchTransformInput/);
  await ask("CreateDataQualityJobDefinition", {
    ...definition,
    DataQualityJobInput: { EndpointInput: { ...input.EndpointInput, EndpointName: "absent" } },
  });
  await assert.rejects(ask("CreateMonitoringSchedule", hourly()), /Could not find endpoint "absent"/);
  const bias = hourly({ MonitoringType: "ModelBias" });
  await assert.rejects(ask("CreateMonitoringSchedule", bias), /MonitoringType ModelBias is not supported by Scones/);
});
