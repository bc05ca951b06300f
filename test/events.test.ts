// EventBridge as its users meet it: buses, rules, and targets that hear of what matches.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CloudWatchLogsClient, CreateLogGroupCommand, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateEventBusCommand,
  DescribeRuleCommand,
  EventBridgeClient,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type Server, startServer } from "./server.ts";

let server: Server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

test("an event on a bus of one's own reaches a queue, transformed, and a log group", async () => {
  const [events, sqs, logs] = [
    new EventBridgeClient(server.aws),
    new SQSClient(server.aws),
    new CloudWatchLogsClient(server.aws),
  ];
  await events.send(new CreateEventBusCommand({ Name: "shop" }));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "sold" }));
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/aws/events/shop" }));
  const EventPattern = JSON.stringify({
    source: ["shop"],
    detail: { price: [{ numeric: [">", 10] }], $or: [{ a: [1] }, { b: [{ exists: true }] }] },
  });
  const rule = { Name: "dear", EventBusName: "shop" };
  await events.send(new PutRuleCommand({ ...rule, EventPattern }));
  const InputTransformer = { InputPathsMap: { price: "$.detail.price" }, InputTemplate: '{"text":"sold for <price>"}' };
  await events.send(
    new PutTargetsCommand({
      Rule: "dear",
      EventBusName: "shop",
      Targets: [
        { Id: "queue", Arn: "arn:aws:sqs:us-east-1:000000000000:sold", InputTransformer },
        { Id: "log", Arn: "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/shop" },
      ],
    }),
  );
  const entry = { Source: "shop", DetailType: "sale", EventBusName: "shop" };
  const { FailedEntryCount, Entries } = await events.send(
    new PutEventsCommand({
      Entries: [
        { ...entry, Detail: JSON.stringify({ price: 12, b: 2 }) },
        { ...entry, Detail: JSON.stringify({ price: 9, b: 2 }) },
      ],
    }),
  );
  assert.equal(FailedEntryCount, 0);
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 10 }));
  assert.deepEqual(
    Messages.map(({ Body }) => Body),
    ['{"text":"sold for 12"}'],
  );
  const { events: lines = [] } = await logs.send(
    new FilterLogEventsCommand({ logGroupName: "/aws/events/shop", filterPattern: '{ $.source = "shop" }' }),
  );
  assert.deepEqual(
    lines.map(({ message = "{}" }) => JSON.parse(message).id),
    [Entries?.[0]?.EventId],
  );
});

test("a schedule is taken and described, and a wrong one is refused in AWS's way", async () => {
  const events = new EventBridgeClient(server.aws);
  await events.send(new PutRuleCommand({ Name: "nightly", ScheduleExpression: "cron(0 3 * * ? *)" }));
  const { ScheduleExpression, State } = await events.send(new DescribeRuleCommand({ Name: "nightly" }));
  assert.deepEqual([ScheduleExpression, State], ["cron(0 3 * * ? *)", "ENABLED"]);
  await assert.rejects(events.send(new PutRuleCommand({ Name: "wrong", ScheduleExpression: "rate(1 minutes)" })), {
    name: "ValidationException",
    message: /ScheduleExpression is not valid/,
  });
});
