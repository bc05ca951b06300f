import type {
  CreateTopicCommandInput,
  ListTagsForResourceCommandInput,
  ListTopicsCommandInput,
  SetTopicAttributesCommandInput,
  TagResourceCommandInput,
  UntagResourceCommandInput,
} from "@aws-sdk/client-sns";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { invalid, type SnsRecords, type Topic } from "./records.ts";
import { checkDeliveryPolicy, defaultRetryPolicy } from "./retry-policy.ts";

const pageSize = 100;
const settable = ["DisplayName", "Policy", "DeliveryPolicy", "SignatureVersion"];

export function topicHandlers({ records, resources }: { records: SnsRecords; resources: Resources }) {
  const handlers: Record<string, Handler> = {
    CreateTopic(input: CreateTopicCommandInput, call: Call) {
      const name = input.Name ?? "";
      if (name.endsWith(".fifo")) throw invalid("Topic Name: FIFO topics are not supported (see COMPATIBILITY.md)");
      if (!/^[A-Za-z0-9_-]{1,256}$/.test(name)) throw invalid("Topic Name");
      const attributes = input.Attributes ?? {};
      for (const [attribute, value] of Object.entries(attributes)) checkAttribute(attribute, value);
      const tags = Object.fromEntries((input.Tags ?? []).map(({ Key, Value }) => [Key, Value]));
      const arn = `arn:aws:sns:${call.region}:${call.accountId}:${name}`;
      if (records.createTopic({ arn, owner: call.accountId, attributes, tags, deleted: 0 })) return { TopicArn: arn };
      const topic = records.topic(arn);
      const isSame = Object.entries(attributes).every(([attribute, value]) => topic.attributes[attribute] === value);
      if (!isSame) throw invalid("Attributes Reason: Topic already exists with different attributes");
      return { TopicArn: topic.arn };
    },

    ListTopics(input: ListTopicsCommandInput) {
      const found = records.topics(fromToken(input.NextToken), pageSize + 1);
      const page = found.slice(0, pageSize);
      return {
        Topics: page.map((topic) => ({ TopicArn: topic.value.arn })),
        NextToken: found.length > pageSize ? toToken(page.at(-1)?.id) : undefined,
      };
    },

    GetTopicAttributes(input: { TopicArn: string }) {
      const topic = records.topic(input.TopicArn);
      const subscriptions = records.subscriptionsOf(topic.arn);
      const confirmed = subscriptions.filter((subscription) => subscription.isConfirmed).length;
      return {
        Attributes: {
          TopicArn: topic.arn,
          Owner: topic.owner,
          DisplayName: "",
          Policy: defaultPolicy(topic),
          EffectiveDeliveryPolicy: effectiveDeliveryPolicy(topic),
          SubscriptionsConfirmed: String(confirmed),
          SubscriptionsPending: String(subscriptions.length - confirmed),
          SubscriptionsDeleted: String(topic.deleted),
          ...topic.attributes,
        },
      };
    },

    SetTopicAttributes(input: SetTopicAttributesCommandInput) {
      const topic = records.topic(input.TopicArn);
      const name = input.AttributeName as string;
      checkAttribute(name, input.AttributeValue ?? "");
      records.updateTopic(topic.arn, (now) => ({
        ...now,
        attributes: { ...now.attributes, [name]: input.AttributeValue ?? "" },
      }));
      return {};
    },

    /** Deleting what is not there is no error, as in SNS. */
    DeleteTopic(input: { TopicArn: string }) {
      const topic = records.findTopic(input.TopicArn)?.value;
      if (topic === undefined) return {};
      resources.transaction(() => {
        for (const subscription of records.subscriptionsOf(topic.arn)) records.deleteSubscription(subscription);
        records.deleteTopic(topic.arn);
      });
      return {};
    },

    ListTagsForResource(input: ListTagsForResourceCommandInput) {
      const { tags } = records.topic(input.ResourceArn);
      return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
    },

    TagResource(input: TagResourceCommandInput) {
      const topic = records.topic(input.ResourceArn);
      const added = Object.fromEntries((input.Tags ?? []).map(({ Key, Value }) => [Key, Value ?? ""]));
      records.updateTopic(topic.arn, (now) => ({ ...now, tags: { ...now.tags, ...added } }));
      return {};
    },

    UntagResource(input: UntagResourceCommandInput) {
      const topic = records.topic(input.ResourceArn);
      const removed = new Set(input.TagKeys);
      records.updateTopic(topic.arn, (now) => ({
        ...now,
        tags: Object.fromEntries(Object.entries(now.tags).filter(([key]) => !removed.has(key))),
      }));
      return {};
    },
  };
  return handlers;
}

export function toToken(id: string | undefined): string | undefined {
  return id === undefined ? undefined : Buffer.from(id).toString("base64url");
}

export function fromToken(token: string | undefined): string | undefined {
  if (token === undefined || token === "") return undefined;
  if (!/^[\w-]+$/.test(token)) throw invalid("NextToken");
  return Buffer.from(token, "base64url").toString();
}

function checkAttribute(name: string, value: string): void {
  if (!settable.includes(name)) throw invalid(`AttributeName: "${name}" is not one of ${settable.join(", ")}`);
  if (name === "SignatureVersion" && value !== "1" && value !== "2")
    throw invalid("Attributes Reason: SignatureVersion");
  if (name === "DeliveryPolicy" && value !== "") checkDeliveryPolicy(value, "http", "defaultHealthyRetryPolicy");
  if (name === "DisplayName" && value.length > 100) throw invalid("Attributes Reason: DisplayName");
}

function effectiveDeliveryPolicy(topic: Topic): string {
  const own = topic.attributes["DeliveryPolicy"];
  const given = own ? (JSON.parse(own)?.http?.defaultHealthyRetryPolicy ?? {}) : {};
  return JSON.stringify({
    http: {
      defaultHealthyRetryPolicy: { ...defaultRetryPolicy, ...given },
      disableSubscriptionOverrides: own ? (JSON.parse(own)?.http?.disableSubscriptionOverrides ?? false) : false,
      defaultRequestPolicy: { headerContentType: "text/plain; charset=UTF-8" },
    },
  });
}

function defaultPolicy(topic: Topic): string {
  return JSON.stringify({
    Version: "2008-10-17",
    Id: "__default_policy_ID",
    Statement: [
      {
        Sid: "__default_statement_ID",
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: ["SNS:Publish", "SNS:Subscribe"],
        Resource: topic.arn,
        Condition: { StringEquals: { "AWS:SourceOwner": topic.owner } },
      },
    ],
  });
}
