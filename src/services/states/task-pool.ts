import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExecutionRecord } from "../../ports/store.ts";
import type { EngineInput, TaskEffect } from "./kernel.ts";

/** How a task failed, in the words that Retry and Catch match. */
export class TaskFailure extends Error {
  readonly error: string;
  readonly reason: string;

  constructor(error: string, cause: string) {
    super(`${error}: ${cause}`);
    this.name = "TaskFailure";
    this.error = error;
    this.reason = cause;
  }
}

/** Answered by a task whose result comes by another way: a token, an activity's worker. */
export const comesLater = Symbol("comes later");

export interface TaskContext {
  record: ExecutionRecord;
  /** Aborted when the task no longer matters. */
  signal: AbortSignal;
  /** Whether that is because the execution gave the task up: what it began elsewhere should end. Not so when the server ends. */
  isGivenUp(): boolean;
  /** A task of pattern sync or waitForTaskToken has been handed over. */
  submitted(output: Json): Promise<void>;
}

export type TaskRunner = (task: TaskEffect, context: TaskContext) => Promise<Json | typeof comesLater>;

export interface TaskPool {
  run(task: TaskEffect, record: ExecutionRecord): void;
  cancel(id: string, effectId: string): void;
  cancelAll(id: string): void;
  whenSubmitted(id: string, effectId: string): Promise<void>;
  close(): void;
}

interface Running {
  abort: AbortController;
  whenOver: Promise<void>;
}

/** Performs tasks, so many at a time, first come first served, and delivers what became of them. */
export function taskPool(options: {
  clock: Clock;
  runTask: TaskRunner;
  maxConcurrent: number;
  deliver: (id: string, input: EngineInput) => Promise<boolean>;
  onError: (error: unknown) => void;
}): TaskPool {
  const { clock, runTask, maxConcurrent, deliver, onError } = options;
  /** By execution, then by effect. */
  const running = new Map<string, Map<string, Running>>();
  const queue: (() => void)[] = [];
  let free = maxConcurrent;
  let isClosed = false;

  const slot = (): Promise<void> => {
    if (free > 0) {
      free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => queue.push(resolve));
  };
  const giveBack = (): void => {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  };

  const enter = (id: string, effectId: string): { abort: AbortController; over: () => void } => {
    const abort = new AbortController();
    let over = (): void => {};
    const whenOver = new Promise<void>((resolve) => {
      over = resolve;
    });
    const ofExecution = running.get(id) ?? new Map<string, Running>();
    running.set(id, ofExecution);
    ofExecution.set(effectId, { abort, whenOver });
    return { abort, over };
  };
  const leave = (id: string, effectId: string, abort: AbortController): void => {
    const ofExecution = running.get(id);
    if (ofExecution?.get(effectId)?.abort !== abort) return;
    ofExecution.delete(effectId);
    if (ofExecution.size === 0) running.delete(id);
  };

  const perform = async (task: TaskEffect, record: ExecutionRecord, abort: AbortController): Promise<void> => {
    await slot();
    let input: EngineInput | undefined;
    try {
      if (abort.signal.aborted) return;
      const startedAtMs = clock.now();
      input = await outcomeOf(task, { record, abort, startedAtMs });
    } finally {
      giveBack();
    }
    if (input !== undefined && !abort.signal.aborted && !isClosed) await deliver(record.id, input);
  };

  const outcomeOf = async (
    task: TaskEffect,
    { record, abort, startedAtMs }: { record: ExecutionRecord; abort: AbortController; startedAtMs: number },
  ): Promise<EngineInput | undefined> => {
    const effectId = task.id;
    const submitted = async (output: Json) => {
      if (!abort.signal.aborted) await deliver(record.id, { type: "taskSubmitted", effectId, output });
    };
    try {
      const isGivenUp = (): boolean => abort.signal.aborted && !isClosed;
      const output = await runTask(task, { record, signal: abort.signal, isGivenUp, submitted });
      return output === comesLater ? undefined : { type: "taskSucceeded", effectId, output, startedAtMs };
    } catch (error) {
      if (error instanceof TaskFailure) {
        return { type: "taskFailed", effectId, error: error.error, cause: error.reason, startedAtMs };
      }
      if (!abort.signal.aborted) onError(error);
      const cause = error instanceof Error ? error.message : String(error);
      return { type: "taskFailed", effectId, error: "States.TaskFailed", cause, startedAtMs };
    }
  };

  return {
    run(task, record) {
      const { abort, over } = enter(record.id, task.id);
      perform(task, record, abort)
        .catch(onError)
        .finally(() => {
          leave(record.id, task.id, abort);
          over();
        });
    },
    cancel: (id, effectId) => running.get(id)?.get(effectId)?.abort.abort(),
    cancelAll(id) {
      for (const { abort } of running.get(id)?.values() ?? []) abort.abort();
    },
    async whenSubmitted(id, effectId) {
      await running.get(id)?.get(effectId)?.whenOver;
    },
    close() {
      isClosed = true;
      for (const ofExecution of running.values()) for (const { abort } of ofExecution.values()) abort.abort();
    },
  };
}
