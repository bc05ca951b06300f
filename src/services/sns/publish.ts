import type { MessageAttributeValue, PublishBatchCommandInput, PublishCommandInput } from "@aws-sdk/client-sns";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DeliveryQueue } from "../../ports/delivery-queue.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { SnsJob } from "./deliver.ts";
import { wants } from "./filter.ts";
import { invalid, type MessageAttribute, type SnsRecords, type Topic } from "./records.ts";

/** As SNS: message and attributes together, and all messages of a batch together. */
const largestMessageBytes = 256 * 1024;
const mostInBatch = 10;

export interface PublishOptions {
  records: SnsRecords;
  resources: Resources;
  clock: Clock;
  queue: DeliveryQueue<SnsJob>;
  onPublished: (topicArn: string) => void;
  /** Deliveries that may wait; beyond it publishing is refused instead of filling the disk. */
  mostWaiting: number;
}

type MessageInput = Pick<PublishCommandInput, "Message" | "Subject" | "MessageStructure" | "MessageAttributes">;

export function publishHandlers(options: PublishOptions): Record<string, Handler> {
  const { records, resources, clock, queue } = options;

  /** N1. An answered publish is a row for each subscriber that wants it. */
  function publish(topic: Topic, input: MessageInput, call: Call): string {
    const message = checkMessage(input);
    const messageId = clock.uuid();
    const jobs = records
      .subscriptionsOf(topic.arn)
      .filter((subscription) => subscription.isConfirmed)
      .map((subscription) => ({ subscription, text: message.textFor(subscription.protocol) }))
      .filter(({ subscription, text }) => wants(subscription, text, message.attributes))
      .map(({ subscription, text }): SnsJob => {
        const { subject, attributes } = message;
        return {
          type: "Notification",
          subscriptionArn: subscription.arn,
          messageId,
          message: text,
          subject,
          attributes,
          publishedMs: clock.now(),
          baseUrl: call.baseUrl,
        };
      });
    if (queue.size() + jobs.length > options.mostWaiting) {
      throw new Fault("ThrottledException", `${queue.size()} deliveries wait already; try again when they were made`, {
        status: 429,
      });
    }
    resources.transaction(() => queue.add(jobs));
    options.onPublished(topic.arn);
    return messageId;
  }

  return {
    Publish(input: PublishCommandInput, call: Call) {
      if (input.PhoneNumber !== undefined) throw invalid("PhoneNumber Reason: text messages are not supported here");
      const arn = input.TopicArn ?? input.TargetArn;
      if (arn === undefined) throw invalid("TopicArn or TargetArn Reason: no value for required parameter");
      return { MessageId: publish(records.topic(arn), input, call) };
    },

    PublishBatch(input: PublishBatchCommandInput, call: Call) {
      const topic = records.topic(input.TopicArn);
      const entries = input.PublishBatchRequestEntries ?? [];
      if (entries.length === 0) {
        throw new Fault("EmptyBatchRequestException", "The batch request doesn't contain any entries.");
      }
      if (entries.length > mostInBatch) {
        throw new Fault(
          "TooManyEntriesInBatchRequestException",
          `The batch request contains more entries than permissible: ${entries.length} of ${mostInBatch}.`,
        );
      }
      if (new Set(entries.map((entry) => entry.Id)).size < entries.length) {
        throw new Fault(
          "BatchEntryIdsNotDistinctException",
          "Two or more batch entries in the request have the same Id.",
        );
      }
      const sizeBytes = entries.reduce((sum, entry) => sum + Buffer.byteLength(entry.Message ?? ""), 0);
      if (sizeBytes > largestMessageBytes) {
        throw new Fault(
          "BatchRequestTooLongException",
          "The length of all the messages put together is more than the limit.",
        );
      }
      const Successful: object[] = [];
      const Failed: object[] = [];
      for (const entry of entries) {
        try {
          Successful.push({ Id: entry.Id, MessageId: publish(topic, entry, call) });
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          const Code = error.code.replace(/Exception$/, "");
          Failed.push({ Id: entry.Id, Code, Message: error.message, SenderFault: error.status < 500 });
        }
      }
      return { Successful, Failed };
    },
  };
}

function checkMessage(input: MessageInput) {
  const { Message = "", Subject } = input;
  if (Message === "") throw invalid("Empty message");
  if (Subject !== undefined && !/^[!-~\u00A0-\uFFFF][^\r\n\p{Cc}]{0,99}$/u.test(Subject)) throw invalid("Subject");
  const attributes = Object.fromEntries(Object.entries(input.MessageAttributes ?? {}).map(checkAttribute));
  const sizeBytes = Object.entries(attributes).reduce(
    (sum, [name, value]) =>
      sum +
      Buffer.byteLength(name + value.DataType + (value.StringValue ?? "")) +
      ((value.BinaryValue?.length ?? 0) * 3) / 4,
    Buffer.byteLength(Message),
  );
  if (sizeBytes > largestMessageBytes) throw invalid("Message too long");
  const texts = input.MessageStructure === undefined ? undefined : textsByProtocol(Message, input.MessageStructure);
  const textFor = (protocol: string): string => texts?.[protocol] ?? texts?.["default"] ?? Message;
  return { subject: Subject, attributes, textFor };
}

function textsByProtocol(message: string, structure: string): Record<string, string> {
  if (structure !== "json") throw invalid("MessageStructure");
  let texts: unknown;
  try {
    texts = JSON.parse(message);
  } catch {
    throw invalid("Message Structure - JSON message body failed to parse");
  }
  if (typeof texts !== "object" || texts === null || typeof (texts as { default?: unknown }).default !== "string") {
    throw invalid("Message Structure - No default entry in JSON message body");
  }
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => typeof text === "string"));
}

function checkAttribute([name, value]: [string, MessageAttributeValue]): [string, MessageAttribute] {
  const refused = (reason: string) =>
    new Fault("InvalidParameterValueException", `The message attribute '${name}' ${reason}`);
  if (!/^(?!\.)[\w.-]{1,256}(?<!\.)$/.test(name)) throw refused("has a name that is not valid.");
  const DataType = value.DataType ?? "";
  if (!/^(String|Number|Binary)(\.[\w.-]+)?$/.test(DataType)) {
    throw refused(
      "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
    );
  }
  if (DataType.startsWith("Binary")) {
    if (!value.BinaryValue?.byteLength)
      throw refused(`must contain non-empty message attribute value for type '${DataType}'.`);
    return [name, { DataType, BinaryValue: Buffer.from(value.BinaryValue).toString("base64") }];
  }
  if (!value.StringValue) throw refused(`must contain non-empty message attribute value for type '${DataType}'.`);
  if (DataType.startsWith("Number") && !Number.isFinite(Number(value.StringValue))) {
    throw refused("has a value that is not a number.");
  }
  return [name, { DataType, StringValue: value.StringValue }];
}
