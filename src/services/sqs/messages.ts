import type {
  ChangeMessageVisibilityBatchCommandInput,
  ChangeMessageVisibilityCommandInput,
  DeleteMessageBatchCommandInput,
  DeleteMessageCommandInput,
  ReceiveMessageCommandInput,
  SendMessageBatchCommandInput,
  SendMessageBatchRequestEntry,
  SendMessageCommandInput,
} from "@aws-sdk/client-sqs";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Call, Handler } from "../../wire/service.ts";
import {
  attributesMd5,
  checkBody,
  md5,
  receivedMessage,
  type StoredMessage,
  sizeBytes,
  storedAttributes,
} from "./message.ts";
import type { MessageStore } from "./message-store.ts";
import type { QueueMetrics } from "./queue-metrics.ts";
import { numberOf, type Queue, type QueueBook } from "./queues.ts";

/** As SQS. */
const mostInBatch = 10;
const largestBatchBytes = 1_048_576;
const longestHiddenSeconds = 43_200;

export interface MessageOptions {
  queues: QueueBook;
  messages: MessageStore;
  clock: Clock;
  counted: QueueMetrics;
}

export function messageHandlers({ queues, messages, clock, counted }: MessageOptions): Record<string, Handler> {
  function compose(
    queue: Queue,
    input: SendMessageCommandInput | SendMessageBatchRequestEntry,
    call: Call,
  ): StoredMessage {
    const attributes = storedAttributes(input.MessageAttributes);
    const delaySeconds = input.DelaySeconds ?? numberOf(queue, "DelaySeconds");
    checkRange("DelaySeconds", delaySeconds, 0, 900);
    return {
      messageId: clock.uuid(),
      body: checkBody(input.MessageBody, attributes, numberOf(queue, "MaximumMessageSize")),
      attributes,
      senderId: call.accountId,
      sentMs: clock.now(),
      visibleAtMs: clock.now() + delaySeconds * 1000,
      receiveCount: 0,
    };
  }

  function send(queue: Queue, composed: StoredMessage[]): void {
    messages.send(queue.name, composed);
    for (const { body, attributes } of composed) counted.sent(queue.name, sizeBytes(body, attributes));
  }

  function remove({ name }: Queue, handle: string): void {
    messages.remove(name, handle);
    counted.deleted(name);
  }

  function hide(queue: Queue, handle: string, seconds: number | undefined): void {
    checkRange("VisibilityTimeout", seconds ?? -1, 0, longestHiddenSeconds);
    if (!messages.hide(queue.name, handle, (seconds as number) * 1000)) {
      throw new Fault("MessageNotInflight", "The specified message isn't in flight.");
    }
  }

  return {
    SendMessage(input: SendMessageCommandInput, call: Call) {
      const queue = queues.find(input.QueueUrl);
      const message = compose(queue, input, call);
      send(queue, [message]);
      return sentAnswer(message);
    },

    SendMessageBatch(input: SendMessageBatchCommandInput, call: Call) {
      const queue = queues.find(input.QueueUrl);
      const entries = checkBatch(input.Entries);
      const totalBytes = entries.reduce(
        (sum, entry) => sum + sizeBytes(entry.MessageBody ?? "", storedAttributes(entry.MessageAttributes)),
        0,
      );
      if (totalBytes > largestBatchBytes) {
        throw new Fault(
          "BatchRequestTooLong",
          `Batch requests cannot be longer than ${largestBatchBytes} bytes. You have sent ${totalBytes} bytes.`,
        );
      }
      const { done, Failed } = each(entries, (entry) => ({ Id: entry.Id, message: compose(queue, entry, call) }));
      send(
        queue,
        done.map(({ message }) => message),
      );
      return { Successful: done.map(({ Id, message }) => ({ Id, ...sentAnswer(message) })), Failed };
    },

    async ReceiveMessage(input: ReceiveMessageCommandInput, call: Call) {
      const queue = queues.find(input.QueueUrl);
      const most = input.MaxNumberOfMessages ?? 1;
      const hideSeconds = input.VisibilityTimeout ?? numberOf(queue, "VisibilityTimeout");
      const waitSeconds = input.WaitTimeSeconds ?? numberOf(queue, "ReceiveMessageWaitTimeSeconds");
      checkRange("MaxNumberOfMessages", most, 1, 10);
      checkRange("VisibilityTimeout", hideSeconds, 0, longestHiddenSeconds);
      checkRange("WaitTimeSeconds", waitSeconds, 0, 20);
      const received = await messages.receive(queues.rulesOf(queue), {
        most,
        hideMs: hideSeconds * 1000,
        waitMs: waitSeconds * 1000,
        signal: call.patience ?? call.signal,
        hasQueue: queues.hasQueue,
      });
      counted.received(queue.name, received.length);
      // As SQS: nothing to receive is an answer without the member.
      if (received.length === 0) return {};
      return { Messages: received.map(({ message, handle }) => receivedMessage(message, handle, input)) };
    },

    DeleteMessage(input: DeleteMessageCommandInput) {
      remove(queues.find(input.QueueUrl), input.ReceiptHandle as string);
      return {};
    },

    DeleteMessageBatch(input: DeleteMessageBatchCommandInput) {
      const queue = queues.find(input.QueueUrl);
      const { done, Failed } = each(checkBatch(input.Entries), ({ Id, ReceiptHandle }) => {
        remove(queue, ReceiptHandle as string);
        return { Id };
      });
      return { Successful: done, Failed };
    },

    ChangeMessageVisibility(input: ChangeMessageVisibilityCommandInput) {
      hide(queues.find(input.QueueUrl), input.ReceiptHandle as string, input.VisibilityTimeout);
      return {};
    },

    ChangeMessageVisibilityBatch(input: ChangeMessageVisibilityBatchCommandInput) {
      const queue = queues.find(input.QueueUrl);
      const { done, Failed } = each(checkBatch(input.Entries), ({ Id, ReceiptHandle, VisibilityTimeout }) => {
        hide(queue, ReceiptHandle as string, VisibilityTimeout);
        return { Id };
      });
      return { Successful: done, Failed };
    },
  };
}

function sentAnswer(message: StoredMessage): object {
  return {
    MessageId: message.messageId,
    MD5OfMessageBody: md5(Buffer.from(message.body)),
    MD5OfMessageAttributes: attributesMd5(message.attributes),
  };
}

function checkBatch<Entry extends { Id: string | undefined }>(entries: Entry[] | undefined): Entry[] {
  if (!entries || entries.length === 0) {
    throw new Fault("EmptyBatchRequest", "There should be at least one entry in the request.");
  }
  if (entries.length > mostInBatch) {
    throw new Fault(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${mostInBatch}. You have sent ${entries.length}.`,
    );
  }
  const invalid = entries.find(({ Id }) => !/^[\w-]{1,80}$/.test(Id ?? ""));
  if (invalid) {
    throw new Fault(
      "InvalidBatchEntryId",
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
    );
  }
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
    throw new Fault("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.");
  }
  return entries;
}

/** One entry's fault is that entry's alone. */
function each<Entry extends { Id: string | undefined }, Done>(entries: Entry[], work: (entry: Entry) => Done) {
  const done: Done[] = [];
  const Failed: object[] = [];
  for (const entry of entries) {
    try {
      done.push(work(entry));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      Failed.push({ Id: entry.Id, Code: error.code, Message: error.message, SenderFault: error.status < 500 });
    }
  }
  return { done, Failed };
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new Fault(
    "InvalidParameterValue",
    `Value ${value} for parameter ${name} is invalid. Reason: Must be between ${least} and ${most}, if provided.`,
  );
}
