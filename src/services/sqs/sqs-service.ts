import type { Clock } from "../../ports/clock.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Service } from "../../wire/service.ts";
import { messageStore } from "./message-store.ts";
import { messageHandlers } from "./messages.ts";
import { everyMinute, queueMetrics } from "./queue-metrics.ts";
import { queueBook } from "./queues.ts";

export interface SqsOptions {
  resources: Resources;
  clock: Clock;
  metrics: Metrics;
  /** In one queue; beyond it sending is refused. The index of a message takes some 200 bytes of memory. */
  mostMessages?: number;
}

export const mostMessagesInQueue = 200_000;

export interface SqsService extends Service {
  /** Ends the waits of long polls. */
  close(): void;
}

/** Amazon SQS: standard queues. Messages survive, are hidden while in flight, and move on to a dead-letter queue. */
export function sqsService({ resources, clock, metrics, mostMessages = mostMessagesInQueue }: SqsOptions): SqsService {
  const messages = messageStore({ resources, clock, mostMessages });
  const queues = queueBook({ resources, clock, messages });
  const counted = queueMetrics(metrics);
  const stopGauging = everyMinute(clock, () => {
    const standing = messages.inUse().filter(queues.hasQueue);
    for (const queueName of standing) counted.stands(queueName, messages.counts(queueName));
  });
  return {
    name: "sqs",
    handlers: { ...queues.handlers, ...messageHandlers({ queues, messages, clock, counted }) },
    close() {
      stopGauging();
      messages.close();
    },
  };
}
