import { Fault } from "../../kit/fault.ts";
import type { BlobInfo, Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import { deliveryQueue } from "../../ports/delivery-queue.ts";
import type { Events } from "../../ports/events.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call } from "../../wire/service.ts";
import type { Buckets } from "./buckets.ts";
import {
  bridgeEvent,
  eventRecord,
  formEncode,
  type ObjectEvent,
  type ObjectEventName,
  testMessage,
} from "./event-records.ts";
import { covers, type DestinationKind, type NotificationRule } from "./notification-configuration.ts";

/*
 * Who is told of what happens to objects.
 *
 * N1. A bucket that tells somebody notes each event in the same commit as the change (port `Blobs`, B4); from there it
 *     goes to a queue of deliveries, one for each destination, and only then is the note settled. So whatever was answered
 *     is told at least once, also after a crash.
 */
export interface Notifier {
  /** Given with a change; absent where nobody would be told. */
  noteOf(name: ObjectEventName, about: { bucket: string; call: Caller }): ((info: BlobInfo) => string) | undefined;
  /** After a change that may have had a note. */
  wake(): void;
  test(rules: NotificationRule[], about: { bucket: string; call: Call }): void;
  /** Why the destination of a rule cannot be told anything, if so. */
  reasonNotToDeliver(rule: NotificationRule): Promise<string | undefined>;
  close(): Promise<void>;
}

/** What a record tells of who made the change. */
export type Caller = Pick<Call, "requestId" | "region" | "accountId" | "callerAddress">;

export interface Destinations {
  functions: Functions;
  operations: Operations;
  events: Events;
  report: (what: string, error: unknown) => void;
}

export interface NotifierOptions {
  blobs: Blobs;
  buckets: Buckets;
  resources: Resources;
  clock: Clock;
  destinations: Destinations;
}

type Job = { kind: DestinationKind; arn: string; payload: string } | { kind: "events"; event: ObjectEvent };

const notesAtOnce = 100;
const settlingMs = 1000;

/** AWS goes on for a day; here eight attempts within some twenty minutes, then it is said on standard error. */
const delaysSeconds = [1, 5, 15, 60, 120, 300, 600];

export function objectNotifier({ blobs, buckets, resources, clock, destinations }: NotifierOptions): Notifier {
  const { functions, operations, events, report } = destinations;
  let lastSequence = 0;
  let isClosed = false;
  let draining: Promise<void> | undefined;
  let isWoken = false;
  // An earlier process may have left some; after that, whoever notes says so, and nobody else makes us look.
  let mayHaveNotes = true;

  const queue = deliveryQueue<Job>({
    resources,
    clock,
    kind: "s3:delivery",
    deliver,
    retryDelayMs: (_job, attempt, error) => {
      if (error instanceof Fault && !error.isRetryable) return undefined;
      const seconds = delaysSeconds[attempt - 1];
      return seconds === undefined ? undefined : Math.round(seconds * 1000 * (1 + clock.random() / 10));
    },
    giveUp: async (job, error) => report(`s3 could not tell ${job.kind === "events" ? "EventBridge" : job.arn}`, error),
    report: (error) => report("s3 could not deliver a notification", error),
  });

  async function deliver(job: Job): Promise<void> {
    switch (job.kind) {
      case "lambda":
        await functions.invoke(job.arn, Buffer.from(job.payload), { invocationType: "Event" });
        return;
      case "sqs":
        await operations.call("sqs", "SendMessage", { QueueUrl: queueUrlOf(job.arn), MessageBody: job.payload });
        return;
      case "sns": {
        const message = { TopicArn: job.arn, Message: job.payload, Subject: "Amazon S3 Notification" };
        await operations.call("sns", "Publish", message);
        return;
      }
      case "events":
        return events.announce(bridgeEvent(job.event));
      default:
        job satisfies never;
    }
  }

  function jobsOf(event: ObjectEvent): Job[] {
    const notifications = buckets.peek(event.bucket)?.notifications;
    if (notifications === undefined) return [];
    const told = notifications.rules.filter((rule) => concerns(rule, event));
    const jobs: Job[] = told.map(({ id, kind, arn }) => {
      return { kind, arn, payload: JSON.stringify({ Records: [eventRecord(event, id)] }) };
    });
    return notifications.isToEventBridge ? [...jobs, { kind: "events", event }] : jobs;
  }

  async function drain(): Promise<void> {
    while (isWoken && !isClosed) {
      isWoken = false;
      const notes = blobs.notes(notesAtOnce);
      mayHaveNotes = notes.length > 0;
      if (!mayHaveNotes) return;
      const jobs = notes.flatMap(({ text }) => jobsOf(JSON.parse(text) as ObjectEvent));
      resources.transaction(() => queue.add(jobs));
      await blobs.settle(notes.map(({ id }) => id));
      isWoken = true;
    }
  }

  function wake(): void {
    if (!mayHaveNotes) return;
    isWoken = true;
    if (draining !== undefined || isClosed) return;
    // Not in the caller's turn: it has an answer to give.
    draining = new Promise<void>((resolve) => setImmediate(resolve))
      .then(drain)
      .catch((error: unknown) => report("s3 keeps notifications for later", error))
      .finally(() => {
        draining = undefined;
        if (isWoken && !isClosed) wake();
      });
  }

  function sequencer(): string {
    lastSequence = Math.max(lastSequence + 1, Math.trunc(clock.now() * 1000));
    return lastSequence.toString(16).toUpperCase().padStart(18, "0");
  }

  // What an earlier process noted is told once all services are there to be told.
  const cancelFirst = clock.schedule(settlingMs, wake);

  return {
    noteOf(name, { bucket, call }) {
      const { notifications, versioning } = buckets.peek(bucket) ?? {};
      if (notifications === undefined) return undefined;
      return (info) => {
        mayHaveNotes = true;
        const event: ObjectEvent = {
          id: clock.uuid(),
          name,
          bucket,
          key: info.key.slice(bucket.length + 1),
          sizeBytes: info.sizeBytes,
          etag: info.etag.replaceAll('"', ""),
          version: versioning === undefined ? undefined : info.version,
          timeMs: clock.now(),
          sequencer: sequencer(),
          requestId: call.requestId,
          region: call.region,
          accountId: call.accountId,
          callerAddress: call.callerAddress ?? "127.0.0.1",
        };
        return JSON.stringify(event);
      };
    },

    wake,

    test(rules, { bucket, call }) {
      const payload = JSON.stringify(testMessage({ bucket, timeMs: clock.now(), requestId: call.requestId }));
      const tested = new Map(rules.filter(({ kind }) => kind !== "lambda").map((rule) => [rule.arn, rule.kind]));
      const jobs = [...tested].map(([arn, kind]): Job => ({ kind, arn, payload }));
      resources.transaction(() => queue.add(jobs));
    },

    async reasonNotToDeliver({ kind, arn }) {
      const [operation, input, name] = lookUp(kind, arn);
      try {
        await operations.call(kind, operation, input);
        return undefined;
      } catch (error) {
        if (error instanceof Fault && !error.isRetryable) return `The destination ${name} does not exist`;
        throw error;
      }
    },

    async close() {
      isClosed = true;
      cancelFirst();
      await draining;
      await queue.close();
    },
  };
}

function lookUp(kind: DestinationKind, arn: string): [operation: string, input: object, name: string] {
  switch (kind) {
    case "lambda":
      return ["GetFunctionConfiguration", { FunctionName: arn }, "Lambda"];
    case "sqs":
      return ["GetQueueUrl", { QueueName: arn.split(":")[5] }, "queue"];
    case "sns":
      return ["GetTopicAttributes", { TopicArn: arn }, "topic"];
    default:
      return kind satisfies never;
  }
}

function concerns(rule: NotificationRule, { name, key }: ObjectEvent): boolean {
  if (!rule.events.some((asked) => covers(asked, `s3:${name}`))) return false;
  const encoded = formEncode(key);
  return (
    (key.startsWith(rule.prefix) || encoded.startsWith(rule.prefix)) &&
    (key.endsWith(rule.suffix) || encoded.endsWith(rule.suffix))
  );
}

function queueUrlOf(arn: string): string {
  const [, , , region, accountId, name] = arn.split(":");
  return `https://sqs.${region}.amazonaws.com/${accountId}/${name}`;
}
