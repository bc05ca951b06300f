import type { Clock } from "../../ports/clock.ts";
import type { Metrics, RecordedMetric } from "../../ports/metrics.ts";
import type { MessageStore } from "./message-store.ts";

/** What CloudWatch shows of queues, in the namespace and with the names of AWS. */
export interface QueueMetrics {
  sent(queueName: string, sizeBytes: number): void;
  received(queueName: string, count: number): void;
  deleted(queueName: string): void;
  stands(queueName: string, counts: ReturnType<MessageStore["counts"]>): void;
}

/** More queues than a server has; beyond it the objects are made anew. */
const mostKnown = 10_000;

export function queueMetrics(metrics: Metrics): QueueMetrics {
  // The same objects each time: the port finds them by identity.
  const known = new Map<string, RecordedMetric>();

  function record(queueName: string, name: string, value: number, unit = "Count"): void {
    const key = `${name} ${queueName}`;
    let metric = known.get(key);
    if (metric === undefined) {
      metric = { namespace: "AWS/SQS", name, unit, dimensions: { QueueName: queueName } };
      if (known.size < mostKnown) known.set(key, metric);
    }
    metrics.record(metric, value);
  }

  return {
    sent(queueName, sizeBytes) {
      record(queueName, "NumberOfMessagesSent", 1);
      record(queueName, "SentMessageSize", sizeBytes, "Bytes");
    },
    received(queueName, count) {
      if (count > 0) record(queueName, "NumberOfMessagesReceived", count);
      record(queueName, "NumberOfEmptyReceives", count > 0 ? 0 : 1);
    },
    deleted: (queueName) => record(queueName, "NumberOfMessagesDeleted", 1),
    stands(queueName, { ready, inFlight, delayed }) {
      record(queueName, "ApproximateNumberOfMessagesVisible", ready);
      record(queueName, "ApproximateNumberOfMessagesNotVisible", inFlight);
      record(queueName, "ApproximateNumberOfMessagesDelayed", delayed);
    },
  };
}

/** Returns what ends it. */
export function everyMinute(clock: Pick<Clock, "schedule">, work: () => void): () => void {
  const again = (): (() => void) =>
    clock.schedule(60_000, () => {
      cancel = again();
      work();
    });
  let cancel = again();
  return () => cancel();
}
