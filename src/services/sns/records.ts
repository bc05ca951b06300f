import { Fault } from "../../kit/fault.ts";
import type { Resource, Resources } from "../../ports/resources.ts";

export interface Topic {
  arn: string;
  owner: string;
  attributes: Record<string, string>;
  tags: Record<string, string>;
  /** How many subscriptions ended; SNS tells it. */
  deleted: number;
}

export interface Subscription {
  arn: string;
  topicArn: string;
  protocol: Protocol;
  endpoint: string;
  owner: string;
  isConfirmed: boolean;
  token: string;
  /** When it was last asked to confirm: the token is good for some days after that. */
  askedMs?: number;
  attributes: Record<string, string>;
}

/** As SNS: how long a subscription may wait to be confirmed, and an ended one to be taken back. */
const tokenLifeMs = 2 * 86_400_000;

export const protocols = ["http", "https", "lambda", "sqs", "email", "email-json"] as const;
export type Protocol = (typeof protocols)[number];

export interface MessageAttribute {
  DataType: string;
  StringValue?: string;
  /** Base64. */
  BinaryValue?: string;
}

/**
 * Topics under their name, subscriptions under `topic:uuid`, tokens under themselves. Account and region name things,
 * they never find them: an ARN of another region finds the topic of that name.
 */
export function snsRecords(resources: Resources) {
  const topicKind = "sns:topic";
  const subscriptionKind = "sns:subscription";
  const tokenKind = "sns:token";
  const endedKind = "sns:ended";
  type Ended = { subscription: Subscription; endedMs: number };
  const isExpired = ({ isConfirmed, askedMs = 0 }: Subscription, nowMs: number) =>
    !isConfirmed && askedMs < nowMs - tokenLifeMs;
  return {
    findTopic: (arn: string | undefined) => resources.get<Topic>(topicKind, topicName(arn)),
    topic(arn: string | undefined): Topic {
      const topic = resources.get<Topic>(topicKind, topicName(arn));
      if (topic === undefined) throw new Fault("NotFoundException", "Topic does not exist", { status: 404 });
      return topic.value;
    },
    createTopic: (topic: Topic) => resources.create(topicKind, topicName(topic.arn), topic),
    updateTopic: (arn: string, change: (topic: Topic) => Topic) =>
      resources.update<Topic>(topicKind, topicName(arn), change),
    deleteTopic: (arn: string) => resources.delete(topicKind, topicName(arn)),
    topics: (after: string | undefined, limit: number) => resources.list<Topic>(topicKind, { after, limit }),

    findSubscription: (arn: string) => resources.get<Subscription>(subscriptionKind, subscriptionId(arn)),
    subscription(arn: string | undefined): Subscription {
      if (!/^arn:aws[\w-]*:sns:[\w-]*:\d*:[\w-]+:[0-9a-f-]+$/.test(arn ?? "")) {
        throw invalid(
          `SubscriptionArn Reason: An ARN must have at least 6 elements, not ${arn?.split(":").length ?? 0}`,
        );
      }
      const found = resources.get<Subscription>(subscriptionKind, subscriptionId(arn as string));
      if (found === undefined) throw new Fault("NotFoundException", "Subscription does not exist", { status: 404 });
      return found.value;
    },
    putSubscription(subscription: Subscription): void {
      resources.delete(endedKind, subscription.token);
      resources.put(subscriptionKind, subscriptionId(subscription.arn), subscription);
      resources.put(tokenKind, subscription.token, { arn: subscription.arn });
    },
    deleteSubscription(subscription: Subscription): void {
      resources.delete(subscriptionKind, subscriptionId(subscription.arn));
      resources.delete(tokenKind, subscription.token);
    },
    /** Ends it so that its token can take that back. */
    endSubscription(subscription: Subscription, nowMs: number): void {
      resources.delete(subscriptionKind, subscriptionId(subscription.arn));
      resources.delete(tokenKind, subscription.token);
      resources.put<Ended>(endedKind, subscription.token, { subscription, endedMs: nowMs });
    },
    /** One that waits to be confirmed, is confirmed already, or has ended of late; not one whose time is over. */
    subscriptionOfToken(token: string, nowMs: number): Subscription | undefined {
      const ended = resources.get<Ended>(endedKind, token)?.value;
      if (ended !== undefined) return ended.endedMs < nowMs - tokenLifeMs ? undefined : ended.subscription;
      const arn = resources.get<{ arn: string }>(tokenKind, token)?.value.arn;
      const found = arn && resources.get<Subscription>(subscriptionKind, subscriptionId(arn))?.value;
      return found && !isExpired(found, nowMs) ? found : undefined;
    },
    /** Forgets what was never confirmed, and what ended long ago. */
    forgetExpired(nowMs: number): void {
      for (const { value } of resources.list<Subscription>(subscriptionKind)) {
        if (!isExpired(value, nowMs)) continue;
        resources.delete(subscriptionKind, subscriptionId(value.arn));
        resources.delete(tokenKind, value.token);
      }
      for (const { id, value } of resources.list<Ended>(endedKind)) {
        if (value.endedMs < nowMs - tokenLifeMs) resources.delete(endedKind, id);
      }
    },
    subscriptionsOf: (topicArn: string): Subscription[] =>
      resources.list<Subscription>(subscriptionKind, { prefix: `${topicName(topicArn)}:` }).map((found) => found.value),
    subscriptions(options: { topicArn?: string; after?: string; limit: number }): Resource<Subscription>[] {
      const prefix = options.topicArn === undefined ? "" : `${topicName(options.topicArn)}:`;
      return resources.list<Subscription>(subscriptionKind, { prefix, after: options.after, limit: options.limit });
    },
  };
}

export type SnsRecords = ReturnType<typeof snsRecords>;

function topicName(arn: string | undefined): string {
  const match = /^arn:aws[\w-]*:sns:[\w-]*:\d*:([\w-]+)$/.exec(arn ?? "");
  if (match === null) throw invalid(`TopicArn Reason: "${arn}" is not the ARN of a topic`);
  return match[1] as string;
}

export function invalid(what: string): Fault {
  return new Fault("InvalidParameterException", `Invalid parameter: ${what}`);
}

function subscriptionId(arn: string): string {
  return arn.split(":").slice(5).join(":");
}
