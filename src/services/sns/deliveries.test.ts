import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../kit/clock.ts";
import { testClock } from "../../ports/test-clock.ts";
import {
  type Answer,
  assertSigned,
  faultOf,
  functionArn,
  mailOf,
  openReceiver,
  openSns,
  openTopic,
  queueArn,
  quick,
  waitFor,
} from "./testing/topics.ts";

test("a web address confirms, then gets signed notifications that its certificate proves", async (context) => {
  const receiver = await openReceiver(context);
  const { call, service, TopicArn } = await openTopic(context, systemClock());
  const subscribed = await call("Subscribe", { TopicArn, Protocol: "http", Endpoint: receiver.url });
  assert.equal(subscribed.SubscriptionArn, "pending confirmation");
  await call("Publish", { TopicArn, Message: "too early" });
  const request = await receiver.next();
  const confirmation = JSON.parse(request.body);
  assert.equal(request.headers["x-amz-sns-message-type"], "SubscriptionConfirmation");
  assertSigned(confirmation, service.certificatePem, [
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
  ]);
  const link = new URL(confirmation.SubscribeURL).searchParams;
  assert.deepEqual([link.get("Token"), link.get("Version")], [confirmation.Token, "2010-03-31"]);
  const { SubscriptionArn } = await call("ConfirmSubscription", { TopicArn, Token: confirmation.Token });
  const MessageAttributes = { level: { DataType: "Number", StringValue: "3" } };
  await call("Publish", { TopicArn, Message: "hello", Subject: "Greeting", MessageAttributes });
  const { headers, body } = await receiver.next();
  const notification = JSON.parse(body);
  assert.equal(headers["x-amz-sns-subscription-arn"], SubscriptionArn);
  assert.equal(notification.Message, "hello");
  assert.deepEqual(notification.MessageAttributes, { level: { Type: "Number", Value: "3" } });
  assert.equal(new URL(notification.SigningCertURL).pathname, service.certificatePath);
  assertSigned(notification, service.certificatePem, [
    "Message",
    "MessageId",
    "Subject",
    "Timestamp",
    "TopicArn",
    "Type",
  ]);
});

test("a web address that answers 500 is tried again, one that answers 400 is not", async (context) => {
  const receiver = await openReceiver(context);
  const { call, TopicArn, reported } = await openTopic(context, quick(systemClock()));
  await call("Subscribe", { TopicArn, Protocol: "http", Endpoint: receiver.url });
  const { Token } = JSON.parse((await receiver.next()).body);
  await call("ConfirmSubscription", { TopicArn, Token });
  receiver.statuses.push(500, 200, 400);
  await call("Publish", { TopicArn, Message: "again" });
  assert.deepEqual(
    [JSON.parse((await receiver.next()).body).Message, JSON.parse((await receiver.next()).body).Message],
    ["again", "again"],
  );
  await call("Publish", { TopicArn, Message: "refused" });
  await receiver.next();
  await waitFor(() => reported.length === 1);
  assert.match(reported[0] ?? "", /was not delivered/);
});

test("a raw subscription gets the message alone", async (context) => {
  const receiver = await openReceiver(context);
  const { call, TopicArn } = await openTopic(context, systemClock());
  const Attributes = { RawMessageDelivery: "true" };
  await call("Subscribe", { TopicArn, Protocol: "http", Endpoint: receiver.url, Attributes });
  const { Token } = JSON.parse((await receiver.next()).body);
  await call("ConfirmSubscription", { TopicArn, Token });
  await call("Publish", { TopicArn, Message: "just this" });
  const { headers, body } = await receiver.next();
  assert.equal(body, "just this");
  assert.equal(headers["x-amz-sns-rawdelivery"], "true");
});

test("a function is invoked with the record that SNS gives it", async (context) => {
  const { call, TopicArn, clock, invoked } = await openTopic(context, testClock());
  await call("Subscribe", { TopicArn, Protocol: "lambda", Endpoint: functionArn });
  const { MessageId } = await call("Publish", { TopicArn, Message: "hello" });
  await clock.advance(0);
  const { name, event } = invoked[0] as { name: string; event: Answer };
  assert.equal(name, functionArn);
  assert.equal(event.Records[0].EventSource, "aws:sns");
  assert.equal(event.Records[0].Sns.Message, "hello");
  assert.equal(event.Records[0].Sns.MessageId, MessageId);
  assert.equal(event.Records[0].Sns.Subject, null);
});

test("a queue gets the envelope, or the message with its attributes when raw", async (context) => {
  const { call, TopicArn, clock, called } = await openTopic(context, testClock());
  const { SubscriptionArn } = await call("Subscribe", { TopicArn, Protocol: "sqs", Endpoint: queueArn });
  await call("Publish", { TopicArn, Message: "1" });
  await clock.advance(0);
  await call("SetSubscriptionAttributes", {
    SubscriptionArn,
    AttributeName: "RawMessageDelivery",
    AttributeValue: "true",
  });
  const MessageAttributes = { a: { DataType: "String", StringValue: "x" } };
  await call("Publish", { TopicArn, Message: "2", MessageAttributes });
  await clock.advance(0);
  assert.equal(called[0]?.service, "sqs");
  assert.match(called[0]?.input.QueueUrl, /\/000000000000\/inbox$/);
  assert.equal(JSON.parse(called[0]?.input.MessageBody).Message, "1");
  assert.equal(called[1]?.input.MessageBody, "2");
  assert.equal(called[1]?.input.MessageAttributes.a.StringValue, "x");
});

test("mail is written to the outbox: first the question, after the answer the message", async (context) => {
  const { call, TopicArn, outbox } = await openTopic(context, systemClock());
  await call("Subscribe", { TopicArn, Protocol: "email", Endpoint: "me@example.com" });
  const question = await mailOf(outbox, 1);
  const link = /To confirm: (\S+)/.exec(question)?.[1] ?? "";
  await call("ConfirmSubscription", { TopicArn, Token: new URL(link).searchParams.get("Token") });
  await call("Publish", { TopicArn, Message: "It failed.\nLook.", Subject: "FAILED" });
  const letter = await mailOf(outbox, 2);
  assert.match(letter, /^To: <me@example.com>\r$/m);
  assert.match(letter, /^Subject: FAILED\r$/m);
  assert.match(letter, /It failed\.\r\nLook\./);
});

test("a function that cannot be reached is tried again on the schedule, then the dead-letter queue has it", async (context) => {
  const { call, TopicArn, clock, invoked, broken, called } = await openTopic(context, testClock());
  const Attributes = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queueArn }) };
  await call("Subscribe", { TopicArn, Protocol: "lambda", Endpoint: functionArn, Attributes });
  broken.functions = true;
  await call("Publish", { TopicArn, Message: "hello" });
  await clock.advance(0);
  assert.equal(invoked.length, 1);
  await clock.advance(1100);
  assert.equal(invoked.length, 2);
  await clock.advance(3_600_000);
  assert.equal(invoked.length, 10);
  assert.equal(JSON.parse(called[0]?.input.MessageBody).Message, "hello");
});

test("a published message survives the end of the process", async (context) => {
  const first = await openTopic(context, testClock());
  await first.call("Subscribe", { TopicArn: first.TopicArn, Protocol: "lambda", Endpoint: functionArn });
  await first.call("Publish", { TopicArn: first.TopicArn, Message: "hello" });
  await first.service.close();
  assert.equal(first.invoked.length, 0);
  const second = openSns(context, first.clock, first.resources);
  await first.clock.advance(5000);
  assert.equal(second.invoked.length, 1);
});

test("a token is good for two days, then the subscription is gone", async (context) => {
  const { call, TopicArn, clock, resources, outbox } = await openTopic(context, testClock());
  const ask = async (Endpoint: string, mails: number) => {
    await call("Subscribe", { TopicArn, Protocol: "email", Endpoint });
    await clock.advance(0);
    await mailOf(outbox, mails);
    const all = resources.list<{ token: string; endpoint: string }>("sns:subscription");
    return all.find(({ value }) => value.endpoint === Endpoint)?.value.token;
  };
  const Token = await ask("me@example.com", 1);
  await clock.advance(2 * 86_400_000 - 1);
  await call("ConfirmSubscription", { TopicArn, Token });
  const late = await ask("you@example.com", 2);
  await clock.advance(2 * 86_400_000 + 1);
  await assert.rejects(call("ConfirmSubscription", { TopicArn, Token: late }), faultOf("InvalidParameterException"));
  await clock.advance(3_600_000);
  assert.equal((await call("ListSubscriptions", {})).Subscriptions.length, 1);
});

test("a web address is told when it is unsubscribed, and may take that back", async (context) => {
  const receiver = await openReceiver(context);
  const { call, service, TopicArn } = await openTopic(context, systemClock());
  await call("Subscribe", { TopicArn, Protocol: "http", Endpoint: receiver.url });
  const { Token } = JSON.parse((await receiver.next()).body);
  const { SubscriptionArn } = await call("ConfirmSubscription", { TopicArn, Token });
  await call("Unsubscribe", { SubscriptionArn });
  const { headers, body } = await receiver.next();
  const told = JSON.parse(body);
  assert.equal(headers["x-amz-sns-message-type"], "UnsubscribeConfirmation");
  assert.match(told.Message, new RegExp(`^You have chosen to deactivate subscription ${SubscriptionArn}\\.`));
  assertSigned(told, service.certificatePem, [
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
  ]);
  await assert.rejects(call("GetSubscriptionAttributes", { SubscriptionArn }), faultOf("NotFoundException", 404));
  assert.deepEqual(await call("ConfirmSubscription", { TopicArn, Token: told.Token }), { SubscriptionArn });
  await call("Publish", { TopicArn, Message: "back" });
  assert.equal(JSON.parse((await receiver.next()).body).Message, "back");
});
