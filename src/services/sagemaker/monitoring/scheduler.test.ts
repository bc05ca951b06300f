import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf } from "../resource-names.ts";
import { definition, hour, hourly, monitoredWorld } from "../testing/monitoring.ts";

test("an hourly schedule begins at the full hour a job that reads the hour's captures of every variant that answers", async () => {
  const { open, clock, capture, created, written, problems } = monitoredWorld();
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
  const { open, clock, created } = monitoredWorld();
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
  const { open, clock, capture, created } = monitoredWorld();
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
  const { open, clock, capture, created } = monitoredWorld();
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
  const { open, clock, capture, created, resources } = monitoredWorld();
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
  const { open, clock, capture, created } = monitoredWorld();
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
