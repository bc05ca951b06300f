import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Fault } from "../../kit/fault.ts";
import { memoryMetrics } from "../../ports/memory-metrics.ts";
import { memoryResources } from "../../ports/memory-resources.ts";
import { testClock } from "../../ports/test-clock.ts";
import { testCall } from "../../wire/testing/call.ts";
import { sqsService } from "./sqs-service.ts";

test("a queue is made once, found, listed, changed and deleted", async (context) => {
  const { call } = open(context);
  const { QueueUrl } = await call("CreateQueue", { QueueName: "inbox", Attributes: { VisibilityTimeout: "5" } });
  assert.equal(QueueUrl, "http://127.0.0.1:4566/000000000000/inbox");
  assert.deepEqual(await call("CreateQueue", { QueueName: "inbox" }), { QueueUrl });
  const other = { QueueName: "inbox", Attributes: { VisibilityTimeout: "6" } };
  await assert.rejects(call("CreateQueue", other), faultOf("QueueNameExists"));
  assert.deepEqual((await call("ListQueues", { QueueNamePrefix: "in" })).QueueUrls, [QueueUrl]);
  await call("SetQueueAttributes", { QueueUrl, Attributes: { DelaySeconds: "3" } });
  const { Attributes } = await call("GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] });
  assert.equal(Attributes.QueueArn, "arn:aws:sqs:us-east-1:000000000000:inbox");
  assert.deepEqual([Attributes.VisibilityTimeout, Attributes.DelaySeconds], ["5", "3"]);
  await call("DeleteQueue", { QueueUrl });
  await assert.rejects(call("GetQueueUrl", { QueueName: "inbox" }), faultOf("QueueDoesNotExist"));
});

test("a message is received with its checksums and attributes, and gone once it is deleted", async (context) => {
  const { call, QueueUrl } = await openQueue(context);
  const MessageAttributes = {
    b: { DataType: "Binary", BinaryValue: Buffer.from([1, 2]) },
    a: { DataType: "String", StringValue: "x" },
  };
  const sent = await call("SendMessage", { QueueUrl, MessageBody: "hello", MessageAttributes });
  assert.equal(sent.MD5OfMessageBody, "5d41402abc4b2a76b9719d911017c592");
  const input = { QueueUrl, MessageAttributeNames: ["All"], AttributeNames: ["All"] };
  const [message] = (await call("ReceiveMessage", input)).Messages;
  assert.equal(message.Body, "hello");
  assert.equal(message.MessageId, sent.MessageId);
  assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.deepEqual([...message.MessageAttributes.b.BinaryValue], [1, 2]);
  assert.equal(message.Attributes.ApproximateReceiveCount, "1");
  await call("DeleteMessage", { QueueUrl, ReceiptHandle: message.ReceiptHandle });
  const { Attributes } = await call("GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] });
  assert.deepEqual(
    [Attributes.ApproximateNumberOfMessages, Attributes.ApproximateNumberOfMessagesNotVisible],
    ["0", "0"],
  );
});

test("the checksum of attributes is the one that clients compute", async (context) => {
  const { call, QueueUrl } = await openQueue(context);
  // Worked out by hand: 4-byte lengths before name, type and value, one byte for the kind of value.
  const MessageAttributes = { a: { DataType: "String", StringValue: "x" } };
  const sent = await call("SendMessage", { QueueUrl, MessageBody: "m", MessageAttributes });
  const text = Buffer.from("\0\0\0\x01a\0\0\0\x06String\x01\0\0\0\x01x", "latin1");
  const { createHash } = await import("node:crypto");
  assert.equal(sent.MD5OfMessageAttributes, createHash("md5").update(text).digest("hex"));
});

test("a received message is hidden for the visibility timeout, then received again", async (context) => {
  const { call, QueueUrl, receive, clock } = await openQueue(context);
  await call("SendMessage", { QueueUrl, MessageBody: "1" });
  const [first] = await receive();
  assert.deepEqual(await receive(), []);
  await clock.advance(30_000);
  const [second] = await receive();
  assert.equal(second.MessageId, first.MessageId);
  await call("DeleteMessage", { QueueUrl, ReceiptHandle: first.ReceiptHandle });
  await clock.advance(30_000);
  assert.equal((await receive()).length, 1);
});

test("the time a message is hidden can be changed, also to nothing", async (context) => {
  const { call, QueueUrl, receive, clock } = await openQueue(context);
  await call("SendMessage", { QueueUrl, MessageBody: "1" });
  const [{ ReceiptHandle }] = await receive();
  const change = (VisibilityTimeout: number) =>
    call("ChangeMessageVisibility", { QueueUrl, ReceiptHandle, VisibilityTimeout });
  await change(100);
  await clock.advance(99_000);
  assert.deepEqual(await receive(), []);
  await change(0);
  await assert.rejects(change(5), faultOf("MessageNotInflight"));
  assert.equal((await receive()).length, 1);
  await assert.rejects(
    call("DeleteMessage", { QueueUrl, ReceiptHandle: "no handle" }),
    faultOf("ReceiptHandleIsInvalid"),
  );
});

test("a long poll is answered as soon as a message comes, or empty when the time is over", async (context) => {
  const { call, QueueUrl, receive, clock } = await openQueue(context);
  const polling = receive({ WaitTimeSeconds: 20 });
  await clock.advance(5000);
  await call("SendMessage", { QueueUrl, MessageBody: "1" });
  assert.equal((await polling).length, 1);
  const empty = receive({ WaitTimeSeconds: 10 });
  await clock.advance(10_000);
  assert.deepEqual(await empty, []);
});

test("a long poll gets a message that becomes visible again meanwhile", async (context) => {
  const { call, QueueUrl, receive, clock } = await openQueue(context);
  await call("SendMessage", { QueueUrl, MessageBody: "1" });
  await receive({ VisibilityTimeout: 5 });
  const polling = receive({ WaitTimeSeconds: 20 });
  await clock.advance(5000);
  assert.equal((await polling).length, 1);
});

test("a long poll ends when its caller goes away", async (context) => {
  const { service, QueueUrl, about, clock } = await openQueue(context);
  const caller = new AbortController();
  const before = clock.pending();
  const polling = service.handlers["ReceiveMessage"]?.(
    { QueueUrl, WaitTimeSeconds: 20 },
    { ...about, signal: caller.signal },
  );
  caller.abort();
  assert.deepEqual(await polling, {});
  assert.equal(clock.pending(), before);
});

test("a delayed message comes later", async (context) => {
  const { call, QueueUrl, receive, clock } = await openQueue(context);
  await call("SendMessage", { QueueUrl, MessageBody: "1", DelaySeconds: 5 });
  assert.deepEqual(await receive(), []);
  await clock.advance(5000);
  assert.equal((await receive()).length, 1);
});

test("what was received too often moves to the dead-letter queue", async (context) => {
  const { call, QueueUrl, receive, clock } = await openQueue(context);
  const dead = await call("CreateQueue", { QueueName: "dead" });
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:dead",
    maxReceiveCount: 2,
  });
  await call("SetQueueAttributes", { QueueUrl, Attributes: { RedrivePolicy } });
  const sent = await call("SendMessage", { QueueUrl, MessageBody: "1" });
  for (const count of [1, 2]) {
    assert.equal((await receive()).length, 1, `receive ${count}`);
    await clock.advance(30_000);
  }
  assert.deepEqual(await receive(), []);
  const [message] = (await call("ReceiveMessage", { QueueUrl: dead.QueueUrl, AttributeNames: ["All"] })).Messages;
  assert.equal(message.MessageId, sent.MessageId);
  assert.match(message.Attributes.DeadLetterQueueSourceArn, /:inbox$/);
  assert.deepEqual((await call("ListDeadLetterSourceQueues", { QueueUrl: dead.QueueUrl })).queueUrls, [QueueUrl]);
});

test("messages survive the end of the process, and so does what was received", async (context) => {
  const first = await openQueue(context);
  const { QueueUrl, clock, resources } = first;
  for (const MessageBody of ["1", "2"]) await first.call("SendMessage", { QueueUrl, MessageBody });
  const [taken] = await first.receive();
  first.service.close();
  const second = open(context, { clock, resources });
  const receive = async () => (await second.call("ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 10 })).Messages;
  const [other] = await receive();
  assert.notEqual(other.MessageId, taken.MessageId);
  await second.call("DeleteMessage", { QueueUrl, ReceiptHandle: other.ReceiptHandle });
  await clock.advance(30_000);
  assert.deepEqual(
    (await receive()).map((message: Answer) => message.MessageId),
    [taken.MessageId],
  );
});

test("batches tell what was done and what was not", async (context) => {
  const { call, QueueUrl, receive } = await openQueue(context);
  const Entries = [
    { Id: "1", MessageBody: "a" },
    { Id: "2", MessageBody: "" },
    { Id: "3", MessageBody: "c" },
  ];
  const sent = await call("SendMessageBatch", { QueueUrl, Entries });
  assert.deepEqual([sent.Successful.length, sent.Failed[0].Id, sent.Failed[0].SenderFault], [2, "2", true]);
  const received = await receive({ MaxNumberOfMessages: 10 });
  assert.deepEqual(
    received.map((message: Answer) => message.Body),
    ["a", "c"],
  );
  const handles = received.map((message: Answer, i: number) => ({
    Id: String(i),
    ReceiptHandle: message.ReceiptHandle,
  }));
  const hidden = handles.map((entry: object) => ({ ...entry, VisibilityTimeout: 60 }));
  assert.equal((await call("ChangeMessageVisibilityBatch", { QueueUrl, Entries: hidden })).Successful.length, 2);
  assert.equal((await call("DeleteMessageBatch", { QueueUrl, Entries: handles })).Successful.length, 2);
  await assert.rejects(call("SendMessageBatch", { QueueUrl, Entries: [] }), faultOf("EmptyBatchRequest"));
  await assert.rejects(
    call("SendMessageBatch", { QueueUrl, Entries: [Entries[0], Entries[0]] }),
    faultOf("BatchEntryIdsNotDistinct"),
  );
});

test("a purged queue is empty, and messages older than the retention period are gone", async (context) => {
  const { call, QueueUrl, receive, clock } = await openQueue(context);
  await call("SendMessage", { QueueUrl, MessageBody: "1" });
  await call("PurgeQueue", { QueueUrl });
  assert.deepEqual(await receive(), []);
  await call("SetQueueAttributes", { QueueUrl, Attributes: { MessageRetentionPeriod: "60" } });
  await call("SendMessage", { QueueUrl, MessageBody: "1" });
  await clock.advance(60_000);
  assert.deepEqual(await receive(), []);
});

test("what SQS refuses is refused", async (context) => {
  const { call, QueueUrl, receive } = await openQueue(context);
  await assert.rejects(call("SendMessage", { QueueUrl, MessageBody: "\u0001" }), faultOf("InvalidMessageContents"));
  await assert.rejects(
    call("SendMessage", { QueueUrl, MessageBody: "x".repeat(1_048_577) }),
    faultOf("InvalidParameterValue"),
  );
  await assert.rejects(receive({ MaxNumberOfMessages: 11 }), faultOf("InvalidParameterValue"));
  await assert.rejects(call("SendMessage", { QueueUrl: "none", MessageBody: "1" }), faultOf("QueueDoesNotExist"));
  await assert.rejects(call("CreateQueue", { QueueName: "a.fifo" }), faultOf("UnsupportedOperation"));
  const Attributes = { VisibilityTimeout: "43201" };
  await assert.rejects(call("SetQueueAttributes", { QueueUrl, Attributes }), faultOf("InvalidAttributeValue"));
});

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would
type Answer = any;

test("a queue counts what passes through it, and what stands in it every minute", async (context) => {
  const { call, QueueUrl, receive, metrics, clock } = await openQueue(context);
  await receive();
  await call("SendMessage", { QueueUrl, MessageBody: "12345" });
  await call("SendMessage", { QueueUrl, MessageBody: "later", DelaySeconds: 600 });
  const [{ ReceiptHandle }] = await receive({ VisibilityTimeout: 300 });
  await clock.advance(60_000);
  await call("DeleteMessage", { QueueUrl, ReceiptHandle });
  const seen = metrics.recorded.map(({ metric, value }) => {
    assert.deepEqual([metric.namespace, metric.dimensions], ["AWS/SQS", { QueueName: "inbox" }]);
    return `${metric.name} ${value}`;
  });
  assert.deepEqual(seen, [
    "NumberOfEmptyReceives 1",
    "NumberOfMessagesSent 1",
    "SentMessageSize 5",
    "NumberOfMessagesSent 1",
    "SentMessageSize 5",
    "NumberOfMessagesReceived 1",
    "NumberOfEmptyReceives 0",
    "ApproximateNumberOfMessagesVisible 0",
    "ApproximateNumberOfMessagesNotVisible 1",
    "ApproximateNumberOfMessagesDelayed 1",
    "NumberOfMessagesDeleted 1",
  ]);
});

function open(
  context: TestContext,
  before?: { clock: ReturnType<typeof testClock>; resources: ReturnType<typeof memoryResources> },
) {
  const clock = before?.clock ?? testClock();
  const resources = before?.resources ?? memoryResources(clock);
  const metrics = memoryMetrics();
  const service = sqsService({ resources, clock, metrics });
  context.after(() => service.close());
  const about = testCall();
  const call = async (operation: string, input: object): Promise<Answer> => service.handlers[operation]?.(input, about);
  return { call, service, clock, resources, metrics, about };
}

async function openQueue(context: TestContext) {
  const world = open(context);
  const { QueueUrl } = await world.call("CreateQueue", { QueueName: "inbox" });
  const receive = async (input: object = {}): Promise<Answer> =>
    (await world.call("ReceiveMessage", { QueueUrl, ...input })).Messages ?? [];
  return { ...world, QueueUrl: QueueUrl as string, receive };
}

function faultOf(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code);
    return true;
  };
}
