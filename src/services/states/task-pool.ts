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

/** What the task names is not there: as AWS has it, the execution fails with States.Runtime, which nothing handles. */
export class TaskRefusal extends Error {}

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
  isAborted: boolean;
  /** Made when the task asks for its signal: most end before anybody does. */
  controller: AbortController | undefined;
  whenOver: Promise<void> | undefined;
  over: (() => void) | undefined;
}

/** One for all: an error of its own, with a stack, costs more than a small task. */
const givenUp = new DOMException("This task no longer matters", "AbortError");

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

  const giveBack = (): void => {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  };

  const enter = (id: string, effectId: string): Running => {
    const task: Running = { isAborted: false, controller: undefined, whenOver: undefined, over: undefined };
    const ofExecution = running.get(id) ?? new Map<string, Running>();
    running.set(id, ofExecution);
    ofExecution.set(effectId, task);
    return task;
  };
  const leave = (id: string, effectId: string, task: Running): void => {
    task.over?.();
    const ofExecution = running.get(id);
    if (ofExecution?.get(effectId) !== task) return;
    ofExecution.delete(effectId);
    if (ofExecution.size === 0) running.delete(id);
  };
  const abort = (task: Running): void => {
    task.isAborted = true;
    task.controller?.abort(givenUp);
  };

  const perform = async (task: TaskEffect, record: ExecutionRecord, state: Running): Promise<void> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
    let input: EngineInput | undefined;
    try {
      if (state.isAborted) return;
      input = await outcomeOf(task, record, state);
    } finally {
      giveBack();
    }
    if (input !== undefined && !state.isAborted && !isClosed) await deliver(record.id, input);
  };

  const outcomeOf = async (
    task: TaskEffect,
    record: ExecutionRecord,
    state: Running,
  ): Promise<EngineInput | undefined> => {
    const effectId = task.id;
    const startedAtMs = clock.now();
    const context: TaskContext = {
      record,
      get signal() {
        if (state.controller === undefined) {
          state.controller = new AbortController();
          if (state.isAborted) state.controller.abort(givenUp);
        }
        return state.controller.signal;
      },
      isGivenUp: () => state.isAborted && !isClosed,
      submitted: async (output) => {
        if (!state.isAborted) await deliver(record.id, { type: "taskSubmitted", effectId, output });
      },
    };
    try {
      const output = await runTask(task, context);
      return output === comesLater ? undefined : { type: "taskSucceeded", effectId, output, startedAtMs };
    } catch (error) {
      if (error instanceof TaskRefusal) return { type: "taskRefused", effectId, cause: error.message };
      if (error instanceof TaskFailure) {
        return { type: "taskFailed", effectId, error: error.error, cause: error.reason, startedAtMs };
      }
      if (!state.isAborted) onError(error);
      const cause = error instanceof Error ? error.message : String(error);
      return { type: "taskFailed", effectId, error: "States.TaskFailed", cause, startedAtMs };
    }
  };

  return {
    run(task, record) {
      const state = enter(record.id, task.id);
      perform(task, record, state)
        .catch(onError)
        .finally(() => leave(record.id, task.id, state));
    },
    cancel(id, effectId) {
      const task = running.get(id)?.get(effectId);
      if (task !== undefined) abort(task);
    },
    cancelAll(id) {
      for (const task of running.get(id)?.values() ?? []) abort(task);
    },
    async whenSubmitted(id, effectId) {
      const task = running.get(id)?.get(effectId);
      if (task === undefined) return;
      task.whenOver ??= new Promise((resolve) => {
        task.over = resolve;
      });
      await task.whenOver;
    },
    close() {
      isClosed = true;
      for (const ofExecution of running.values()) for (const task of ofExecution.values()) abort(task);
    },
  };
}
