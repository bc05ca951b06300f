import type { Metrics } from "../../ports/metrics.ts";

export interface TopicMetrics {
  published(topicArn: string): void;
  delivered(subscriptionArn: string): void;
  failed(subscriptionArn: string): void;
}

/** What CloudWatch shows of topics, with the names of AWS. */
export function topicMetrics(metrics: Metrics | undefined): TopicMetrics {
  const count = (name: string) => (arn: string) =>
    metrics?.record(
      { namespace: "AWS/SNS", name, dimensions: { TopicName: arn.split(":")[5] ?? "" }, unit: "Count" },
      1,
    );
  return {
    published: count("NumberOfMessagesPublished"),
    delivered: count("NumberOfNotificationsDelivered"),
    failed: count("NumberOfNotificationsFailed"),
  };
}
