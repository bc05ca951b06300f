import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsConformance } from "../../ports/metrics-conformance.ts";
import { testMonitoring } from "./testing/monitoring.ts";

const topic = "arn:aws:sns:us-east-1:000000000000:ops";
const settings = {
  AlarmName: "slow",
  AlarmDescription: "too slow",
  Namespace: "Shop",
  MetricName: "Latency",
  Statistic: "Maximum",
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 10,
  ComparisonOperator: "GreaterThanThreshold",
  AlarmActions: [topic],
};

metricsConformance("monitoring", (context) => {
  const { call, metrics } = testMonitoring(context);
  return {
    metrics,
    setAlarm(AlarmName, StateValue) {
      if (!metrics.alarmStates([AlarmName]).has(AlarmName)) void call("PutMetricAlarm", { ...settings, AlarmName });
      void call("SetAlarmState", { AlarmName, StateValue, StateReason: "a test" });
    },
  };
});

test("an alarm fires when the minute of the breach is over, and tells its topic once", async (context) => {
  const { call, put, alarm, clock, told } = testMonitoring(context);
  await call("PutMetricAlarm", settings);
  assert.equal((await alarm("slow")).StateValue, "INSUFFICIENT_DATA");
  await clock.advance(30_000);
  await put([{ MetricName: "Latency", Value: 25 }]);
  await clock.advance(29_000);
  assert.equal((await alarm("slow")).StateValue, "INSUFFICIENT_DATA");
  await clock.advance(2000);
  const { StateValue, StateReason } = await alarm("slow");
  assert.equal(StateValue, "ALARM");
  assert.match(
    StateReason,
    /^Threshold Crossed: 1 out of the last 1 datapoints \[25\.0 \(01\/01\/26 00:00:00\)\] was greater/,
  );
  await clock.advance(5000);
  const published = told.filter(({ to }) => to === "sns Publish");
  assert.equal(published.length, 1);
  assert.equal(published[0]?.what.TopicArn, topic);
  assert.equal(published[0]?.what.Subject, 'ALARM: "slow" in US East (N. Virginia)');
  const message = JSON.parse(published[0]?.what.Message);
  assert.deepEqual(
    [
      message.AlarmName,
      message.OldStateValue,
      message.NewStateValue,
      message.StateChangeTime,
      message.Trigger.Statistic,
    ],
    ["slow", "INSUFFICIENT_DATA", "ALARM", "2026-01-01T00:01:00.000+0000", "MAXIMUM"],
  );
});

test("an alarm returns when values are good again, and knows nothing when there are none", async (context) => {
  const { call, put, alarm, clock } = testMonitoring(context);
  await call("PutMetricAlarm", settings);
  await put([{ MetricName: "Latency", Value: 25 }]);
  await clock.advance(60_000);
  assert.equal((await alarm("slow")).StateValue, "ALARM");
  await put([{ MetricName: "Latency", Value: 5 }]);
  await clock.advance(60_000);
  assert.equal((await alarm("slow")).StateValue, "OK");
  await clock.advance(240_000);
  assert.equal((await alarm("slow")).StateValue, "INSUFFICIENT_DATA");
  const { AlarmHistoryItems } = await call("DescribeAlarmHistory", {
    AlarmName: "slow",
    HistoryItemType: "StateUpdate",
  });
  assert.deepEqual(
    AlarmHistoryItems.map(({ HistorySummary }: { HistorySummary: string }) => HistorySummary),
    [
      "Alarm updated from OK to INSUFFICIENT_DATA",
      "Alarm updated from ALARM to OK",
      "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ],
  );
});

test("an alarm of high resolution is looked at every ten seconds", async (context) => {
  const { call, put, alarm, clock } = testMonitoring(context);
  await call("PutMetricAlarm", { ...settings, Period: 10 });
  await put([{ MetricName: "Latency", Value: 25, StorageResolution: 1 }]);
  await clock.advance(10_000);
  assert.equal((await alarm("slow")).StateValue, "ALARM");
});

test("an alarm over math watches what the math gives", async (context) => {
  const { call, put, alarm, clock } = testMonitoring(context);
  const stat = (Id: string, MetricName: string) => ({
    Id,
    MetricStat: { Metric: { Namespace: "Shop", MetricName }, Period: 60, Stat: "Sum" },
    ReturnData: false,
  });
  const { Namespace: _n, MetricName: _m, Statistic: _s, Period: _p, ...rest } = settings;
  const Metrics = [
    stat("errors", "Errors"),
    stat("calls", "Calls"),
    { Id: "rate", Expression: "100 * errors / calls" },
  ];
  await call("PutMetricAlarm", { ...rest, Metrics });
  await put([
    { MetricName: "Calls", Value: 100 },
    { MetricName: "Errors", Value: 11 },
  ]);
  await clock.advance(60_000);
  assert.equal((await alarm("slow")).StateValue, "ALARM");
});

test("functions and rules are told in the shapes they know", async (context) => {
  const { call, clock, told } = testMonitoring(context);
  const target = "arn:aws:lambda:us-east-1:000000000000:function:page-me";
  await call("PutMetricAlarm", { ...settings, AlarmActions: [], OKActions: [target] });
  await call("SetAlarmState", { AlarmName: "slow", StateValue: "OK", StateReason: "because" });
  await clock.advance(1000);
  const event = told.find(({ to }) => to === target)?.what;
  assert.deepEqual(
    [event.source, event.alarmData.alarmName, event.alarmData.state.value, event.alarmData.previousState.value],
    ["aws.cloudwatch", "slow", "OK", "INSUFFICIENT_DATA"],
  );
  const announced = told.find(({ to }) => to === "events")?.what;
  assert.equal(announced.detailType, "CloudWatch Alarm State Change");
  assert.deepEqual(announced.detail.configuration.metrics[0].metricStat, {
    metric: { namespace: "Shop", name: "Latency", dimensions: {} },
    period: 60,
    stat: "Maximum",
  });
});

test("disabled actions are not done, and the state changes all the same", async (context) => {
  const { call, alarm, clock, told } = testMonitoring(context);
  await call("PutMetricAlarm", settings);
  await call("DisableAlarmActions", { AlarmNames: ["slow"] });
  await call("SetAlarmState", { AlarmName: "slow", StateValue: "ALARM", StateReason: "a test" });
  await clock.advance(1000);
  assert.deepEqual(
    told.map(({ to }) => to),
    ["events"],
  );
  assert.deepEqual([(await alarm("slow")).ActionsEnabled, (await alarm("slow")).StateValue], [false, "ALARM"]);
});

test("alarms and what they have to tell survive the end of the process", async (context) => {
  const first = testMonitoring(context);
  await first.call("PutMetricAlarm", settings);
  await first.call("SetAlarmState", { AlarmName: "slow", StateValue: "ALARM", StateReason: "a test" });
  await first.close();
  const second = testMonitoring(context, first);
  assert.equal((await second.alarm("slow")).StateValue, "ALARM");
  await second.clock.advance(2000);
  assert.deepEqual(second.told.map(({ to }) => to).sort(), ["events", "sns Publish"]);
  await second.put([{ MetricName: "Latency", Value: 1 }]);
  await second.clock.advance(60_000);
  assert.equal((await second.alarm("slow")).StateValue, "OK");
});

test("alarms are found by name, prefix, state and metric, in pages, and deleted", async (context) => {
  const { call } = testMonitoring(context);
  for (const AlarmName of ["a1", "a2", "b1"]) await call("PutMetricAlarm", { ...settings, AlarmName });
  await call("SetAlarmState", { AlarmName: "b1", StateValue: "OK", StateReason: "a test" });
  const found = async (input: object) =>
    (await call("DescribeAlarms", input)).MetricAlarms.map(({ AlarmName }: { AlarmName: string }) => AlarmName);
  assert.deepEqual(await found({ AlarmNamePrefix: "a" }), ["a1", "a2"]);
  assert.deepEqual(await found({ StateValue: "OK" }), ["b1"]);
  const page = await call("DescribeAlarms", { MaxRecords: 2 });
  assert.deepEqual(await found({ MaxRecords: 2, NextToken: page.NextToken }), ["b1"]);
  const { MetricAlarms } = await call("DescribeAlarmsForMetric", { Namespace: "Shop", MetricName: "Latency" });
  assert.equal(MetricAlarms.length, 3);
  await call("DeleteAlarms", { AlarmNames: ["a1", "a2"] });
  assert.deepEqual(await found({}), ["b1"]);
  await assert.rejects(call("DeleteAlarms", { AlarmNames: ["a1"] }), { code: "ResourceNotFound" });
});

test("alarms that could not be evaluated or could tell nobody are refused", async (context) => {
  const { call } = testMonitoring(context);
  const refused = (change: object, message: RegExp) =>
    assert.rejects(async () => call("PutMetricAlarm", { ...settings, ...change }), message);
  await refused({ Period: 45 }, /Period/);
  await refused({ Statistic: undefined }, /Statistic/);
  await refused({ DatapointsToAlarm: 2 }, /DatapointsToAlarm/);
  await refused({ TreatMissingData: "sometimes" }, /TreatMissingData/);
  await refused({ ThresholdMetricId: "ad1" }, /Anomaly detection/);
  await refused({ ComparisonOperator: "GreaterThanUpperThreshold" }, /anomaly detection/);
  await refused({ AlarmActions: ["arn:aws:automate:us-east-1:ec2:stop"] }, /topics and functions/);
  await refused({ AlarmActions: ["ops"] }, /Invalid arn syntax/);
  await refused({ EvaluationPeriods: 2000 }, /cannot be checked across more than 86400 seconds/);
  for (const AlarmName of ["1", "2", "3", "4", "5"]) await call("PutMetricAlarm", { ...settings, AlarmName });
  await refused({ AlarmName: "6" }, /maximum limit of 5 alarms/);
  await assert.rejects(async () => call("SetAlarmState", { AlarmName: "none", StateValue: "OK", StateReason: "" }), {
    code: "ResourceNotFound",
  });
});

test("an alarm keeps the tags that it was made with, until it is tagged otherwise or goes", async (context) => {
  const { call, alarm } = testMonitoring(context);
  await call("PutMetricAlarm", { ...settings, Tags: [{ Key: "team", Value: "ops" }] });
  await call("PutMetricAlarm", { ...settings, Threshold: 11, Tags: [{ Key: "team", Value: "other" }] });
  const ResourceARN = (await alarm("slow")).AlarmArn;
  const tags = async () => (await call("ListTagsForResource", { ResourceARN })).Tags;
  assert.deepEqual(await tags(), [{ Key: "team", Value: "ops" }]);
  await call("TagResource", { ResourceARN, Tags: [{ Key: "stage", Value: "dev" }] });
  await call("UntagResource", { ResourceARN, TagKeys: ["team"] });
  assert.deepEqual(await tags(), [{ Key: "stage", Value: "dev" }]);
  await call("DeleteAlarms", { AlarmNames: ["slow"] });
  await assert.rejects(tags(), { code: "ResourceNotFoundException" });
});
