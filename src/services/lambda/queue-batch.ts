// A batch of messages as a function sees it, and what its answer says about each of them.
import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";
import type { Json } from "../../kit/json.ts";

/** The event of AWS's SQS event source. */
export function queueEvent(messages: readonly Message[], queueArn: string): Buffer {
  const awsRegion = queueArn.split(":")[3];
  const Records = messages.map((message) => ({
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, attributeOf(value)]),
    ),
    ...(message.MD5OfMessageAttributes && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    md5OfBody: message.MD5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: queueArn,
    awsRegion,
  }));
  return Buffer.from(JSON.stringify({ Records }));
}

function attributeOf({ StringValue, BinaryValue, DataType }: MessageAttributeValue): object {
  return {
    ...(StringValue !== undefined && { stringValue: StringValue }),
    ...(BinaryValue !== undefined && { binaryValue: Buffer.from(BinaryValue).toString("base64") }),
    ...{ stringListValues: [], binaryListValues: [], dataType: DataType },
  };
}

/**
 * The messages that the function is done with, by the answer of one that reports failures item by item. As on AWS: nothing
 * said means all; what cannot be understood, or names no message of the batch, means none.
 */
export function doneOf(messages: readonly Message[], answer: Uint8Array): readonly Message[] {
  let said: Json;
  try {
    said = JSON.parse(Buffer.from(answer).toString()) as Json;
  } catch {
    return [];
  }
  if (said === null || said === "") return messages;
  if (typeof said !== "object" || Array.isArray(said)) return [];
  const failures = said["batchItemFailures"];
  if (failures === undefined || failures === null) return messages;
  if (!Array.isArray(failures)) return [];
  const failed = failures.map((item) =>
    typeof item === "object" && item !== null && !Array.isArray(item) ? item["itemIdentifier"] : undefined,
  );
  const known = new Set(messages.map(({ MessageId }) => MessageId));
  if (failed.some((id) => typeof id !== "string" || !known.has(id))) return [];
  return messages.filter(({ MessageId }) => !failed.includes(MessageId as string));
}
