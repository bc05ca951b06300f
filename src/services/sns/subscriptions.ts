import type {
  ConfirmSubscriptionCommandInput,
  ListSubscriptionsByTopicCommandInput,
  ListSubscriptionsCommandInput,
  SetSubscriptionAttributesCommandInput,
  SubscribeCommandInput,
} from "@aws-sdk/client-sns";
import type { Clock } from "../../ports/clock.ts";
import type { DeliveryQueue } from "../../ports/delivery-queue.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { SnsJob } from "./deliver.ts";
import { checkFilterPolicy } from "./filter.ts";
import { invalid, type Protocol, protocols, type SnsRecords, type Subscription } from "./records.ts";
import { checkDeliveryPolicy } from "./retry-policy.ts";
import { fromToken, toToken } from "./topics.ts";

const pageSize = 100;
const settable = ["RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "DeliveryPolicy", "RedrivePolicy"];

export interface SubscriptionOptions {
  records: SnsRecords;
  resources: Resources;
  clock: Clock;
  queue: DeliveryQueue<SnsJob>;
}

export function subscriptionHandlers(options: SubscriptionOptions): Record<string, Handler> {
  const { records, resources, clock, queue } = options;

  function askToConfirm(subscription: Subscription, call: Call): void {
    records.putSubscription({ ...subscription, askedMs: clock.now() });
    tell("SubscriptionConfirmation", subscription, call);
  }

  function tell(type: "SubscriptionConfirmation" | "UnsubscribeConfirmation", subscription: Subscription, call: Call) {
    queue.add([
      {
        type,
        // By then there is none any more.
        ...(type === "UnsubscribeConfirmation" ? { ended: subscription } : {}),
        subscriptionArn: subscription.arn,
        messageId: clock.uuid(),
        message: "",
        attributes: {},
        publishedMs: clock.now(),
        baseUrl: call.baseUrl,
      },
    ]);
  }

  function list(after: string | undefined, topicArn?: string) {
    const found = records.subscriptions({ topicArn, after, limit: pageSize + 1 });
    const page = found.slice(0, pageSize);
    return {
      Subscriptions: page.map(({ value }) => ({
        SubscriptionArn: value.isConfirmed ? value.arn : "PendingConfirmation",
        Owner: value.owner,
        Protocol: value.protocol,
        Endpoint: value.endpoint,
        TopicArn: value.topicArn,
      })),
      NextToken: found.length > pageSize ? toToken(page.at(-1)?.id) : undefined,
    };
  }

  return {
    Subscribe(input: SubscribeCommandInput, call: Call) {
      const topic = records.topic(input.TopicArn);
      const protocol = checkProtocol(input.Protocol);
      const endpoint = checkEndpoint(protocol, input.Endpoint ?? "");
      const attributes = input.Attributes ?? {};
      checkAttributes(attributes, attributes);
      const answer = ({ isConfirmed, arn }: Subscription) => ({
        SubscriptionArn: isConfirmed || input.ReturnSubscriptionArn ? arn : "pending confirmation",
      });
      const known = records
        .subscriptionsOf(topic.arn)
        .find((subscription) => subscription.protocol === protocol && subscription.endpoint === endpoint);
      if (known) {
        const isSame = Object.entries(attributes).every(([name, value]) => known.attributes[name] === value);
        if (!isSame) throw invalid("Attributes Reason: Subscription already exists with different attributes");
        if (!known.isConfirmed) resources.transaction(() => askToConfirm(known, call));
        return answer(known);
      }
      const subscription: Subscription = {
        arn: `${topic.arn}:${clock.uuid()}`,
        topicArn: topic.arn,
        protocol,
        endpoint,
        owner: call.accountId,
        // A function or queue is in the same hands as the topic; an address of the world has to agree.
        isConfirmed: protocol === "lambda" || protocol === "sqs",
        token: `${clock.uuid()}${clock.uuid()}`.replaceAll("-", ""),
        attributes,
      };
      resources.transaction(() => {
        if (subscription.isConfirmed) records.putSubscription(subscription);
        else askToConfirm(subscription, call);
      });
      return answer(subscription);
    },

    ConfirmSubscription(input: ConfirmSubscriptionCommandInput) {
      if (!/^[0-9a-f]{64}$/.test(input.Token ?? "")) throw invalid("Token");
      const subscription = records.subscriptionOfToken(input.Token as string, clock.now());
      if (subscription === undefined) throw invalid("Token");
      const place = (arn: string | undefined) => arn?.split(":").slice(0, 5).join(":");
      if (place(input.TopicArn) !== place(subscription.topicArn)) throw invalid("Topic");
      // Also one that had ended, which is back with that.
      resources.transaction(() => records.putSubscription({ ...subscription, isConfirmed: true }));
      return { SubscriptionArn: subscription.arn };
    },

    /** Ending what is not there is no error, as in SNS. */
    Unsubscribe(input: { SubscriptionArn: string }, call: Call) {
      const subscription = records.findSubscription(input.SubscriptionArn)?.value;
      if (subscription === undefined) return {};
      resources.transaction(() => {
        const isWeb = subscription.protocol === "http" || subscription.protocol === "https";
        if (isWeb && subscription.isConfirmed) {
          records.endSubscription(subscription, clock.now());
          tell("UnsubscribeConfirmation", subscription, call);
        } else records.deleteSubscription(subscription);
        records.updateTopic(subscription.topicArn, (topic) => ({ ...topic, deleted: topic.deleted + 1 }));
      });
      return {};
    },

    ListSubscriptions: (input: ListSubscriptionsCommandInput) => list(fromToken(input.NextToken)),

    ListSubscriptionsByTopic(input: ListSubscriptionsByTopicCommandInput) {
      return list(fromToken(input.NextToken), records.topic(input.TopicArn).arn);
    },

    GetSubscriptionAttributes(input: { SubscriptionArn: string }) {
      const subscription = records.subscription(input.SubscriptionArn);
      return {
        Attributes: {
          SubscriptionArn: subscription.arn,
          TopicArn: subscription.topicArn,
          Protocol: subscription.protocol,
          Endpoint: subscription.endpoint,
          Owner: subscription.owner,
          PendingConfirmation: String(!subscription.isConfirmed),
          ConfirmationWasAuthenticated: String(subscription.protocol === "lambda" || subscription.protocol === "sqs"),
          SubscriptionPrincipal: `arn:aws:iam::${subscription.owner}:root`,
          RawMessageDelivery: "false",
          ...subscription.attributes,
          ...(subscription.attributes["FilterPolicy"] && {
            FilterPolicyScope: subscription.attributes["FilterPolicyScope"] ?? "MessageAttributes",
          }),
        },
      };
    },

    SetSubscriptionAttributes(input: SetSubscriptionAttributesCommandInput) {
      const subscription = records.subscription(input.SubscriptionArn);
      const name = input.AttributeName as string;
      const attributes = { ...subscription.attributes, [name]: input.AttributeValue ?? "" };
      checkAttributes({ [name]: input.AttributeValue ?? "" }, attributes);
      if (input.AttributeValue === undefined || input.AttributeValue === "") delete attributes[name];
      records.putSubscription({ ...subscription, attributes });
      return {};
    },
  };
}

function checkProtocol(name: string | undefined): Protocol {
  const protocol = protocols.find((known) => known === name);
  if (protocol === undefined) {
    throw invalid(
      `Protocol Reason: "${name}" is not supported here; use one of ${protocols.join(", ")} (see COMPATIBILITY.md)`,
    );
  }
  return protocol;
}

function checkEndpoint(protocol: Protocol, endpoint: string): string {
  const isValid = {
    http: () => endpoint.startsWith("http://") && URL.canParse(endpoint),
    https: () => endpoint.startsWith("https://") && URL.canParse(endpoint),
    lambda: () => /^arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/.test(endpoint),
    sqs: () => /^arn:aws[\w-]*:sqs:[\w-]+:\d{12}:[\w-]+$/.test(endpoint),
    email: () => /^[^@\s]+@[^@\s]+$/.test(endpoint),
    "email-json": () => /^[^@\s]+@[^@\s]+$/.test(endpoint),
  }[protocol];
  if (!isValid()) throw invalid(`Endpoint Reason: "${endpoint}" does not suit the protocol ${protocol}`);
  return endpoint;
}

function checkAttributes(changed: Record<string, string>, all: Record<string, string>): void {
  for (const [name, value] of Object.entries(changed)) {
    if (!settable.includes(name)) throw invalid(`AttributeName: "${name}" is not one of ${settable.join(", ")}`);
    if (value === "") continue;
    if (name === "RawMessageDelivery" && value !== "true" && value !== "false") {
      throw invalid(`Attributes Reason: RawMessageDelivery: Invalid value [${value}]. Must be true or false.`);
    }
    if (name === "FilterPolicyScope" && value !== "MessageAttributes" && value !== "MessageBody") {
      throw invalid(`FilterPolicyScope: Invalid value [${value}]. Please use either MessageBody or MessageAttributes`);
    }
    if (name === "DeliveryPolicy") checkDeliveryPolicy(value, "healthyRetryPolicy");
    if (name === "RedrivePolicy") checkRedrivePolicy(value);
  }
  if (all["FilterPolicy"]) checkFilterPolicy(all["FilterPolicy"], all["FilterPolicyScope"]);
}

function checkRedrivePolicy(text: string): void {
  let target: unknown;
  try {
    target = (JSON.parse(text) as { deadLetterTargetArn?: unknown } | null)?.deadLetterTargetArn;
  } catch {
    throw invalid("RedrivePolicy: failed to parse JSON.");
  }
  if (typeof target !== "string" || !/^arn:aws[\w-]*:sqs:[\w-]+:\d{12}:[\w-]+$/.test(target)) {
    throw invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn");
  }
}
