import { createHash } from "node:crypto";
import type { Message, MessageAttributeValue, ReceiveMessageCommandInput } from "@aws-sdk/client-sqs";
import { Fault } from "../../kit/fault.ts";

export interface StoredAttribute {
  DataType: string;
  StringValue?: string;
  /** Base64. */
  BinaryValue?: string;
}

/** A message as it is kept; its row's id tells its queue and its place. */
export interface StoredMessage {
  messageId: string;
  body: string;
  attributes: Record<string, StoredAttribute>;
  senderId: string;
  sentMs: number;
  visibleAtMs: number;
  receiveCount: number;
  firstReceivedMs?: number;
  /** The nonce of the last receive: only its handle can delete or hide the message. */
  receipt?: string;
  deadLetterSource?: string;
}

/** As SQS. */
const mostAttributes = 10;

export function checkBody(
  body: string | undefined,
  attributes: Record<string, StoredAttribute>,
  largest: number,
): string {
  if (!body) throw new Fault("MissingParameter", "The request must contain the parameter MessageBody.");
  // What XML 1.0 cannot carry, receivers that speak it could not read.
  if (/[^\t\n\r -\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(body)) {
    throw new Fault("InvalidMessageContents", "Message body contains characters outside the allowed set.");
  }
  if (sizeBytes(body, attributes) > largest) {
    throw new Fault(
      "InvalidParameterValue",
      `One or more parameters are invalid. Reason: Message must be shorter than ${largest} bytes.`,
    );
  }
  return body;
}

export function sizeBytes(body: string, attributes: Record<string, StoredAttribute>): number {
  return Object.entries(attributes).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name + value.DataType) + valueBytes(value).byteLength,
    Buffer.byteLength(body),
  );
}

export function storedAttributes(
  attributes: Record<string, MessageAttributeValue> | undefined,
): Record<string, StoredAttribute> {
  const entries = Object.entries(attributes ?? {});
  if (entries.length > mostAttributes) {
    throw new Fault(
      "InvalidParameterValue",
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [${mostAttributes}].`,
    );
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, storedAttribute(name, value)]));
}

function storedAttribute(name: string, value: MessageAttributeValue): StoredAttribute {
  const DataType = value.DataType ?? "";
  const refused = (reason: string) => new Fault("InvalidParameterValue", `The message attribute '${name}' ${reason}`);
  if (!/^(?!aws\.|amazon\.|\.)[\w.-]{1,256}(?<!\.)$/i.test(name)) throw refused("has a name that is not allowed.");
  if (!/^(String|Number|Binary)(\.[\w.-]+)?$/.test(DataType)) {
    throw refused(
      "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
    );
  }
  if (DataType.startsWith("Binary")) {
    if (!value.BinaryValue?.byteLength) throw refused(`must contain a non-empty value of type '${DataType}'.`);
    return { DataType, BinaryValue: Buffer.from(value.BinaryValue).toString("base64") };
  }
  if (!value.StringValue) throw refused(`must contain a non-empty value of type '${DataType}'.`);
  if (DataType.startsWith("Number") && !Number.isFinite(Number(value.StringValue))) {
    throw refused(`has the value '${value.StringValue}', which is not a number.`);
  }
  return { DataType, StringValue: value.StringValue };
}

/** The message as a receiver asked to see it. */
export function receivedMessage(message: StoredMessage, handle: string, input: ReceiveMessageCommandInput): Message {
  const systemNames = [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])] as string[];
  const system = Object.entries(systemAttributes(message)).filter(
    ([name, value]) => value !== undefined && (systemNames.includes("All") || systemNames.includes(name)),
  );
  const asked = input.MessageAttributeNames ?? [];
  const attributes = Object.fromEntries(Object.entries(message.attributes).filter(([name]) => isAsked(name, asked)));
  const hasAttributes = Object.keys(attributes).length > 0;
  return {
    MessageId: message.messageId,
    ReceiptHandle: handle,
    MD5OfBody: md5(Buffer.from(message.body)),
    Body: message.body,
    Attributes: system.length > 0 ? Object.fromEntries(system) : undefined,
    MD5OfMessageAttributes: hasAttributes ? attributesMd5(attributes) : undefined,
    MessageAttributes: hasAttributes
      ? Object.fromEntries(
          Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
            name,
            BinaryValue === undefined
              ? { DataType, StringValue }
              : { DataType, BinaryValue: Buffer.from(BinaryValue, "base64") },
          ]),
        )
      : undefined,
  };
}

export function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** Clients check it: name, type and value of each in order of name, each after its length. */
export function attributesMd5(attributes: Record<string, StoredAttribute>): string | undefined {
  const names = Object.keys(attributes).toSorted();
  if (names.length === 0) return undefined;
  const hash = createHash("md5");
  const add = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.byteLength);
    hash.update(length).update(bytes);
  };
  for (const name of names) {
    const value = attributes[name] as StoredAttribute;
    add(Buffer.from(name));
    add(Buffer.from(value.DataType));
    hash.update(Buffer.from([value.BinaryValue === undefined ? 1 : 2]));
    add(valueBytes(value));
  }
  return hash.digest("hex");
}

function valueBytes({ StringValue, BinaryValue }: StoredAttribute): Buffer {
  return BinaryValue === undefined ? Buffer.from(StringValue ?? "") : Buffer.from(BinaryValue, "base64");
}

function systemAttributes(message: StoredMessage): Record<string, string | undefined> {
  return {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentMs),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedMs ?? 0),
    DeadLetterQueueSourceArn: message.deadLetterSource,
  };
}

function isAsked(name: string, asked: string[]): boolean {
  return asked.some((one) => {
    if (one === "All" || one === ".*" || one === name) return true;
    return one.endsWith(".*") && name.startsWith(one.slice(0, -1));
  });
}
