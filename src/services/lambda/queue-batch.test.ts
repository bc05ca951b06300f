import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "@aws-sdk/client-sqs";
import { compileFilters } from "./message-filter.ts";
import { doneOf, queueEvent } from "./queue-batch.ts";

const messages: Message[] = [
  { MessageId: "a", ReceiptHandle: "ra", Body: '{"n":1}', MD5OfBody: "m", Attributes: { SenderId: "s" } as never },
  { MessageId: "b", ReceiptHandle: "rb", Body: "text" },
];
const queueArn = "arn:aws:sqs:eu-west-1:123456789012:pictures";

test("a function sees messages as AWS's event source shows them", () => {
  const message = { ...messages[0], MessageAttributes: { size: { DataType: "Number", StringValue: "3" } } };
  const { Records } = JSON.parse(queueEvent([message], queueArn).toString()) as { Records: object[] };
  assert.deepEqual(Records, [
    {
      messageId: "a",
      receiptHandle: "ra",
      body: '{"n":1}',
      attributes: { SenderId: "s" },
      messageAttributes: {
        size: { stringValue: "3", stringListValues: [], binaryListValues: [], dataType: "Number" },
      },
      md5OfBody: "m",
      eventSource: "aws:sqs",
      eventSourceARN: queueArn,
      awsRegion: "eu-west-1",
    },
  ]);
});

const done = (answer: unknown) =>
  doneOf(messages, Buffer.from(JSON.stringify(answer))).map(({ MessageId }) => MessageId);

test("messages that the function does not report are done", () => {
  assert.deepEqual(done({ batchItemFailures: [{ itemIdentifier: "b" }] }), ["a"]);
});

test("an answer without failures means that all are done", () => {
  const answers = [null, {}, { batchItemFailures: [] }, { batchItemFailures: null }];
  assert.deepEqual(
    answers.map(done),
    answers.map(() => ["a", "b"]),
  );
});

test("an answer that cannot be understood means that none is done", () => {
  const answers = ["text", 7, { batchItemFailures: "b" }, { batchItemFailures: [{}] }];
  const strangers = [{ batchItemFailures: [{ itemIdentifier: "c" }] }, { batchItemFailures: [{ itemIdentifier: "" }] }];
  assert.deepEqual([...answers, ...strangers].map(done), Array(6).fill([]));
});

test("filters let messages through by their body as JSON or as text, and by their attributes", () => {
  const through = (...patterns: object[]) =>
    messages.filter(compileFilters(patterns.map((pattern) => JSON.stringify(pattern)))).map((it) => it.MessageId);
  assert.deepEqual(through(), ["a", "b"]);
  assert.deepEqual(through({ body: { n: [{ numeric: [">", 0] }] } }), ["a"]);
  assert.deepEqual(through({ body: ["text"] }), ["b"]);
  assert.deepEqual(through({ attributes: { SenderId: ["s"] } }, { body: ["text"] }), ["a", "b"]);
});

test("a filter that is no pattern is refused in AWS's words", () => {
  assert.throws(() => compileFilters(["{"]), {
    code: "InvalidParameterValueException",
    message: "Invalid filter pattern definition.",
  });
});
