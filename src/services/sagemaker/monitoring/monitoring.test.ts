import assert from "node:assert/strict";
import { test } from "node:test";
import {
  analyzer,
  definition,
  hour,
  hourly,
  input,
  JobResources,
  monitoredWorld,
  output,
} from "../testing/monitoring.ts";

test("model quality joins captures and labels first, and analyses what came of it", async () => {
  const { open, clock, capture, created, blobs } = monitoredWorld();
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
  const { open, clock, created, blobs } = monitoredWorld();
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
  const { open, clock, capture } = monitoredWorld();
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
  const { open } = monitoredWorld();
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
  const { open } = monitoredWorld();
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
