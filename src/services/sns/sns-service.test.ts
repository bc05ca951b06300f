import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { testClock } from "../../ports/test-clock.ts";
import { type Answer, faultOf, functionArn, openSns, openTopic, temporaryFolder } from "./testing/topics.ts";

test("a topic is made once, listed, described and deleted", async (context) => {
  const { call } = openSns(context);
  const { TopicArn } = await call("CreateTopic", { Name: "alarms" });
  assert.equal(TopicArn, "arn:aws:sns:us-east-1:000000000000:alarms");
  assert.deepEqual(await call("CreateTopic", { Name: "alarms" }), { TopicArn });
  await call("SetTopicAttributes", { TopicArn, AttributeName: "DisplayName", AttributeValue: "Alarms" });
  const { Attributes } = await call("GetTopicAttributes", { TopicArn });
  assert.equal(Attributes.DisplayName, "Alarms");
  assert.equal(JSON.parse(Attributes.EffectiveDeliveryPolicy).http.defaultHealthyRetryPolicy.numRetries, 3);
  assert.deepEqual((await call("ListTopics", {})).Topics, [{ TopicArn }]);
  await call("DeleteTopic", { TopicArn });
  await call("DeleteTopic", { TopicArn });
  await assert.rejects(call("GetTopicAttributes", { TopicArn }), faultOf("NotFoundException", 404));
});

test("a subscriber gets what its filter policy wants", async (context) => {
  const { call, TopicArn, clock, invoked } = await openTopic(context, testClock());
  const FilterPolicy = JSON.stringify({ level: [{ numeric: [">=", 3] }], kind: [{ prefix: "dri" }] });
  const Attributes = { FilterPolicy };
  const { SubscriptionArn } = await call("Subscribe", {
    TopicArn,
    Protocol: "lambda",
    Endpoint: functionArn,
    Attributes,
  });
  const publish = (level: string, kind: string) =>
    call("Publish", {
      TopicArn,
      Message: JSON.stringify({ level: Number(level) }),
      MessageAttributes: {
        level: { DataType: "Number", StringValue: level },
        kind: { DataType: "String", StringValue: kind },
      },
    });
  await publish("3", "drift");
  await publish("2", "drift");
  await publish("3", "other");
  await clock.advance(0);
  assert.equal(invoked.length, 1);
  const set = (AttributeName: string, AttributeValue: string) =>
    call("SetSubscriptionAttributes", { SubscriptionArn, AttributeName, AttributeValue });
  await set("FilterPolicy", JSON.stringify({ level: [2] }));
  await set("FilterPolicyScope", "MessageBody");
  await publish("2", "x");
  await publish("3", "x");
  await clock.advance(0);
  assert.equal(invoked.length, 2);
  await assert.rejects(set("FilterPolicy", "{"), faultOf("InvalidParameterException"));
  await assert.rejects(set("FilterPolicy", '{"a":[{"no":1}]}'), faultOf("InvalidParameterException"));
});

test("each protocol may have its own text", async (context) => {
  const { call, TopicArn, clock, invoked } = await openTopic(context, testClock());
  await call("Subscribe", { TopicArn, Protocol: "lambda", Endpoint: functionArn });
  const publish = (Message: string) => call("Publish", { TopicArn, Message, MessageStructure: "json" });
  await publish('{"default":"d","lambda":"for functions"}');
  await clock.advance(0);
  assert.equal((invoked[0] as { event: Answer }).event.Records[0].Sns.Message, "for functions");
  await assert.rejects(publish('{"lambda":"x"}'), faultOf("InvalidParameterException"));
  await assert.rejects(publish("{"), faultOf("InvalidParameterException"));
});

test("messages that SNS refuses are refused in its words", async (context) => {
  const { call, TopicArn } = await openTopic(context, testClock());
  const refused = (input: object, message: RegExp) =>
    assert.rejects(call("Publish", { TopicArn, Message: "x", ...input }), { message });
  await refused({ Message: "" }, /^Invalid parameter: Empty message$/);
  await refused({ Message: "x".repeat(262_145) }, /^Invalid parameter: Message too long$/);
  await refused({ Subject: "" }, /^Invalid parameter: Subject$/);
  await refused({ MessageAttributes: { a: { DataType: "String", StringValue: "" } } }, /non-empty/);
  await refused({ TopicArn: `${TopicArn}x` }, /^Topic does not exist$/);
});

test("a batch tells which of its messages were taken", async (context) => {
  const { call, TopicArn } = await openTopic(context, testClock());
  const PublishBatchRequestEntries = [
    { Id: "1", Message: "x" },
    { Id: "2", Message: "" },
  ];
  const { Successful, Failed } = await call("PublishBatch", { TopicArn, PublishBatchRequestEntries });
  assert.deepEqual(
    [Successful[0].Id, Successful.length, Failed[0].Id, Failed[0].Code],
    ["1", 1, "2", "InvalidParameter"],
  );
});

test("subscriptions are listed, described and ended", async (context) => {
  const { call, TopicArn } = await openTopic(context, testClock());
  const { SubscriptionArn } = await call("Subscribe", { TopicArn, Protocol: "lambda", Endpoint: functionArn });
  await call("Subscribe", { TopicArn, Protocol: "email", Endpoint: "me@example.com" });
  const { Subscriptions } = await call("ListSubscriptionsByTopic", { TopicArn });
  assert.deepEqual(
    Subscriptions.map((one: Answer) => one.SubscriptionArn).toSorted(),
    ["PendingConfirmation", SubscriptionArn].toSorted(),
  );
  assert.equal((await call("GetSubscriptionAttributes", { SubscriptionArn })).Attributes.PendingConfirmation, "false");
  await call("Unsubscribe", { SubscriptionArn });
  await assert.rejects(call("GetSubscriptionAttributes", { SubscriptionArn }), faultOf("NotFoundException", 404));
  const { Attributes } = await call("GetTopicAttributes", { TopicArn });
  assert.deepEqual([Attributes.SubscriptionsPending, Attributes.SubscriptionsDeleted], ["1", "1"]);
});

test("what is published, delivered and given up is counted by topic", async (context) => {
  const { call, TopicArn, clock, broken, metrics } = await openTopic(context, testClock());
  await call("Subscribe", { TopicArn, Protocol: "lambda", Endpoint: functionArn });
  await call("Publish", { TopicArn, Message: "1" });
  await clock.advance(0);
  broken.functions = true;
  await call("Publish", { TopicArn, Message: "2" });
  await clock.advance(3_600_000);
  assert.deepEqual(
    metrics.recorded.map(({ metric }) => [metric.name, metric.dimensions["TopicName"]]),
    [
      ["NumberOfMessagesPublished", "alarms"],
      ["NumberOfNotificationsDelivered", "alarms"],
      ["NumberOfMessagesPublished", "alarms"],
      ["NumberOfNotificationsFailed", "alarms"],
    ],
  );
});

test("the signing key is made once and only its owner can read it", (context) => {
  const directory = temporaryFolder(context);
  const first = openSns(context, testClock(), undefined, directory).service;
  const second = openSns(context, testClock(), undefined, directory).service;
  assert.equal(first.certificatePem, second.certificatePem);
  assert.equal(statSync(join(directory, "sns-signing-key.pem")).mode & 0o777, 0o600);
});
