import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Answer, faultOf, openBucket, openS3, type Told } from "./testing/service.ts";

const functionArn = "arn:aws:lambda:us-east-1:000000000000:function:stage";
const queueArn = "arn:aws:sqs:us-east-1:000000000000:arrivals";
const topicArn = "arn:aws:sns:us-east-1:000000000000:arrivals";
const bucket = { Bucket: "b-1" };

test("a function is told of a new object as S3 tells it", async (context) => {
  const { call, put, told, deliver } = await openNotifying(context, {
    LambdaFunctionConfigurations: [{ Id: "stage", LambdaFunctionArn: functionArn, Events: ["s3:ObjectCreated:*"] }],
  });
  const { ETag } = await put("in/a bike+1.png", "bytes");
  await call("DeleteObject", { ...bucket, Key: "in/a bike+1.png" });
  await deliver();
  assert.deepEqual(
    told.map(({ to }) => to),
    [functionArn],
  );
  const { s3, eventTime, ...record } = (told[0] as Told).message.Records[0];
  assert.match(eventTime, /^2026-01-01T00:00:\d\d\.\d{3}Z$/);
  assert.deepEqual(record, {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: "us-east-1",
    eventName: "ObjectCreated:Put",
    userIdentity: { principalId: "AWS:000000000000" },
    requestParameters: { sourceIPAddress: "127.0.0.1" },
    responseElements: { "x-amz-request-id": "request", "x-amz-id-2": "request" },
  });
  const { sequencer, ...object } = s3.object;
  assert.match(sequencer, /^[0-9A-F]{18}$/);
  assert.deepEqual(object, { key: "in/a+bike%2B1.png", size: 5, eTag: ETag.replaceAll('"', "") });
  assert.deepEqual([s3.configurationId, s3.bucket.arn], ["stage", "arn:aws:s3:::b-1"]);
});

test("queues and topics get a test message first, then what passes their filters", async (context) => {
  const { put, told, deliver } = await openNotifying(context, {
    QueueConfigurations: [{ QueueArn: queueArn, Events: ["s3:ObjectCreated:Put"], Filter: filter("in/", ".png") }],
    TopicConfigurations: [{ TopicArn: topicArn, Events: ["s3:ObjectCreated:Put"], Filter: filter("out/", "") }],
  });
  await deliver();
  assert.deepEqual(
    told.splice(0).map(({ to, message }) => `${to} ${message.Event} ${message.Bucket}`),
    ["SendMessage s3:TestEvent b-1", "Publish s3:TestEvent b-1"],
  );
  for (const key of ["in/a.png", "in/a.jpg", "a.png", "out/x"]) await put(key, "1");
  await deliver();
  assert.deepEqual(keysOf(told), ["SendMessage in/a.png", "Publish out/x"]);
});

test("copies, uploads in parts, deletions and tags have names of their own", async (context) => {
  const { call, put, told, deliver } = await openNotifying(context, {
    LambdaFunctionConfigurations: [
      {
        LambdaFunctionArn: functionArn,
        Events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"],
      },
    ],
  });
  await put("k", "1");
  await call("CopyObject", { ...bucket, Key: "c", CopySource: "b-1/k" });
  const at = { ...bucket, Key: "m" };
  const { UploadId } = await call("CreateMultipartUpload", at);
  const { ETag } = await call("UploadPart", { ...at, UploadId, PartNumber: 1, Body: "1" });
  await call("CompleteMultipartUpload", { ...at, UploadId, MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] } });
  await call("PutObjectTagging", { ...at, Tagging: { TagSet: [{ Key: "a", Value: "b" }] } });
  await call("DeleteObjectTagging", at);
  await call("PutObjectAcl", { ...at, ACL: "private" });
  await call("DeleteObject", at);
  await call("PutBucketVersioning", { ...bucket, VersioningConfiguration: { Status: "Enabled" } });
  await call("DeleteObject", { ...bucket, Key: "k" });
  await deliver();
  assert.deepEqual(
    told.map(({ message }) => message.Records[0].eventName),
    [
      "ObjectCreated:Put",
      "ObjectCreated:Copy",
      "ObjectCreated:CompleteMultipartUpload",
      "ObjectTagging:Put",
      "ObjectTagging:Delete",
      "ObjectAcl:Put",
      "ObjectRemoved:Delete",
      "ObjectRemoved:DeleteMarkerCreated",
    ],
  );
  const sequencers = told.flatMap(({ message }) => message.Records[0].s3.object.sequencer ?? []);
  assert.deepEqual(sequencers.toSorted(), sequencers);
});

test("EventBridge is told only where the bucket says so", async (context) => {
  const { call, put, events, deliver } = await openBucket(context);
  await put("silent", "1");
  await call("PutBucketNotificationConfiguration", {
    ...bucket,
    NotificationConfiguration: { EventBridgeConfiguration: {} },
  });
  await put("a b", "1");
  await call("DeleteObject", { ...bucket, Key: "a b" });
  await deliver();
  assert.deepEqual(
    events.map(({ source, detailType, detail }) => [source, detailType, (detail["object"] as Answer).key]),
    [
      ["aws.s3", "Object Created", "a b"],
      ["aws.s3", "Object Deleted", "a b"],
    ],
  );
});

test("a configuration comes back as it was put, and an empty one ends it", async (context) => {
  const rule = { Id: "one", QueueArn: queueArn, Events: ["s3:ObjectCreated:*"], Filter: filter("a", "b") };
  const { call } = await openNotifying(context, { QueueConfigurations: [rule] });
  assert.deepEqual((await call("GetBucketNotificationConfiguration", bucket)).QueueConfigurations, [rule]);
  await call("PutBucketNotificationConfiguration", { ...bucket, NotificationConfiguration: {} });
  assert.equal((await call("GetBucketNotificationConfiguration", bucket)).QueueConfigurations, undefined);
});

const good = { QueueArn: queueArn, Events: ["s3:ObjectCreated:*"] };
for (const [what, rules, message] of [
  ["an event that there is not", [{ ...good, Events: ["s3:Everything"] }], /event is not supported/],
  ["an ARN that is none", [{ ...good, QueueArn: "arrivals" }], /ARN is not well formed/],
  ["a filter by something else", [{ ...good, Filter: filterOf("middle", "x") }], /either prefix or suffix/],
  ["two rules for the same objects", [good, { ...good, Events: ["s3:ObjectCreated:Put"] }], /ambiguously defined/],
  ["a queue that is not there", [{ ...good, QueueArn: `${queueArn}-gone` }], /Unable to validate the following dest/],
] as const) {
  test(`a configuration with ${what} is refused and changes nothing`, async (context) => {
    const { call, missing } = await openBucket(context);
    missing.add("arrivals-gone");
    const input = { ...bucket, NotificationConfiguration: { QueueConfigurations: rules } };
    await assert.rejects(call("PutBucketNotificationConfiguration", input), message);
    await assert.rejects(call("PutBucketNotificationConfiguration", input), faultOf("InvalidArgument"));
    assert.equal((await call("GetBucketNotificationConfiguration", bucket)).QueueConfigurations, undefined);
  });
}

test("a destination that is not checked may be missing", async (context) => {
  const { call, missing } = await openBucket(context);
  missing.add("arrivals");
  const NotificationConfiguration = { QueueConfigurations: [good] };
  const input = { ...bucket, NotificationConfiguration, SkipDestinationValidation: true };
  await call("PutBucketNotificationConfiguration", input);
  assert.equal((await call("GetBucketNotificationConfiguration", bucket)).QueueConfigurations.length, 1);
});

test("what other services write is told of and versioned like what callers put", async (context) => {
  const { call, objects, told, deliver } = await openNotifying(context, { QueueConfigurations: [good] });
  await call("PutBucketVersioning", { ...bucket, VersioningConfiguration: { Status: "Enabled" } });
  await deliver();
  told.length = 0;
  await objects.put("b-1/capture.jsonl", "one");
  await objects.put("b-1/capture.jsonl", "two");
  await objects.delete("b-1/capture.jsonl");
  await objects.put("elsewhere/k", "1");
  await deliver();
  assert.deepEqual(keysOf(told), ["SendMessage capture.jsonl", "SendMessage capture.jsonl"]);
  const { Versions, DeleteMarkers } = await call("ListObjectVersions", bucket);
  assert.deepEqual([Versions.length, DeleteMarkers.length], [2, 1]);
});

test("a destination that cannot answer now is told later", async (context) => {
  const { put, told, deliver, refuse } = await openNotifying(context, { QueueConfigurations: [good] });
  await deliver();
  told.length = 0;
  refuse(2);
  await put("k", "1");
  await deliver();
  assert.deepEqual(keysOf(told), ["SendMessage k"]);
});

test("what was answered is told after a crash that came before the telling", async (context) => {
  const { put, directory, clock, close } = await openNotifying(context, { QueueConfigurations: [good] });
  await put("k", "1");
  // Nothing has been delivered yet: the clock has not moved.
  await close();
  const again = await openS3(context, { directory, clock });
  await again.deliver();
  await again.close();
  assert.deepEqual(keysOf(again.told.filter(({ message }) => message.Records !== undefined)), ["SendMessage k"]);
});

async function openNotifying(context: TestContext, NotificationConfiguration: object) {
  const opened = await openBucket(context);
  await opened.call("PutBucketNotificationConfiguration", { ...bucket, NotificationConfiguration });
  return opened;
}

function filter(prefix: string, suffix: string): object {
  return {
    Key: {
      FilterRules: [
        { Name: "prefix", Value: prefix },
        { Name: "suffix", Value: suffix },
      ],
    },
  };
}

function filterOf(Name: string, Value: string): object {
  return { Key: { FilterRules: [{ Name, Value }] } };
}

function keysOf(told: { to: string; message: Answer }[]): string[] {
  return told.map(({ to, message }) => `${to} ${message.Records[0].s3.object.key}`);
}
