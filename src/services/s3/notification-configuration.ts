import type {
  Event,
  NotificationConfiguration,
  NotificationConfigurationFilter,
  PutBucketNotificationConfigurationCommandInput,
} from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { Buckets } from "./buckets.ts";
import { invalidArgument } from "./faults.ts";
import type { Notifier } from "./notify.ts";

/** What a bucket tells, and to whom. */
export interface Notifications {
  rules: NotificationRule[];
  isToEventBridge: boolean;
}

export interface NotificationRule {
  id: string;
  kind: DestinationKind;
  arn: string;
  /** Such as `s3:ObjectCreated:*`. */
  events: string[];
  /** As given; their texts stand URL-encoded there when they are special. */
  prefix: string;
  suffix: string;
  filter: NotificationConfigurationFilter | undefined;
}

export type DestinationKind = "lambda" | "sqs" | "sns";

/** As S3. */
const mostRules = 100;

const eventNames = new Set<Event>([
  "s3:ObjectCreated:*",
  "s3:ObjectCreated:Put",
  "s3:ObjectCreated:Post",
  "s3:ObjectCreated:Copy",
  "s3:ObjectCreated:CompleteMultipartUpload",
  "s3:ObjectRemoved:*",
  "s3:ObjectRemoved:Delete",
  "s3:ObjectRemoved:DeleteMarkerCreated",
  "s3:ObjectTagging:*",
  "s3:ObjectTagging:Put",
  "s3:ObjectTagging:Delete",
  "s3:ObjectAcl:Put",
  // What never happens here may be asked for, as in a bucket on AWS that uses none of it.
  "s3:ReducedRedundancyLostObject",
  "s3:ObjectRestore:*",
  "s3:ObjectRestore:Post",
  "s3:ObjectRestore:Completed",
  "s3:ObjectRestore:Delete",
  "s3:Replication:*",
  "s3:Replication:OperationFailedReplication",
  "s3:Replication:OperationNotTracked",
  "s3:Replication:OperationMissedThreshold",
  "s3:Replication:OperationReplicatedAfterThreshold",
  "s3:LifecycleTransition",
  "s3:IntelligentTiering",
  "s3:LifecycleExpiration:*",
  "s3:LifecycleExpiration:Delete",
  "s3:LifecycleExpiration:DeleteMarkerCreated",
]);

export interface NotificationOptions {
  buckets: Buckets;
  clock: Pick<Clock, "uuid">;
  notifier: Notifier;
}

export function notificationHandlers({ buckets, clock, notifier }: NotificationOptions): Record<string, Handler> {
  return {
    GetBucketNotificationConfiguration(input: { Bucket: string }) {
      return written(buckets.find(input.Bucket).notifications);
    },

    async PutBucketNotificationConfiguration(input: PutBucketNotificationConfigurationCommandInput, call: Call) {
      const bucket = input.Bucket as string;
      const notifications = read(input.NotificationConfiguration ?? {}, () => clock.uuid());
      if (!input.SkipDestinationValidation) {
        await checkDestinations(notifications.rules, (rule) => notifier.reasonNotToDeliver(rule));
      }
      const isEmpty = notifications.rules.length === 0 && !notifications.isToEventBridge;
      buckets.change(bucket, { notifications: isEmpty ? undefined : notifications });
      if (!input.SkipDestinationValidation) notifier.test(notifications.rules, { bucket, call });
      return {};
    },
  };
}

function read(given: NotificationConfiguration, newId: () => string): Notifications {
  const rule = (kind: DestinationKind, arn: string | undefined, config: RuleConfig) =>
    readRule(kind, arn ?? "", { ...config, Id: config.Id ?? newId() });
  const rules = [
    ...(given.LambdaFunctionConfigurations ?? []).map((one) => rule("lambda", one.LambdaFunctionArn, one)),
    ...(given.QueueConfigurations ?? []).map((one) => rule("sqs", one.QueueArn, one)),
    ...(given.TopicConfigurations ?? []).map((one) => rule("sns", one.TopicArn, one)),
  ];
  if (rules.length > mostRules) {
    throw new Fault("TooManyConfigurations", `a bucket has at most ${mostRules} notification configurations`);
  }
  for (const [i, one] of rules.entries()) {
    if (rules.slice(i + 1).some((other) => overlaps(one, other))) {
      throw new Fault(
        "InvalidArgument",
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.",
      );
    }
  }
  return { rules, isToEventBridge: given.EventBridgeConfiguration !== undefined };
}

interface RuleConfig {
  Id?: string | undefined;
  Events?: Event[] | undefined;
  Filter?: NotificationConfigurationFilter | undefined;
}

const argumentNames = { lambda: "CloudFunction", sqs: "Queue", sns: "Topic" } as const;

function readRule(kind: DestinationKind, arn: string, config: RuleConfig & { Id: string }): NotificationRule {
  if (!new RegExp(`^arn:aws[a-z-]*:${kind}:[a-z0-9-]+:\\d{12}:.+$`).test(arn)) {
    throw invalidArgument("The ARN is not well formed", argumentNames[kind], arn);
  }
  const events = config.Events ?? [];
  const strange = events.find((event) => !eventNames.has(event));
  if (strange !== undefined || events.length === 0) {
    throw invalidArgument("A specified event is not supported for notifications.", "Event", strange ?? "");
  }
  const filters = { prefix: "", suffix: "" };
  const seen = new Set<string>();
  for (const { Name, Value = "" } of config.Filter?.Key?.FilterRules ?? []) {
    const name = (Name ?? "").toLowerCase();
    if (name !== "prefix" && name !== "suffix") {
      throw invalidArgument("filter rule name must be either prefix or suffix", "FilterRule.Name", Name ?? "");
    }
    if (seen.has(name)) {
      throw invalidArgument(`Cannot specify more than one ${name} rule in a filter.`, "FilterRule", Name ?? "");
    }
    seen.add(name);
    filters[name] = Value;
  }
  return { id: config.Id, kind, arn, events, ...filters, filter: config.Filter };
}

function overlaps(one: NotificationRule, other: NotificationRule): boolean {
  const [first, second] = [one, other];
  return (
    first.events.some((event) => second.events.some((its) => isSameEvent(event, its))) &&
    (first.prefix.startsWith(second.prefix) || second.prefix.startsWith(first.prefix)) &&
    (first.suffix.endsWith(second.suffix) || second.suffix.endsWith(first.suffix))
  );
}

function isSameEvent(one: string, other: string): boolean {
  return covers(one, other) || covers(other, one);
}

/** `s3:ObjectCreated:*` covers `s3:ObjectCreated:Put`. */
export function covers(asked: string, event: string): boolean {
  return asked === event || (asked.endsWith(":*") && event.startsWith(asked.slice(0, -1)));
}

async function checkDestinations(
  rules: NotificationRule[],
  reasonAgainst: (rule: NotificationRule) => Promise<string | undefined>,
): Promise<void> {
  for (const rule of rules) {
    const reason = await reasonAgainst(rule);
    if (reason !== undefined) {
      throw invalidArgument("Unable to validate the following destination configurations", rule.arn, reason);
    }
  }
}

function written(notifications: Notifications | undefined): NotificationConfiguration {
  const of = <ArnName extends string>(kind: DestinationKind, arnName: ArnName) => {
    const rules = (notifications?.rules ?? []).filter((rule) => rule.kind === kind);
    if (rules.length === 0) return undefined;
    return rules.map((rule) => ({ Id: rule.id, [arnName]: rule.arn, Events: rule.events, Filter: rule.filter }));
  };
  return {
    LambdaFunctionConfigurations: of("lambda", "LambdaFunctionArn"),
    QueueConfigurations: of("sqs", "QueueArn"),
    TopicConfigurations: of("sns", "TopicArn"),
    EventBridgeConfiguration: notifications?.isToEventBridge ? {} : undefined,
  } as NotificationConfiguration;
}
