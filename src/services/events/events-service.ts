import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import { deliveryQueue } from "../../ports/delivery-queue.ts";
import type { Events } from "../../ports/events.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Service } from "../../wire/service.ts";
import { type TargetJob, targetDeliverer } from "./deliver.ts";
import { busEvent } from "./event.ts";
import { putEventsHandlers } from "./put-events.ts";
import { ruleBook } from "./rules.ts";
import { targetInput } from "./target-input.ts";

export interface EventsOptions {
  resources: Resources;
  clock: Clock;
  functions: Functions;
  operations: Operations;
  /** Written into events, and the beginning of queue URLs. */
  accountId: string;
  region: string;
  baseUrl: string;
  /** Told of deliveries that were given up and of bugs. */
  report: (line: string, error?: unknown) => void;
  mostWaiting?: number;
}

/** Some hundred megabytes of rows at the very most. */
export const mostWaitingEvents = 100_000;

export interface EventsService extends Service {
  /** The port by which services announce what happened. */
  events: Events;
  close(): Promise<void>;
}

/** Amazon EventBridge with its default bus: rules match events, targets are functions, state machines, topics and queues. */
export function eventsService(options: EventsOptions): EventsService {
  const { resources, clock, report } = options;
  const book = ruleBook(resources);
  const deliverer = targetDeliverer({ ...options, random: () => clock.random() });
  const queue = deliveryQueue<TargetJob>({
    resources,
    clock,
    kind: "events:delivery",
    deliver: deliverer.deliver,
    retryDelayMs: deliverer.retryDelayMs,
    async giveUp(job, error) {
      report(`event ${job.eventId} was not delivered to ${job.targetArn}`, error);
      try {
        await deliverer.giveUp(job, error);
      } catch (refusal) {
        if (!(refusal instanceof Fault)) throw refusal;
        report(`the dead-letter queue of ${job.ruleArn} did not take it either`, refusal);
      }
    },
    report: (error) => report("a delivery of EventBridge failed unexpectedly and waits for the next start", error),
  });

  const events: Events = {
    /** V1. When it returns, there is a row for each target of each rule that matched. */
    async announce(announced) {
      const event = busEvent(announced, options);
      const jobs = book.matching(event).flatMap((rule) =>
        rule.targets.map(
          (target): TargetJob => ({
            eventId: event.id,
            ruleArn: rule.arn,
            targetId: target.Id as string,
            targetArn: target.Arn as string,
            payload: targetInput(target, event, rule),
            mostRetries: target.RetryPolicy?.MaximumRetryAttempts,
            deadLetterArn: target.DeadLetterConfig?.Arn,
          }),
        ),
      );
      if (jobs.length === 0) return;
      if (queue.size() + jobs.length > (options.mostWaiting ?? mostWaitingEvents)) {
        throw new Fault("ThrottlingException", `${queue.size()} events wait for their targets already`, {
          status: 429,
        });
      }
      resources.transaction(() => queue.add(jobs));
    },
  };

  return {
    name: "events",
    handlers: { ...book.handlers, ...putEventsHandlers({ events, clock }) },
    events,
    close: queue.close,
  };
}
