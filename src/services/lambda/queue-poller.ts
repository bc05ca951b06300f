// Brings the messages of one queue to one function: receives, runs, deletes what the function is done with.
//
// S1. A message is deleted only after the function answered for it; else it becomes visible again by the queue's own rules,
//     and the queue's redrive policy counts the attempt.
// S2. At most so many batches run at once; while they run, nothing more is received.
import type { Message } from "@aws-sdk/client-sqs";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Operations } from "../../ports/operations.ts";
import type { InvokeFunction } from "./invoke-function.ts";
import { type MappingSettings, queueUrlOf } from "./mapping-settings.ts";
import { compileFilters } from "./message-filter.ts";
import { doneOf, queueEvent } from "./queue-batch.ts";

export interface QueuePoller {
  /** Receives nothing more. What runs is run to its end. */
  stop(): void;
}

export interface QueuePollerOptions {
  queueArn: string;
  /** With its qualifier, if it has one. */
  functionArn: string;
  settings: MappingSettings;
  operations: Operations;
  invoke: InvokeFunction;
  clock: Clock;
  report: (text: string) => void;
}

/** As many batches at once as AWS begins with. */
const defaultConcurrency = 5;
/** The longest that SQS lets a receiver wait, and the most that it hands out at once. */
const longestWaitSeconds = 20;
const mostReceived = 10;
const mostDeleted = 10;
/** An event has 6 MiB: a further receive of ten messages of 256 KiB must still fit. */
const batchBytes = 3 * 1024 * 1024;
/** After a receive or a run that could not be made; doubled each time up to the most. */
const pauseMs = { first: 500, most: 30_000 };

export function startQueuePoller(options: QueuePollerOptions): QueuePoller {
  const { queueArn, functionArn, settings, operations, invoke, clock, report } = options;
  const QueueUrl = queueUrlOf(queueArn);
  const passes = compileFilters(settings.filters);
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  let problems = 0;

  poll().catch((error: Error) => report(`the event source ${queueArn} has stopped: ${error.stack}`));

  async function poll(): Promise<void> {
    while (!stop.signal.aborted) {
      while (running.size >= (settings.maxConcurrency ?? defaultConcurrency)) await Promise.race(running);
      try {
        const batch = await collect();
        if (batch.length === 0) continue;
        const work = handle(batch)
          .catch(note)
          .finally(() => running.delete(work));
        running.add(work);
      } catch (error) {
        note(error);
      }
      if (problems > 0) await pause();
    }
  }

  /** Waits for a first message, then for more until the batch is full or its window is over. */
  async function collect(): Promise<Message[]> {
    const batch = await receive(longestWaitSeconds, settings.batchSize);
    const endMs = clock.now() + settings.windowSeconds * 1000;
    let sizeBytes = sizeOf(batch);
    while (batch.length > 0 && batch.length < settings.batchSize && sizeBytes < batchBytes && !stop.signal.aborted) {
      const leftSeconds = Math.floor((endMs - clock.now()) / 1000);
      if (leftSeconds < 1) break;
      const more = await receive(Math.min(leftSeconds, longestWaitSeconds), settings.batchSize - batch.length);
      batch.push(...more);
      sizeBytes += sizeOf(more);
    }
    return batch;
  }

  async function receive(waitSeconds: number, most: number): Promise<Message[]> {
    const input = {
      ...{ QueueUrl, WaitTimeSeconds: waitSeconds, MaxNumberOfMessages: Math.min(most, mostReceived) },
      ...{ AttributeNames: ["All"], MessageAttributeNames: ["All"] },
    };
    const { output } = await operations.call("sqs", "ReceiveMessage", input, { signal: stop.signal });
    return (output["Messages"] as Message[] | undefined) ?? [];
  }

  async function handle(received: readonly Message[]): Promise<void> {
    const batch = received.filter(passes);
    // As on AWS: what no filter lets through is dropped.
    await remove(received.filter((message) => !batch.includes(message)));
    if (batch.length === 0) return;
    const [, , , region = "", accountId = ""] = functionArn.split(":");
    const request = { functionName: functionArn, payload: queueEvent(batch, queueArn), region, accountId };
    const result = await invoke.run({ ...request, requestId: clock.uuid() });
    problems = 0;
    if (result.functionError !== undefined) return;
    await remove(settings.reportsItemFailures ? doneOf(batch, result.payload) : batch);
  }

  async function remove(messages: readonly Message[]): Promise<void> {
    for (let i = 0; i < messages.length; i += mostDeleted) {
      const page = messages.slice(i, i + mostDeleted);
      const Entries = page.map(({ ReceiptHandle }, n) => ({ Id: String(n), ReceiptHandle }));
      await operations.call("sqs", "DeleteMessageBatch", { QueueUrl, Entries });
    }
  }

  /** No such queue or function any more, or no free environment: told once, and tried again later. */
  function note(error: unknown): void {
    if (stop.signal.aborted) return;
    const what = `the event source ${queueArn} of ${functionArn}`;
    if (!(error instanceof Fault)) report(`${what}: ${(error as Error).stack}`);
    else if (problems === 0) report(`${what} waits: ${error.message}`);
    problems++;
  }

  function pause(): Promise<void> {
    const delayMs = Math.min(pauseMs.first * 2 ** problems, pauseMs.most);
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        stop.signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = clock.schedule(delayMs, done);
      stop.signal.addEventListener("abort", done);
    });
  }

  return { stop: () => stop.abort() };
}

function sizeOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { Body = "" }) => sum + Buffer.byteLength(Body), 0);
}
