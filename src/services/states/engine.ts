import type { Effect, Execution, MapRunOutcome } from "../../asl/contract.ts";
import type { ExecutionRecord, StartOutcome } from "../../ports/store.ts";
import { alarm } from "./alarm.ts";
import { draftCommit } from "./commit.ts";
import { enders } from "./enders.ts";
import type { Engine, EngineOptions, StartRequest } from "./engine-contract.ts";
import type { EngineInput, Kernel, MapRunEffect } from "./kernel.ts";
import { machineCache } from "./machine-cache.ts";
import { noMapRuns } from "./map-run/map-runner.ts";
import { taskPool } from "./task-pool.ts";

/*
 * Runs executions: asks the kernel what follows, makes that durable, then does it.
 *
 * E1. A start is answered only after its commit.
 * E2. A task's result and what follows from it are one commit: a completed task never runs again. A task that was under
 *     way when the process died runs again, with the same effect id.
 * E3. The history is written by the very commit that moves the continuation: it has no gap and no duplicate.
 * J1. Effects are performed after the commit that holds them, never before.
 *
 * Inputs of one execution are handled one after the other; those that wait together share a commit.
 */

/** Each is at least one open file or process further down; AWS's own default concurrency of functions is 1,000. */
export const defaultMaxConcurrentTasks = 500;
/** Executions that only wait are kept in memory up to this number and read from the store beyond. */
export const defaultMaxCachedExecutions = 5_000;
/** How soon a commit that the disk refused is tried again. */
const commitRetryMs = 1_000;

interface Waiting {
  input: EngineInput;
  /** Results of our own tasks and timers are kept until the disk takes them; an API caller is told instead. */
  isOurs: boolean;
  resolve: (wasTaken: boolean) => void;
  reject: (error: unknown) => void;
}

interface Entry {
  id: string;
  waiting: Waiting[];
  isBusy: boolean;
  /** As last committed; `undefined` when it must be read first. */
  loaded: Loaded | undefined;
}

interface Loaded {
  execution: Execution;
  machine: unknown;
  record: ExecutionRecord;
}

export function engine(options: EngineOptions): Engine {
  const { executions, clock, kernel, isForgetful = false, mapRuns = noMapRuns, onError = () => {} } = options;
  const { maxCachedExecutions = defaultMaxCachedExecutions } = options;
  const entries = new Map<string, Entry>();
  const compiled = machineCache(kernel, executions);
  const waiters = enders();
  const retries = new Set<() => void>();
  let commitsUnderWay = 0;
  let whenIdle: (() => void) | undefined;
  let isClosed = false;

  const tasks = taskPool({
    clock,
    runTask: options.runTask,
    maxConcurrent: options.maxConcurrentTasks ?? defaultMaxConcurrentTasks,
    deliver: (id, input) => enqueue(id, input, true),
    onError,
  });
  const timers = alarm({
    clock,
    nextDue: () => executions.nextDue(),
    async ring(nowMs, limit) {
      const due = executions.dueTimers(nowMs, limit);
      await Promise.all(due.map(({ id, effectId }) => enqueue(id, { type: "timerFired", effectId }, true)));
      return due.length;
    },
    onError,
  });

  async function start(request: StartRequest): Promise<StartOutcome> {
    const { id, machine, definition, input, inputText, context, startedMs, details } = request;
    const compiledMachine = compiled(definition.hash, request.type, definition.text);
    const draft = draftCommit();
    const step = await kernel.advance(compiledMachine, undefined, {
      type: "start",
      input,
      context,
      atMs: startedMs,
      seed: clock.uuid(),
    });
    draft.add(step);
    const statuses =
      step.execution.status === "RUNNING" ? ["RUNNING" as const] : ["RUNNING" as const, step.execution.status];
    const outbox = statuses.flatMap((status) => options.messagesOf?.({ id, status, atMs: startedMs }) ?? []);
    outbox.push(...(options.logMessagesOf?.({ id, details, redriveCount: 0, events: step.events }) ?? []));
    // Nobody else may move the execution on before what the start asks for has begun.
    const entry = entryOf(id);
    const isMine = !entry.isBusy;
    entry.isBusy = true;
    try {
      const started = await tracked(() =>
        executions.start({
          ...draft.journalled(step.execution, { nowMs: startedMs, outbox, isActive: isActive(step.execution) }),
          id,
          machine,
          definition,
          input: inputText,
          startedMs,
          details,
        }),
      );
      if (started.outcome !== "created") return started;
      if (outbox.length > 0) options.onMessages?.();
      entry.loaded = { execution: step.execution, machine: compiledMachine, record: started.record };
      afterCommit(entry, draft.effects(), draft.earliestDueMs());
      return started;
    } finally {
      if (isMine) {
        entry.isBusy = false;
        if (entry.waiting.length > 0) work(entry).catch(onError);
        else forgetIdle();
      }
    }
  }

  function enqueue(id: string, input: EngineInput, isOurs: boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const entry = entryOf(id);
      entry.waiting.push({ input, isOurs, resolve, reject });
      if (!entry.isBusy) work(entry).catch(onError);
    });
  }

  function entryOf(id: string): Entry {
    const entry = entries.get(id) ?? { id, waiting: [], isBusy: false, loaded: undefined };
    entries.delete(id);
    entries.set(id, entry); // The map's order is that of last use.
    return entry;
  }

  /** Handles what waits for one execution; at most one of these runs per execution. */
  async function work(entry: Entry): Promise<void> {
    entry.isBusy = true;
    try {
      while (entry.waiting.length > 0 && !isClosed) {
        const batch = entry.waiting.splice(0);
        try {
          await handle(entry, batch);
        } catch (error) {
          entry.loaded = undefined; // What memory holds was never committed.
          onError(error);
          const ours = batch.filter((waiting) => waiting.isOurs);
          for (const waiting of batch) if (!waiting.isOurs) waiting.reject(error);
          if (ours.length === 0) continue;
          entry.waiting.unshift(...ours);
          return retryLater(entry);
        }
      }
    } finally {
      entry.isBusy = false;
      forgetIdle();
    }
  }

  function retryLater(entry: Entry): void {
    const cancel = clock.schedule(commitRetryMs, () => {
      retries.delete(cancel);
      if (!entry.isBusy) work(entry).catch(onError);
    });
    retries.add(cancel);
  }

  async function handle(entry: Entry, batch: Waiting[]): Promise<void> {
    const loaded = entry.loaded ?? load(entry.id);
    if (loaded === undefined) {
      for (const { resolve } of batch) resolve(false);
      entries.delete(entry.id);
      return;
    }
    const nowMs = clock.now();
    const draft = draftCommit();
    const taken: boolean[] = [];
    let { execution } = loaded;
    let redrive: { atMs: number } | undefined;
    let hasMoved = false;
    for (const { input } of batch) {
      const isTaken = (execution.status === "RUNNING") !== (input.type === "redrive");
      taken.push(isTaken);
      if (!isTaken) continue;
      if (input.type === "redrive") redrive = { atMs: nowMs };
      draft.settle(input);
      const step = await advance(loaded.machine, execution, { ...input, atMs: nowMs, seed: clock.uuid() });
      draft.add(step);
      hasMoved ||= step.execution !== execution;
      execution = step.execution;
    }
    if (draft.hasChanged() || hasMoved) {
      const { status } = execution;
      const isNews = status !== "RUNNING" || redrive !== undefined;
      const redriveCount = loaded.record.redriveCount + (redrive === undefined ? 0 : 1);
      const { id } = entry;
      const { details } = loaded.record;
      const outbox = isNews ? (options.messagesOf?.({ id, status, atMs: nowMs }) ?? []) : [];
      outbox.push(...(options.logMessagesOf?.({ id, details, redriveCount, events: draft.events() }) ?? []));
      const journalled = draft.journalled(execution, { nowMs, outbox, isActive: isActive(execution) });
      const commit = { ...journalled, id: entry.id, sequence: loaded.record.sequence, redrive };
      if (!(await tracked(() => executions.append(commit)))) {
        throw new Error(`execution ${entry.id} was moved on by somebody else after commit ${loaded.record.sequence}`);
      }
      if (outbox.length > 0) options.onMessages?.();
      const record = { ...loaded.record, sequence: loaded.record.sequence + 1, status, redriveCount };
      entry.loaded = { ...loaded, execution, record };
      afterCommit(entry, draft.effects(), draft.earliestDueMs());
    } else {
      entry.loaded = loaded;
    }
    for (const [index, { resolve }] of batch.entries()) resolve(taken[index] === true);
  }

  /** A kernel that fails on an input would fail on it for ever: the execution ends, and says why. */
  async function advance(machine: unknown, execution: Execution, input: Parameters<Kernel["advance"]>[2]) {
    try {
      return await kernel.advance(machine, execution, input);
    } catch (error) {
      onError(error);
      if (input.type === "stop" || input.type === "redrive") throw error;
      const cause = `Scones failed to advance this execution: ${error instanceof Error ? error.message : String(error)}`;
      const { atMs, seed } = input;
      return kernel.advance(machine, execution, { type: "stop", error: "States.Runtime", cause, atMs, seed });
    }
  }

  /** Whether a restart must take it up: timers and tokens come back by themselves. */
  function isActive(execution: Execution): boolean {
    if (execution.status !== "RUNNING") return false;
    return kernel.pendingEffects(execution).some((effect) => {
      if (effect.type === "task") return effect.isHandedOver !== true || effect.taskToken === undefined;
      return effect.type === "mapRun";
    });
  }

  function load(id: string): Entry["loaded"] {
    const found = executions.load(id);
    if (found === undefined) return undefined;
    const { record, body } = found;
    const { type = "STANDARD" } = (record.details ?? {}) as { type?: "STANDARD" | "EXPRESS" };
    return { execution: body as unknown as Execution, machine: compiled(record.definitionHash, type), record };
  }

  function afterCommit(entry: Entry, effects: readonly Effect[], earliestDueMs: number | undefined): void {
    if (earliestDueMs !== undefined) timers.noteDue(earliestDueMs);
    const { execution } = entry.loaded as Loaded;
    for (const effect of effects) perform(effect, entry.loaded as Loaded);
    if (execution.status !== "RUNNING") ended(entry);
  }

  function perform(effect: Effect, loaded: Loaded): void {
    const { record } = loaded;
    if (isClosed) return;
    if (effect.type === "task") tasks.run(effect, record);
    else if (effect.type === "mapRun") beginMapRun(effect, loaded);
    else if (effect.type === "cancel") {
      tasks.cancel(record.id, effect.id);
      mapRuns.stop(record.id, effect.id);
    } else if (effect.type === "end") {
      tasks.cancelAll(record.id);
      mapRuns.stop(record.id);
    }
  }

  function beginMapRun(effect: MapRunEffect, { record, execution, machine }: Loaded): void {
    const tell = (outcome: MapRunOutcome): void => {
      enqueue(record.id, { type: "mapRunEnded", effectId: effect.id, outcome }, true).catch(onError);
    };
    mapRuns.begin({ effect, record, execution, machine, tell });
  }

  function ended(entry: Entry): void {
    tasks.cancelAll(entry.id);
    const record = executions.describe(entry.id);
    if (entry.waiting.length === 0) entries.delete(entry.id);
    if (record !== undefined) waiters.tell(record);
    if (isForgetful) executions.forget(entry.id).catch(onError);
  }

  function forgetIdle(): void {
    for (const [id, { isBusy, waiting }] of entries) {
      if (entries.size <= maxCachedExecutions) return;
      if (!isBusy && waiting.length === 0) entries.delete(id);
    }
  }

  async function tracked<T>(commit: () => Promise<T>): Promise<T> {
    if (isClosed) throw new Error("the engine is closed");
    commitsUnderWay += 1;
    try {
      return await commit();
    } finally {
      commitsUnderWay -= 1;
      if (commitsUnderWay === 0) whenIdle?.();
    }
  }

  return {
    start,
    async deliver(id, input) {
      if (isClosed) throw new Error("the engine is closed");
      return enqueue(id, input, false);
    },
    whenSubmitted: (id, effectId) => tasks.whenSubmitted(id, effectId),
    async whenEnded(id, signal) {
      const record = executions.describe(id);
      return record === undefined || record.status !== "RUNNING" ? record : waiters.waitFor(id, signal);
    },
    async startAndWait(request, signal) {
      const whenEnded = waiters.waitFor(request.id, signal);
      whenEnded.catch(() => {}); // Awaited below, unless the start fails.
      const { outcome } = await start(request);
      if (outcome !== "created") throw new Error(`execution ${request.id} exists already`);
      return whenEnded;
    },
    async recover() {
      let count = 0;
      for (let after: string | undefined; ; ) {
        const ids = executions.running({ after, limit: 500, isActive: true });
        if (ids.length === 0) break;
        after = ids.at(-1);
        for (const id of ids) {
          try {
            resume(id);
            count += 1;
          } catch (error) {
            onError(error);
          }
        }
        await new Promise((resolve) => setImmediate(resolve)); // Others may be served in between.
      }
      const dueMs = executions.nextDue();
      if (dueMs !== undefined) timers.noteDue(dueMs);
      return count;
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      timers.close();
      for (const cancel of retries) cancel();
      tasks.close();
      if (commitsUnderWay > 0) await new Promise<void>((resolve) => (whenIdle = resolve));
    },
  };

  function resume(id: string): void {
    const entry = entryOf(id);
    if (entry.loaded !== undefined || entry.isBusy) return; // Began after the process did.
    entry.loaded = load(id);
    if (entry.loaded === undefined) return;
    const { loaded } = entry;
    for (const effect of kernel.pendingEffects(loaded.execution)) perform(effect, loaded);
    forgetIdle();
  }
}
