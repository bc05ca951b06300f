import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Events, ServiceEvent } from "../../ports/events.ts";
import type { ExecutionRecord, Executions } from "../../ports/store.ts";
import { detailsOf } from "./execution-records.ts";

/** What the outbox holds: enough to compose the event, whatever happened since. */
export interface StatusMessage {
  kind: "status";
  /** Of the event: the same when it is announced again after a crash. */
  eventId: string;
  id: string;
  status: ExecutionRecord["status"];
  atMs: number;
}

/** Input and output beyond this do not fit into an event. */
const maxDataBytes = 248 * 1024;
const batchSize = 100;
const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

export interface Outbox {
  /** There is something to deliver. */
  wake(): void;
  /** Resolves once nothing of it touches the store any more. */
  close(): Promise<void>;
}

/** Announces what commits left in the outbox: at least once, in order for each execution, for as long as it takes. */
export function outbox(options: {
  executions: Executions;
  events: Events;
  clock: Clock;
  onError: (error: unknown) => void;
}): Outbox {
  const { executions, events, clock, onError } = options;
  let underWay: Promise<void> | undefined;
  let isAwake = false;
  let isClosed = false;
  let retryMs = firstRetryMs;
  let cancelRetry = (): void => {};

  const deliverAll = async (): Promise<void> => {
    cancelRetry();
    try {
      while (isAwake && !isClosed) {
        isAwake = false;
        for (
          let batch = executions.outbox(batchSize);
          batch.length > 0 && !isClosed;
          batch = executions.outbox(batchSize)
        ) {
          await deliver(batch);
          retryMs = firstRetryMs;
        }
      }
    } catch (error) {
      onError(error);
      cancelRetry = clock.schedule(retryMs, wake);
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    }
  };
  /** Executions side by side, the messages of one after the other; what was announced is struck off even if others fail. */
  const deliver = async (batch: readonly { id: number; message: Json }[]): Promise<void> => {
    const byExecution = new Map<string, typeof batch>();
    for (const entry of batch) {
      const { id } = entry.message as unknown as StatusMessage;
      byExecution.set(id, [...(byExecution.get(id) ?? []), entry]);
    }
    const done: number[] = [];
    const outcomes = await Promise.allSettled(
      [...byExecution.values()].map(async (messages) => {
        for (const { id, message } of messages) {
          const event = eventOf(executions, message as unknown as StatusMessage);
          if (event !== undefined) await events.announce(event);
          done.push(id);
        }
      }),
    );
    if (done.length > 0) await executions.delivered(done);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  };
  const wake = (): void => {
    isAwake = true;
    if (isClosed || underWay !== undefined) return;
    underWay = deliverAll().finally(() => {
      underWay = undefined;
      if (isAwake) wake(); // Woken between its last look and now.
    });
  };
  return {
    wake,
    async close() {
      isClosed = true;
      cancelRetry();
      await underWay;
    },
  };
}

function eventOf(executions: Executions, { eventId, id, status, atMs }: StatusMessage): ServiceEvent | undefined {
  const record = executions.describe(id);
  if (record === undefined) return undefined;
  const details = detailsOf(record);
  const hasEnded = status !== "RUNNING";
  const { input } = record;
  const output = hasEnded ? record.output : undefined;
  const outputBytes = output === undefined ? 0 : escapedBytes(output);
  const isInputIncluded = escapedBytes(input) + outputBytes <= maxDataBytes;
  const isOutputIncluded = outputBytes <= maxDataBytes;
  return {
    id: eventId,
    source: "aws.states",
    detailType: "Step Functions Execution Status Change",
    timeMs: atMs,
    resources: [details.arn],
    detail: {
      executionArn: details.arn,
      stateMachineArn: details.machineArn,
      name: details.name,
      status,
      startDate: record.startedMs,
      stopDate: hasEnded ? (record.stoppedMs ?? atMs) : null,
      ...(isInputIncluded ? { input } : {}),
      inputDetails: { included: isInputIncluded },
      output: output !== undefined && isOutputIncluded ? output : null,
      outputDetails: output === undefined ? null : { included: isOutputIncluded },
      ...(hasEnded && record.error !== undefined ? { error: record.error } : {}),
      ...(hasEnded && record.cause !== undefined ? { cause: record.cause } : {}),
    },
  };
}

function escapedBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
