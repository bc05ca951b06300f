import { DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import type { Clients } from "../clients.ts";

export interface Notification {
  subject: string | undefined;
  message: string;
  timestamp: string;
}

/** A delivery that takes longer than this is reported as missing. */
const waitAtMostMs = 20_000;

/** Takes the notifications that arrived in the queue, waiting for as many as are expected, within a limit. */
export async function receiveAlerts(
  clients: Clients,
  queueUrl: string,
  options: { expected: number; signal: AbortSignal },
): Promise<Notification[]> {
  const received: Notification[] = [];
  const deadline = Date.now() + waitAtMostMs;
  while (received.length < options.expected && Date.now() < deadline) {
    const answer = await clients.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2 }),
      { abortSignal: options.signal },
    );
    for (const message of answer.Messages ?? []) {
      const envelope = JSON.parse(message.Body ?? "{}") as { Subject?: string; Message?: string; Timestamp?: string };
      received.push({
        subject: envelope.Subject,
        message: envelope.Message ?? "",
        timestamp: envelope.Timestamp ?? "",
      });
      await clients.sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: message.ReceiptHandle }));
    }
  }
  return received;
}
