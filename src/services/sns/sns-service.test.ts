import assert from "node:assert/strict";
import { createVerify, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import { memoryMetrics } from "../../ports/memory-metrics.ts";
import { memoryResources } from "../../ports/memory-resources.ts";
import { testClock } from "../../ports/test-clock.ts";
import { testCall } from "../../wire/testing/call.ts";
import { snsService } from "./sns-service.ts";

const functionArn = "arn:aws:lambda:us-east-1:000000000000:function:tell";
const queueArn = "arn:aws:sqs:us-east-1:000000000000:inbox";

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

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would
type Answer = any;

function openSns<C extends Clock>(
  context: TestContext,
  clock: C = testClock() as unknown as C,
  resources = memoryResources(clock),
  directory = temporaryFolder(context),
) {
  const invoked: { name: string; event: unknown }[] = [];
  const called: { service: string; operation: string; input: Answer }[] = [];
  const reported: string[] = [];
  const broken = { functions: false };
  const outbox = join(directory, "outbox");
  const metrics = memoryMetrics();
  const service = snsService({
    resources,
    clock,
    directory,
    outboxFolder: outbox,
    functions: {
      async invoke(name, payload) {
        invoked.push({ name, event: JSON.parse(Buffer.from(payload).toString()) });
        if (broken.functions) throw new Fault("ServiceException", "not now", { status: 500 });
        return { payload: new Uint8Array(), executedVersion: "$LATEST", requestId: "r", logTail: "" };
      },
    },
    operations: {
      async call(name, operation, input) {
        called.push({ service: name, operation, input });
        return { output: {}, requestId: "r" };
      },
      has: () => true,
    },
    metrics,
    report: (line) => void reported.push(line),
  });
  context.after(() => service.close());
  const about = testCall();
  const call = async (operation: string, input: object): Promise<Answer> => service.handlers[operation]?.(input, about);
  return { call, service, clock, resources, invoked, called, reported, broken, outbox, metrics };
}

async function openTopic<C extends Clock>(context: TestContext, clock: C) {
  const world = openSns(context, clock);
  const { TopicArn } = await world.call("CreateTopic", { Name: "alarms" });
  return { ...world, TopicArn: TopicArn as string };
}

async function openReceiver(context: TestContext) {
  const requests: { headers: Record<string, unknown>; body: string }[] = [];
  const statuses: number[] = [];
  let arrived = () => {};
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    response.writeHead(statuses.length > 0 ? (statuses.shift() as number) : 200).end();
    requests.push({ headers: request.headers, body });
    arrived();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    statuses,
    async next() {
      while (requests.length === 0) await new Promise<void>((resolve) => (arrived = resolve));
      return requests.shift() as { headers: Record<string, unknown>; body: string };
    },
  };
}

function assertSigned(message: Record<string, string>, certificatePem: string, names: string[]): void {
  const text = names.map((name) => `${name}\n${message[name]}\n`).join("");
  const certificate = new X509Certificate(certificatePem);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(message["SignatureVersion"], "1");
  assert.ok(
    createVerify("RSA-SHA1")
      .update(text)
      .verify(certificate.publicKey, message["Signature"] as string, "base64"),
  );
}

/** The same clock with every wait a thousandth as long. */
function quick(clock: Clock): Clock {
  return {
    ...clock,
    schedule: (delayMs, callback) => clock.schedule(delayMs > 15_000 ? delayMs / 1000 : delayMs, callback),
  };
}

async function mailOf(outbox: string, count: number): Promise<string> {
  const files = () => {
    try {
      return readdirSync(outbox).filter((file) => file.endsWith(".eml"));
    } catch {
      return [];
    }
  };
  await waitFor(() => files().length === count);
  return readFileSync(join(outbox, files().toSorted().at(-1) as string), "utf8");
}

async function waitFor(isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isDone(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(isDone(), "it did not happen within five seconds");
}

function temporaryFolder(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "scones-sns-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function faultOf(code: string, status = 400): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.deepEqual([error.code, error.status], [code, status]);
    return true;
  };
}
