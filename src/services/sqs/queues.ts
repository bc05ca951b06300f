import type {
  CreateQueueCommandInput,
  GetQueueAttributesCommandInput,
  ListQueuesCommandInput,
  SetQueueAttributesCommandInput,
} from "@aws-sdk/client-sqs";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { MessageStore, QueueRules } from "./message-store.ts";

export interface Queue {
  name: string;
  arn: string;
  accountId: string;
  attributes: Record<string, string>;
  tags: Record<string, string>;
  modifiedMs: number;
}

const kind = "sqs:queue";

/** [default, least, most], as SQS. */
const numbers: Record<string, [number, number, number]> = {
  DelaySeconds: [0, 0, 900],
  MaximumMessageSize: [1_048_576, 1024, 1_048_576],
  MessageRetentionPeriod: [345_600, 60, 1_209_600],
  ReceiveMessageWaitTimeSeconds: [0, 0, 20],
  VisibilityTimeout: [30, 0, 43_200],
};
const others = ["Policy", "RedrivePolicy", "RedriveAllowPolicy", "SqsManagedSseEnabled"];

export function queueBook({
  resources,
  clock,
  messages,
}: {
  resources: Resources;
  clock: Clock;
  messages: MessageStore;
}) {
  function find(url: string | undefined): Queue {
    // The last part of the URL names the queue, whatever host and account the caller wrote before it.
    const queue = resources.get<Queue>(kind, url?.split("/").at(-1) ?? "");
    if (queue === undefined) throw new Fault("QueueDoesNotExist", "The specified queue does not exist.");
    return queue.value;
  }

  const urlOf = (queue: Queue, call: Call) => `${call.baseUrl}/${queue.accountId}/${queue.name}`;

  function change(queue: Queue, changed: (queue: Queue) => Queue): object {
    resources.update<Queue>(kind, queue.name, (now) => ({ ...changed(now), modifiedMs: clock.now() }));
    return {};
  }

  const handlers: Record<string, Handler> = {
    CreateQueue(input: CreateQueueCommandInput, call: Call) {
      const name = input.QueueName ?? "";
      const attributes = input.Attributes ?? {};
      if (name.endsWith(".fifo") || attributes["FifoQueue"] === "true") {
        throw new Fault("UnsupportedOperation", "FIFO queues are not supported here (see COMPATIBILITY.md).");
      }
      if (!/^[\w-]{1,80}$/.test(name)) {
        throw new Fault(
          "InvalidParameterValue",
          "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        );
      }
      checkAttributes(attributes);
      const arn = `arn:aws:sqs:${call.region}:${call.accountId}:${name}`;
      const queue: Queue = {
        name,
        arn,
        accountId: call.accountId,
        attributes,
        tags: input.tags ?? {},
        modifiedMs: clock.now(),
      };
      if (resources.create(kind, name, queue)) return { QueueUrl: urlOf(queue, call) };
      const known = find(name);
      for (const [attribute, value] of Object.entries(attributes)) {
        if (attributeValue(known, attribute) === value) continue;
        throw new Fault(
          "QueueNameExists",
          `A queue already exists with the same name and a different value for attribute ${attribute}`,
        );
      }
      return { QueueUrl: urlOf(known, call) };
    },

    GetQueueUrl: (input: { QueueName: string }, call: Call) => ({ QueueUrl: urlOf(find(input.QueueName), call) }),

    ListQueues(input: ListQueuesCommandInput, call: Call) {
      const limit = input.MaxResults ?? 1000;
      const after = input.NextToken && Buffer.from(input.NextToken, "base64url").toString();
      const found = resources.list<Queue>(kind, { prefix: input.QueueNamePrefix ?? "", after, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1)?.id : undefined;
      return {
        QueueUrls: page.map(({ value }) => urlOf(value, call)),
        NextToken: last && Buffer.from(last).toString("base64url"),
      };
    },

    ListDeadLetterSourceQueues(input: { QueueUrl: string }, call: Call) {
      const target = find(input.QueueUrl);
      const sources = resources.list<Queue>(kind).filter(({ value }) => redriveOf(value)?.queueName === target.name);
      return { queueUrls: sources.map(({ value }) => urlOf(value, call)) };
    },

    DeleteQueue(input: { QueueUrl: string }) {
      const queue = find(input.QueueUrl);
      resources.transaction(() => {
        resources.delete(kind, queue.name);
        messages.purge(queue.name);
      });
      return {};
    },

    GetQueueAttributes(input: GetQueueAttributesCommandInput) {
      const queue = find(input.QueueUrl);
      const all = allAttributes(queue);
      const asked = (input.AttributeNames ?? []) as string[];
      const unknown = asked.find((name) => name !== "All" && !(name in all) && !others.includes(name));
      if (unknown !== undefined) throw new Fault("InvalidAttributeName", `Unknown Attribute ${unknown}.`);
      const chosen = Object.entries(all).filter(([name]) => asked.includes("All") || asked.includes(name));
      return { Attributes: chosen.length > 0 ? Object.fromEntries(chosen) : undefined };
    },

    SetQueueAttributes(input: SetQueueAttributesCommandInput) {
      const queue = find(input.QueueUrl);
      const changed = input.Attributes ?? {};
      checkAttributes(changed);
      return change(queue, (now) => {
        const attributes = { ...now.attributes, ...changed };
        return {
          ...now,
          attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== "")),
        };
      });
    },

    ListQueueTags: (input: { QueueUrl: string }) => ({ Tags: find(input.QueueUrl).tags }),

    TagQueue(input: { QueueUrl: string; Tags?: Record<string, string> }) {
      return change(find(input.QueueUrl), (now) => ({ ...now, tags: { ...now.tags, ...input.Tags } }));
    },

    UntagQueue(input: { QueueUrl: string; TagKeys?: string[] }) {
      const removed = new Set(input.TagKeys);
      return change(find(input.QueueUrl), (now) => ({
        ...now,
        tags: Object.fromEntries(Object.entries(now.tags).filter(([key]) => !removed.has(key))),
      }));
    },

    PurgeQueue(input: { QueueUrl: string }) {
      messages.purge(find(input.QueueUrl).name);
      return {};
    },
  };

  function allAttributes(queue: Queue): Record<string, string> {
    const counts = messages.counts(queue.name);
    const createdMs = resources.get<Queue>(kind, queue.name)?.createdMs ?? queue.modifiedMs;
    return {
      QueueArn: queue.arn,
      ApproximateNumberOfMessages: String(counts.ready),
      ApproximateNumberOfMessagesNotVisible: String(counts.inFlight),
      ApproximateNumberOfMessagesDelayed: String(counts.delayed),
      CreatedTimestamp: String(Math.floor(createdMs / 1000)),
      LastModifiedTimestamp: String(Math.floor(queue.modifiedMs / 1000)),
      ...Object.fromEntries(Object.keys(numbers).map((name) => [name, String(numberOf(queue, name))])),
      ...queue.attributes,
    };
  }

  return {
    handlers,
    find,
    hasQueue: (name: string) => resources.get(kind, name) !== undefined,
    rulesOf: (queue: Queue): QueueRules => ({
      name: queue.name,
      arn: queue.arn,
      retentionMs: numberOf(queue, "MessageRetentionPeriod") * 1000,
      redrive: redriveOf(queue),
    }),
  };
}

export type QueueBook = ReturnType<typeof queueBook>;

export function numberOf(queue: Queue, name: string): number {
  return Number(queue.attributes[name] ?? numbers[name]?.[0]);
}

function attributeValue(queue: Queue, name: string): string | undefined {
  return queue.attributes[name] ?? numbers[name]?.[0].toString();
}

function redriveOf(queue: Queue): QueueRules["redrive"] {
  const text = queue.attributes["RedrivePolicy"];
  if (text === undefined) return undefined;
  const policy = JSON.parse(text) as { deadLetterTargetArn: string; maxReceiveCount: number | string };
  return {
    queueName: policy.deadLetterTargetArn.split(":").at(-1) ?? "",
    mostReceives: Number(policy.maxReceiveCount),
  };
}

function checkAttributes(attributes: Record<string, string>): void {
  for (const [name, value] of Object.entries(attributes)) {
    const bounds = numbers[name];
    if (bounds === undefined && !others.includes(name)) {
      throw new Fault("InvalidAttributeName", `Unknown Attribute ${name}.`);
    }
    const [, least, most] = bounds ?? [0, 0, 0];
    const isValid =
      bounds === undefined
        ? name !== "RedrivePolicy" || value === "" || isRedrivePolicy(value)
        : /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most;
    if (!isValid) {
      const hint = bounds === undefined ? "" : ` It must be an integer between ${least} and ${most}.`;
      throw new Fault("InvalidAttributeValue", `Invalid value for the parameter ${name}.${hint}`);
    }
  }
}

function isRedrivePolicy(text: string): boolean {
  try {
    const policy = JSON.parse(text) as { deadLetterTargetArn?: unknown; maxReceiveCount?: unknown } | null;
    const count = Number(policy?.maxReceiveCount);
    return (
      /^arn:[^:]+:sqs:/.test(String(policy?.deadLetterTargetArn)) &&
      Number.isInteger(count) &&
      count >= 1 &&
      count <= 1000
    );
  } catch {
    return false;
  }
}
