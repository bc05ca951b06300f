// CloudWatch as its clients of all ages meet it: three protocols, one set of metrics and alarms.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import {
  CloudWatchClient,
  DescribeAlarmHistoryCommand,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
  paginateListMetrics,
  SetAlarmStateCommand,
  waitUntilAlarmExists,
} from "@aws-sdk/client-cloudwatch";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createFunction } from "./functions.ts";
import { runProgram, type Server, startServer } from "./server.ts";

const python = "/usr/bin/python3";
const awsCli = "/usr/bin/aws";
const hasBoto3 = existsSync("/usr/lib/python3/dist-packages/boto3");

let server: Server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

const metric = { Namespace: "Shop", MetricName: "Latency", Dimensions: [{ Name: "Page", Value: "cart" }] };
const lastHour = () => ({ StartTime: new Date(Date.now() - 3_600_000), EndTime: new Date(Date.now() + 60_000) });

describe("metrics", () => {
  test("the SDK puts data and reads statistics, percentiles and math", async () => {
    const cloudWatch = new CloudWatchClient(server.aws);
    const Values = Array.from({ length: 100 }, (_, index) => index + 1);
    const MetricData = [
      { MetricName: "Latency", Dimensions: metric.Dimensions, Values, Unit: "Milliseconds" as const },
    ];
    await cloudWatch.send(new PutMetricDataCommand({ Namespace: "Shop", MetricData }));
    const { Datapoints = [] } = await cloudWatch.send(
      new GetMetricStatisticsCommand({
        ...metric,
        ...lastHour(),
        Period: 3600,
        Statistics: ["Average", "SampleCount"],
        ExtendedStatistics: ["p90"],
      }),
    );
    const total = Datapoints.reduce((sum, { SampleCount = 0 }) => sum + SampleCount, 0);
    assert.deepEqual(
      [total, Datapoints.at(-1)?.ExtendedStatistics, Datapoints.at(-1)?.Unit],
      [100, { p90: 90 }, "Milliseconds"],
    );
    const { MetricDataResults = [] } = await cloudWatch.send(
      new GetMetricDataCommand({
        ...lastHour(),
        MetricDataQueries: [
          { Id: "most", MetricStat: { Metric: metric, Period: 60, Stat: "Maximum" }, ReturnData: false },
          { Id: "double", Expression: "most * 2", Label: "twice" },
        ],
      }),
    );
    assert.deepEqual(
      MetricDataResults.map(({ Id, Label, Values: values }) => [Id, Label, values]),
      [["double", "twice", [200]]],
    );
  });

  test("all metrics are found page by page", async () => {
    const client = new CloudWatchClient(server.aws);
    for (const part of [0, 1]) {
      const MetricData = Array.from({ length: 300 }, (_, index) => ({ MetricName: `m${part}-${index}`, Value: 1 }));
      await client.send(new PutMetricDataCommand({ Namespace: "Many", MetricData }));
    }
    const names: unknown[] = [];
    for await (const { Metrics = [] } of paginateListMetrics({ client }, { Namespace: "Many" })) names.push(...Metrics);
    assert.equal(names.length, 600);
  });

  test("a refusal is the SDK's own exception", async () => {
    const cloudWatch = new CloudWatchClient(server.aws);
    const MetricData = [{ MetricName: "x", Value: 1, Values: [1] }];
    await assert.rejects(cloudWatch.send(new PutMetricDataCommand({ Namespace: "Shop", MetricData })), {
      name: "InvalidParameterCombinationException",
    });
  });

  test("an old boto3, which speaks the query protocol, puts and reads", {
    skip: !hasBoto3 && "python3-boto3 is not installed",
  }, async () => {
    const ran = await runProgram(python, ["-c", boto3Script], { env: environment() });
    assert.equal(ran.exitCode, 0, ran.stderr);
    assert.equal(ran.stdout.trim(), "[(6.0, 3.0)] ['Orders'] InvalidParameterValue ResourceNotFound ['python']");
  });

  test("the AWS CLI puts, reads and lists", { skip: !existsSync(awsCli) && "awscli is not installed" }, async () => {
    const aws = async (...given: string[]) => {
      const ran = await runProgram(awsCli, ["--endpoint-url", server.url, "cloudwatch", ...given], {
        env: environment(),
      });
      assert.equal(ran.exitCode, 0, ran.stderr);
      return ran.stdout === "" ? undefined : JSON.parse(ran.stdout);
    };
    await aws("put-metric-data", "--namespace", "Cli", "--metric-name", "Calls", "--value", "7", "--dimensions", "A=b");
    const { Metrics } = await aws("list-metrics", "--namespace", "Cli");
    assert.deepEqual(Metrics, [{ Namespace: "Cli", MetricName: "Calls", Dimensions: [{ Name: "A", Value: "b" }] }]);
    const { StartTime, EndTime } = lastHour();
    const times = ["--start-time", StartTime.toISOString(), "--end-time", EndTime.toISOString()];
    const named = ["--namespace", "Cli", "--metric-name", "Calls", "--dimensions", "Name=A,Value=b"];
    const { Datapoints } = await aws(
      "get-metric-statistics",
      ...named,
      ...times,
      "--period",
      "60",
      "--statistics",
      "Sum",
    );
    assert.equal(Datapoints[0].Sum, 7);
  });
});

describe("alarms", () => {
  test("an alarm of short periods fires by itself, and a topic, a queue and a function hear of it", async () => {
    const queue = await subscribedQueue("ops");
    const called = await openQueue("called");
    const source = `import { SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";
      export const handler = async ({ alarmData: { alarmName, state } }) => {
        const MessageBody = alarmName + " " + state.value;
        await new SQSClient({}).send(new SendMessageCommand({ QueueUrl: ${JSON.stringify(called.url)}, MessageBody }));
      };`;
    const runtime = "nodejs20.x";
    await createFunction(new LambdaClient(server.aws), { name: "page-me", runtime, file: "index.mjs", source });
    const functionArn = "arn:aws:lambda:us-east-1:000000000000:function:page-me";
    const cloudWatch = new CloudWatchClient(server.aws);
    await cloudWatch.send(
      new PutMetricAlarmCommand({
        ...metric,
        AlarmName: "slow-cart",
        MetricName: "Spike",
        Statistic: "Maximum",
        Period: 10,
        EvaluationPeriods: 1,
        Threshold: 100,
        ComparisonOperator: "GreaterThanThreshold",
        TreatMissingData: "notBreaching",
        AlarmActions: [queue.topicArn, functionArn],
      }),
    );
    await waitUntilAlarmExists({ client: cloudWatch, maxWaitTime: 30 }, { AlarmNames: ["slow-cart"] });
    const MetricData = [{ MetricName: "Spike", Dimensions: metric.Dimensions, Value: 500, StorageResolution: 1 }];
    await cloudWatch.send(new PutMetricDataCommand({ Namespace: "Shop", MetricData }));
    const message = JSON.parse(JSON.parse(await queue.next()).Message);
    assert.deepEqual(
      [message.AlarmName, message.NewStateValue, message.Trigger.Namespace],
      ["slow-cart", "ALARM", "Shop"],
    );
    assert.equal(await called.next(), "slow-cart ALARM");
    const { AlarmHistoryItems = [] } = await cloudWatch.send(
      new DescribeAlarmHistoryCommand({ AlarmName: "slow-cart", HistoryItemType: "StateUpdate" }),
    );
    assert.match(AlarmHistoryItems[0]?.HistorySummary ?? "", / to ALARM$/);
  });

  test("an alarm's state survives kill -9", async () => {
    const cloudWatch = new CloudWatchClient(server.aws);
    await cloudWatch.send(
      new PutMetricAlarmCommand({
        ...metric,
        AlarmName: "kept",
        Statistic: "Sum",
        Period: 3600,
        EvaluationPeriods: 1,
        Threshold: 1e9,
        ComparisonOperator: "GreaterThanThreshold",
        TreatMissingData: "ignore",
      }),
    );
    await cloudWatch.send(
      new SetAlarmStateCommand({
        AlarmName: "kept",
        StateValue: "ALARM",
        StateReason: "a drill",
        StateReasonData: "{}",
      }),
    );
    await server.killAndStartAgain();
    const { MetricAlarms = [] } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: ["kept"] }));
    assert.deepEqual([MetricAlarms[0]?.StateValue, MetricAlarms[0]?.StateReason], ["ALARM", "a drill"]);
  });
});

async function openQueue(name: string) {
  const sqs = new SQSClient(server.aws);
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const next = async () => {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 20 }));
    return Messages[0]?.Body ?? "";
  };
  return { url, next };
}

/** A topic whose messages come into a queue. */
async function subscribedQueue(name: string) {
  const queue = await openQueue(name);
  const sns = new SNSClient(server.aws);
  const { TopicArn: topicArn = "" } = await sns.send(new CreateTopicCommand({ Name: name }));
  const Endpoint = `arn:aws:sqs:us-east-1:000000000000:${name}`;
  await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: "sqs", Endpoint }));
  return { ...queue, topicArn };
}

function environment(): Record<string, string> {
  const { accessKeyId, secretAccessKey } = server.aws.credentials;
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: server.aws.region,
    AWS_DEFAULT_OUTPUT: "json",
    SCONES_URL: server.url,
  };
}

const boto3Script = `
import boto3, datetime, os
from botocore.exceptions import ClientError
cw = boto3.client("cloudwatch", endpoint_url=os.environ["SCONES_URL"])
cw.put_metric_data(Namespace="Py", MetricData=[
    {"MetricName": "Orders", "Value": 2.0, "Dimensions": [{"Name": "Shop", "Value": "a"}]},
    {"MetricName": "Orders", "Values": [1.0, 3.0], "Counts": [1.0, 1.0], "Dimensions": [{"Name": "Shop", "Value": "a"}]}])
now = datetime.datetime.now(datetime.timezone.utc)
hour = datetime.timedelta(hours=1)
read = cw.get_metric_statistics(Namespace="Py", MetricName="Orders", Dimensions=[{"Name": "Shop", "Value": "a"}],
    StartTime=now - hour, EndTime=now + hour, Period=7200, Statistics=["Sum", "SampleCount"])
found = [m["MetricName"] for p in cw.get_paginator("list_metrics").paginate(Namespace="Py") for m in p["Metrics"]]
def code(call):
    try: call()
    except ClientError as error: return error.response["Error"]["Code"]
wrong = code(lambda: cw.put_metric_data(Namespace="Py", MetricData=[{"MetricName": "x", "Values": [1.0] * 151}]))
gone = code(lambda: cw.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="r"))
cw.put_metric_alarm(AlarmName="python", Namespace="Py", MetricName="Orders", Statistic="Sum", Period=60,
    EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold")
alarms = [a["AlarmName"] for a in cw.describe_alarms(AlarmNamePrefix="py")["MetricAlarms"]]
print([(d["Sum"], d["SampleCount"]) for d in read["Datapoints"]], found, wrong, gone, alarms)
`;
