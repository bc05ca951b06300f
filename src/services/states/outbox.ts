import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Executions } from "../../ports/store.ts";

const batchSize = 100;
const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

export interface Outbox {
  /** There is something to deliver. */
  wake(): void;
  /** Resolves once nothing of it touches the store any more. */
  close(): Promise<void>;
}

/** What every message names: its execution. */
export interface OutboxMessage {
  id: string;
}

/** Delivers what commits left in the outbox: at least once, in order for each execution, for as long as it takes. */
export function outbox<Message extends OutboxMessage>(options: {
  executions: Executions;
  clock: Clock;
  tell: (message: Message) => Promise<void> | void;
  onError: (error: unknown) => void;
}): Outbox {
  const { executions, clock, tell, onError } = options;
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
  /** Executions side by side, the messages of one after the other; what was told is struck off even if others fail. */
  const deliver = async (batch: readonly { id: number; message: Json }[]): Promise<void> => {
    const byExecution = new Map<string, typeof batch>();
    for (const entry of batch) {
      const { id } = entry.message as unknown as OutboxMessage;
      byExecution.set(id, [...(byExecution.get(id) ?? []), entry]);
    }
    const done: number[] = [];
    const outcomes = await Promise.allSettled(
      [...byExecution.values()].map(async (messages) => {
        for (const { id, message } of messages) {
          await tell(message as unknown as Message);
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
