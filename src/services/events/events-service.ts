import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import { deliveryQueue } from "../../ports/delivery-queue.ts";
import type { Events, ServiceEvent } from "../../ports/events.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Service } from "../../wire/service.ts";
import { eventBuses } from "./buses.ts";
import { type TargetJob, targetDeliverer } from "./deliver.ts";
import { type BusEvent, busEvent } from "./event.ts";
import { putEventsHandlers } from "./put-events.ts";
import { type Rule, ruleStore } from "./rule-store.ts";
import { ruleHandlers } from "./rules.ts";
import { scheduler } from "./scheduler.ts";
import { tagStore } from "./tags.ts";
import { targetInput } from "./target-input.ts";
import { targetHandlers } from "./targets.ts";

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

/** Amazon EventBridge: rules follow events or schedules, targets are functions, state machines, topics, queues and log groups. */
export function eventsService(options: EventsOptions): EventsService {
  const { resources, clock, report } = options;
  const rules = ruleStore(resources);
  const tags = tagStore(resources, (arn) => rules.all().some((rule) => rule.arn === arn) || buses.has(arn));
  const buses = eventBuses({ resources, clock, rules, tags });
  const deliverer = targetDeliverer(options);
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

  /** V1. When it returns, there is a row for each target of each of the rules. */
  function deliver(event: BusEvent, to: readonly Rule[]): void {
    const acceptedMs = clock.now();
    const jobs = to.flatMap((rule) =>
      rule.targets.map((target): TargetJob => {
        const ageSeconds = target.RetryPolicy?.MaximumEventAgeInSeconds;
        return {
          eventId: event.id,
          ruleArn: rule.arn,
          targetId: target.Id as string,
          targetArn: target.Arn as string,
          payload: targetInput(target, event, rule),
          mostRetries: target.RetryPolicy?.MaximumRetryAttempts,
          ...(ageSeconds === undefined ? {} : { untilMs: acceptedMs + ageSeconds * 1000 }),
          deadLetterArn: target.DeadLetterConfig?.Arn,
        };
      }),
    );
    if (jobs.length === 0) return;
    if (queue.size() + jobs.length > (options.mostWaiting ?? mostWaitingEvents)) {
      throw new Fault("ThrottlingException", `${queue.size()} events wait for their targets already`, { status: 429 });
    }
    resources.transaction(() => queue.add(jobs));
  }

  const announce = async (announced: ServiceEvent, bus = "default"): Promise<void> => {
    const event = busEvent(announced, options);
    deliver(event, rules.matching(bus, event));
  };
  const schedules = scheduler({
    rules,
    clock,
    report,
    fire(rule, dueMs) {
      const about = { source: "aws.events", detailType: "Scheduled Event", resources: [rule.arn], detail: {} };
      deliver(busEvent({ id: clock.uuid(), timeMs: dueMs, ...about }, options), [rule]);
    },
  });

  return {
    name: "events",
    handlers: {
      ...ruleHandlers({ rules, buses, tags, clock }),
      ...targetHandlers({ rules, buses }),
      ...buses.handlers,
      ...tags.handlers,
      ...putEventsHandlers({ announce, busNameOf: buses.nameOf, clock }),
    },
    events: { announce: (event) => announce(event) },
    async close() {
      schedules.close();
      await queue.close();
    },
  };
}
