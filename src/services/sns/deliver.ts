import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Operations } from "../../ports/operations.ts";
import { confirmation, notification } from "./envelope.ts";
import { writeMail } from "./outbox-mail.ts";
import type { MessageAttribute, SnsRecords, Subscription } from "./records.ts";
import { localDelays, policyOf, retryDelays } from "./retry-policy.ts";
import type { Signer } from "./signing.ts";

/** One message to one subscriber, as it waits in the queue. */
export interface SnsJob {
  type: "Notification" | "SubscriptionConfirmation" | "UnsubscribeConfirmation";
  /** The subscription that an UnsubscribeConfirmation is about. */
  ended?: Subscription;
  subscriptionArn: string;
  messageId: string;
  /** Already the one for the subscriber's protocol. */
  message: string;
  subject?: string;
  attributes: Record<string, MessageAttribute>;
  publishedMs: number;
  baseUrl: string;
}

export interface DeliverOptions {
  records: SnsRecords;
  signer: Signer;
  clock: Clock;
  functions: Functions;
  operations: Operations;
  outboxFolder: string;
  /** How long one attempt over HTTP may take; SNS waits 15 s. */
  attemptTimeoutMs: number;
}

export function snsDeliverer(options: DeliverOptions) {
  const { records, signer } = options;

  function envelopeOf(job: SnsJob, subscription: Subscription): Record<string, unknown> {
    const topic = records.findTopic(subscription.topicArn)?.value;
    const common = {
      messageId: job.messageId,
      topicArn: subscription.topicArn,
      timestamp: new Date(job.publishedMs).toISOString(),
      signatureVersion: topic?.attributes["SignatureVersion"] === "2" ? ("2" as const) : ("1" as const),
      baseUrl: job.baseUrl,
    };
    if (job.type !== "Notification") {
      const { token, arn } = subscription;
      return confirmation({ ...common, type: job.type, token, subscriptionArn: arn }, signer);
    }
    const { message, subject, attributes } = job;
    return notification({ ...common, message, subject, attributes, subscriptionArn: subscription.arn }, signer);
  }

  const subscriptionOf = (job: SnsJob) => job.ended ?? records.findSubscription(job.subscriptionArn)?.value;

  async function deliver(job: SnsJob, about: { signal: AbortSignal }): Promise<void> {
    const subscription = subscriptionOf(job);
    // Whoever unsubscribed gets nothing more.
    if (subscription === undefined) return;
    switch (subscription.protocol) {
      case "http":
      case "https":
        return post(job, subscription, about.signal);
      case "lambda":
        return invoke(job, subscription);
      case "sqs":
        return enqueue(job, subscription, arnName(subscription.endpoint));
      case "email":
      case "email-json":
        return mail(job, subscription);
      default:
        return subscription.protocol satisfies never;
    }
  }

  async function post(job: SnsJob, subscription: Subscription, stop: AbortSignal): Promise<void> {
    const isRaw = job.type === "Notification" && subscription.attributes["RawMessageDelivery"] === "true";
    const timeout = new AbortController();
    const cancel = options.clock.schedule(options.attemptTimeoutMs, () =>
      timeout.abort(new Error(`no answer within ${options.attemptTimeoutMs} ms`)),
    );
    try {
      const response = await fetch(subscription.endpoint, {
        method: "POST",
        redirect: "manual",
        headers: {
          "content-type": "text/plain; charset=UTF-8",
          "user-agent": "Amazon Simple Notification Service Agent",
          "x-amz-sns-message-type": job.type,
          "x-amz-sns-message-id": job.messageId,
          "x-amz-sns-topic-arn": subscription.topicArn,
          ...(job.type === "Notification" && { "x-amz-sns-subscription-arn": subscription.arn }),
          ...(isRaw && { "x-amz-sns-rawdelivery": "true" }),
        },
        body: isRaw ? job.message : JSON.stringify(envelopeOf(job, subscription), null, 2),
        signal: AbortSignal.any([stop, timeout.signal]),
      });
      await response.body?.cancel();
      if (response.ok) return;
      throw new Fault("DeliveryFailed", `${subscription.endpoint} answered ${response.status}`, {
        // As SNS: what the receiver calls the sender's error is not sent again.
        isRetryable: response.status >= 500 || response.status === 429,
      });
    } finally {
      cancel();
    }
  }

  async function invoke(job: SnsJob, subscription: Subscription): Promise<void> {
    const { SigningCertURL, UnsubscribeURL, MessageAttributes, ...envelope } = envelopeOf(job, subscription);
    const Sns = {
      ...envelope,
      Subject: envelope["Subject"] ?? null,
      SigningCertUrl: SigningCertURL,
      UnsubscribeUrl: UnsubscribeURL,
      MessageAttributes: MessageAttributes ?? {},
    };
    const record = { EventSource: "aws:sns", EventVersion: "1.0", EventSubscriptionArn: subscription.arn, Sns };
    const payload = Buffer.from(JSON.stringify({ Records: [record] }));
    await options.functions.invoke(subscription.endpoint, payload, { invocationType: "Event" });
  }

  async function enqueue(job: SnsJob, subscription: Subscription, queue: string): Promise<void> {
    const QueueUrl = `${job.baseUrl}/${subscription.endpoint.split(":")[4]}/${queue}`;
    const isRaw = subscription.attributes["RawMessageDelivery"] === "true";
    const input = isRaw
      ? { QueueUrl, MessageBody: job.message, MessageAttributes: asQueueAttributes(job.attributes) }
      : { QueueUrl, MessageBody: JSON.stringify(envelopeOf(job, subscription), null, 2) };
    await options.operations.call("sqs", "SendMessage", input);
  }

  async function mail(job: SnsJob, subscription: Subscription): Promise<void> {
    const topic = records.findTopic(subscription.topicArn)?.value;
    const envelope = envelopeOf(job, subscription);
    const link =
      job.type === "Notification"
        ? `To stop these messages: ${envelope["UnsubscribeURL"]}`
        : `To confirm: ${envelope["SubscribeURL"]}`;
    await writeMail(options.outboxFolder, {
      id: `${job.messageId}-${subscription.arn.slice(-12)}`,
      to: subscription.endpoint,
      subject: job.type === "Notification" ? (job.subject ?? titleOf(topic?.attributes)) : "Subscription Confirmation",
      text:
        subscription.protocol === "email-json" && job.type === "Notification"
          ? JSON.stringify(envelope, null, 2)
          : `${job.type === "Notification" ? job.message : envelope["Message"]}\n\n--\n${link}\n`,
      sentMs: job.publishedMs,
    });
  }

  return {
    deliver,

    retryDelayMs(job: SnsJob, attempt: number, error: unknown): number | undefined {
      if (error instanceof Fault && !error.isRetryable) return undefined;
      const subscription = subscriptionOf(job);
      if (subscription === undefined) return undefined;
      const topic = records.findTopic(subscription.topicArn)?.value;
      const isHttp = subscription.protocol === "http" || subscription.protocol === "https";
      const delays = isHttp ? retryDelays(policyOf(topic, subscription)) : localDelays();
      const seconds = delays[attempt - 1];
      // Up to a tenth more, so that many deliveries that failed together do not come back together.
      return seconds === undefined ? undefined : Math.round(seconds * 1000 * (1 + options.clock.random() / 10));
    },

    /** What cannot be delivered goes to the subscription's dead-letter queue, as the whole envelope. */
    async giveUp(job: SnsJob): Promise<void> {
      const subscription = records.findSubscription(job.subscriptionArn)?.value;
      const redrive = subscription?.attributes["RedrivePolicy"];
      if (subscription === undefined || redrive === undefined || job.type !== "Notification") return;
      const target = (JSON.parse(redrive) as { deadLetterTargetArn: string }).deadLetterTargetArn;
      await options.operations.call("sqs", "SendMessage", {
        QueueUrl: `${job.baseUrl}/${target.split(":")[4]}/${arnName(target)}`,
        MessageBody: JSON.stringify(envelopeOf(job, subscription)),
        MessageAttributes: asQueueAttributes(job.attributes),
      });
    },
  };
}

function titleOf(attributes: Record<string, string> | undefined): string {
  return attributes?.["DisplayName"] || "AWS Notification Message";
}

function asQueueAttributes(attributes: Record<string, MessageAttribute>): object {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      {
        DataType,
        StringValue,
        BinaryValue: BinaryValue === undefined ? undefined : Buffer.from(BinaryValue, "base64"),
      },
    ]),
  );
}

function arnName(arn: string): string {
  return arn.split(":").at(-1) ?? "";
}
