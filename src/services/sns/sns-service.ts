import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import { deliveryQueue } from "../../ports/delivery-queue.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Service } from "../../wire/service.ts";
import { type SnsJob, snsDeliverer } from "./deliver.ts";
import { publishHandlers } from "./publish.ts";
import { snsRecords } from "./records.ts";
import { openSigner } from "./signing.ts";
import { subscriptionHandlers } from "./subscriptions.ts";
import { topicMetrics } from "./topic-metrics.ts";
import { topicHandlers } from "./topics.ts";

export interface SnsOptions {
  resources: Resources;
  clock: Clock;
  functions: Functions;
  operations: Operations;
  /** Told how topics do. */
  metrics?: Metrics;
  /** Where the signing key is kept. */
  directory: string;
  /** Mail is written there, one `.eml` file each; nothing is sent. */
  outboxFolder: string;
  /** Told of deliveries that were given up and of bugs. */
  report: (line: string, error?: unknown) => void;
  attemptTimeoutMs?: number;
  mostWaiting?: number;
}

/** As SNS. */
export const attemptTimeoutMs = 15_000;
/** How often what expired is forgotten. */
const sweepMs = 3_600_000;
/** Some hundred megabytes of rows at the very most. */
export const mostWaitingDeliveries = 100_000;

export interface SnsService extends Service {
  /** To be served at this path, so that receivers can check signatures. */
  certificatePath: string;
  certificatePem: string;
  close(): Promise<void>;
}

/** Amazon SNS: standard topics, delivered over HTTP(S), to functions, queues and a local outbox of mail. */
export function snsService(options: SnsOptions): SnsService {
  const { resources, clock, report } = options;
  const records = snsRecords(resources);
  const signer = openSigner(options.directory);
  const counted = topicMetrics(options.metrics);
  const deliverer = snsDeliverer({
    records,
    signer,
    clock,
    functions: options.functions,
    operations: options.operations,
    outboxFolder: options.outboxFolder,
    attemptTimeoutMs: options.attemptTimeoutMs ?? attemptTimeoutMs,
  });
  const queue = deliveryQueue<SnsJob>({
    resources,
    clock,
    kind: "sns:delivery",
    async deliver(job, about) {
      await deliverer.deliver(job, about);
      if (job.type === "Notification") counted.delivered(job.subscriptionArn);
    },
    retryDelayMs: deliverer.retryDelayMs,
    async giveUp(job, error) {
      if (job.type === "Notification") counted.failed(job.subscriptionArn);
      report(`message ${job.messageId} was not delivered to ${job.subscriptionArn}`, error);
      try {
        await deliverer.giveUp(job);
      } catch (refusal) {
        if (!(refusal instanceof Fault)) throw refusal;
        report(`the dead-letter queue of ${job.subscriptionArn} did not take it either`, refusal);
      }
    },
    report: (error) => report("a delivery of SNS failed unexpectedly and waits for the next start", error),
  });
  let cancelSweep = clock.schedule(sweepMs, sweep);

  function sweep(): void {
    try {
      records.forgetExpired(clock.now());
    } catch (error) {
      report("expired subscriptions could not be forgotten", error);
    }
    cancelSweep = clock.schedule(sweepMs, sweep);
  }

  return {
    name: "sns",
    handlers: {
      ...topicHandlers({ records, resources }),
      ...subscriptionHandlers({ records, resources, clock, queue }),
      ...publishHandlers({
        records,
        resources,
        clock,
        queue,
        onPublished: counted.published,
        mostWaiting: options.mostWaiting ?? mostWaitingDeliveries,
      }),
    },
    certificatePath: signer.certificatePath,
    certificatePem: signer.certificatePem,
    close() {
      cancelSweep();
      return queue.close();
    },
  };
}
