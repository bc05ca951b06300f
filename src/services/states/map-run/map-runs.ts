import { setMaxListeners } from "node:events";
import type { MapRunOutcome } from "../../../asl/contract.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Operations } from "../../../ports/operations.ts";
import type { ExecutionRecord, Store } from "../../../ports/store.ts";
import type { Engine } from "../engine.ts";
import { detailsOf } from "../execution-records.ts";
import type { Language } from "../service-context.ts";
import { type ChildInput, childInputs } from "./batches.ts";
import { childRequest, type Family, familyOf, idOfChild } from "./children.ts";
import { counterOf, move, noCounts, type RunCounts } from "./counts.ts";
import { readItems } from "./item-reader.ts";
import type { MapRunner, MapRunRequest } from "./map-runner.ts";
import {
  deleteInputs,
  type MapRunLimits,
  type MapRunRecord,
  mapRunKey,
  mapRunKind,
  readInputs,
  writeInputs,
} from "./records.ts";
import { resultsOf, transformationOf, writeResults, writerOf } from "./result-writer.ts";

/*
 * The items of a distributed Map, each (or each batch) an execution of its own.
 *
 * M1. The inputs of all children are durable before the first child starts.
 * M2. A child's name follows from its run and its place: after a crash it is found in the store, and one that has ended
 *     does not run again. An EXPRESS child is in the store once it has ended.
 * M3. A run's end is durable before its parent is told; a parent that was not told is told again.
 */

export interface MapRuns extends MapRunner {
  /** How far a run is that has not ended. */
  countsOf(key: string): RunCounts | undefined;
  change(key: string, limits: Partial<MapRunLimits>): void;
  /** Ends runs whose parents ended just before the process did; to be called after the engine has recovered. */
  recover(): Promise<void>;
  close(): void;
}

export interface MapRunsOptions {
  store: Store;
  clock: Clock;
  language: Language;
  operations: Operations;
  engines: () => { standard: Engine; express: Engine };
  maxConcurrentChildren?: number;
  onError: (error: unknown) => void;
}

/** Of one run, whatever MaxConcurrency says: each child holds memory and has tasks, which are bounded for themselves. */
const defaultMaxConcurrentChildren = 500;
/** How often, and how long after, a child is started again that the disk refused. */
const startAttempts = 10;
const startRetryMs = 1_000;
/** No state's output may be larger; what is beyond need not be collected. */
const maxOutputLength = 262_144;

interface State {
  mapRunArn: string;
  executionType: "STANDARD" | "EXPRESS";
  definition: Json;
  items?: Json[];
  itemReader?: Json;
  itemBatcher?: Json;
  resultWriter?: Json;
}

interface Run {
  key: string;
  executionId: string;
  effectId: string;
  family: Family;
  limits: MapRunLimits;
  inputs: ChildInput[];
  next: number;
  running: Set<string>;
  counts: RunCounts;
  /** Why no more children start. */
  ending?: "stopped" | "intolerable";
  error?: unknown;
  pump: () => void;
}

export function mapRuns(options: MapRunsOptions): MapRuns {
  const { store, clock, language, operations, onError } = options;
  const { maxConcurrentChildren = defaultMaxConcurrentChildren } = options;
  const { executions, resources } = store;
  const runs = new Map<string, Run>();
  const closing = new AbortController();
  const { signal } = closing;
  setMaxListeners(0, signal); // One per child that runs.

  function begin(request: MapRunRequest): void {
    const state = request.effect.state as unknown as State & MapRunLimits;
    const { maxConcurrency, toleratedFailureCount, toleratedFailurePercentage } = state;
    const key = mapRunKey(state.mapRunArn);
    if (runs.has(key)) return;
    const record: MapRunRecord = {
      arn: state.mapRunArn,
      executionArn: detailsOf(request.record).arn,
      executionId: request.record.id,
      effectId: request.effect.id,
      status: "RUNNING",
      startedMs: clock.now(),
      executionType: state.executionType,
      maxConcurrency,
      toleratedFailureCount,
      toleratedFailurePercentage,
    };
    resources.create<MapRunRecord>(mapRunKind, key, record);
    const saved = resources.get<MapRunRecord>(mapRunKind, key)?.value ?? record;
    const family = familyOf(request.record, state);
    if (saved.status !== "RUNNING") {
      if (saved.outcome !== undefined) request.tell(withOutput(saved.outcome, { saved, state, family }));
      return;
    }
    const run: Run = {
      key,
      executionId: record.executionId,
      effectId: record.effectId,
      family,
      limits: saved,
      inputs: [],
      next: 0,
      running: new Set(),
      counts: { executions: noCounts(), items: noCounts() },
      pump: () => {},
    };
    runs.set(key, run);
    perform(run, { request, state, saved })
      .catch(onError)
      .finally(() => runs.delete(key));
  }

  async function perform(
    run: Run,
    { request, state, saved }: { request: MapRunRequest; state: State; saved: MapRunRecord },
  ): Promise<void> {
    let outcome: MapRunOutcome;
    try {
      if (saved.children === undefined) writeInputs(resources, run.key, await prepare(run, { request, state }));
      run.inputs = readInputs(resources, run.key);
      const items = run.inputs.reduce((sum, input) => sum + input.items, 0);
      run.counts = { executions: noCounts(run.inputs.length), items: noCounts(items) };
      await runChildren(run);
      outcome = await outcomeOf(run, state);
    } catch (error) {
      outcome = { status: "FAILED", ...failureOf(error), mapRunArn: state.mapRunArn };
    }
    if (signal.aborted) return; // Goes on when the server does.
    const isStopped = run.ending === "stopped";
    const isOutputKept = writerOfSafely(state) !== undefined;
    for (const counts of Object.values(run.counts)) counts.resultsWritten = counts.succeeded + counts.failed;
    resources.transaction(() => {
      resources.update<MapRunRecord>(mapRunKind, run.key, (record) => ({
        ...record,
        status: isStopped ? "ABORTED" : outcome.status === "SUCCEEDED" ? "SUCCEEDED" : "FAILED",
        stoppedMs: clock.now(),
        counts: run.counts,
        ...(isStopped ? {} : { outcome: isOutputKept ? outcome : { ...outcome, output: undefined } }),
      }));
      deleteInputs(resources, run.key, run.inputs.length);
    });
    if (!isStopped) request.tell(outcome);
  }

  /** The inputs of all children: read where an ItemReader is given, selected, and put into batches. */
  async function prepare(
    run: Run,
    { request, state }: { request: MapRunRequest; state: State },
  ): Promise<ChildInput[]> {
    if (state.resultWriter !== undefined) {
      writerOf(state.resultWriter);
      transformationOf(state.resultWriter, "NONE");
    }
    if (state.itemReader === undefined) return childInputs(state.items ?? [], state.itemBatcher);
    const items = await readItems(operations, state.itemReader, signal);
    const given = { effectId: run.effectId, items, atMs: clock.now(), seed: clock.uuid() };
    const selected = await language.selectItems(request.machine, request.execution, given);
    return childInputs(selected, state.itemBatcher);
  }

  /** Resolves once every child has ended, or those that had begun where the run ends early. */
  function runChildren(run: Run): Promise<void> {
    return new Promise((resolve, reject) => {
      run.pump = () => {
        const { maxConcurrency } = run.limits;
        const limit = maxConcurrency > 0 ? Math.min(maxConcurrency, maxConcurrentChildren) : maxConcurrentChildren;
        while (run.ending === undefined && run.running.size < limit && run.next < run.inputs.length) {
          const index = run.next++;
          const input = run.inputs[index] as ChildInput;
          const id = idOfChild(run.key, index);
          run.running.add(id);
          move(run.counts, input, "pending", "running");
          runChild(run, { index, id, input: input.input }).then(
            (child) => {
              run.running.delete(id);
              move(run.counts, input, "running", counterOf(child.status));
              judge(run);
              run.pump();
            },
            (error: unknown) => {
              run.running.delete(id);
              run.error ??= error;
              move(run.counts, input, "running", "failed");
              if (!signal.aborted) end(run, "intolerable");
              run.pump();
            },
          );
        }
        const isDone = run.ending !== undefined || run.next === run.inputs.length;
        if (!isDone || run.running.size > 0) return;
        if (run.error === undefined) resolve();
        else reject(run.error);
      };
      run.pump();
    });
  }

  /** The child's record once it has ended; M2. */
  async function runChild(
    run: Run,
    { index, id, input }: { index: number; id: string; input: Json },
  ): Promise<ExecutionRecord> {
    const known = executions.describe(id);
    if (known !== undefined && known.status !== "RUNNING") return known;
    for (let attempt = 1; ; attempt++) {
      try {
        const { standard, express } = options.engines();
        const request = childRequest(run.family, index, { input, nowMs: clock.now() });
        if (run.family.type === "EXPRESS") return await record(run, await express.startAndWait(request, signal));
        if (known === undefined) await standard.start(request);
        // It may have been stopped before it could begin.
        if (run.ending !== undefined) await standard.deliver(id, { type: "stop", error: undefined, cause: undefined });
        const ended = await standard.whenEnded(id, signal);
        if (ended === undefined) throw new Error(`the child ${id} of a map run has vanished`);
        return ended;
      } catch (error) {
        if (signal.aborted || attempt === startAttempts) throw error;
        onError(error);
        await new Promise<void>((resolve) => clock.schedule(startRetryMs, resolve));
      }
    }
  }

  /** An EXPRESS child that has ended lies in the store from then on. */
  async function record(run: Run, child: ExecutionRecord): Promise<ExecutionRecord> {
    await executions.start({ ...child, definition: run.family.definition, body: undefined, events: [] });
    return child;
  }

  function judge(run: Run): void {
    const { toleratedFailureCount: count, toleratedFailurePercentage: percentage } = run.limits;
    const { failed, timedOut, aborted, total } = run.counts.items;
    const bad = failed + timedOut + aborted;
    const isTooMany = (count > 0 || percentage === 0) && bad > count;
    const isTooLargePart = percentage > 0 && bad * 100 > percentage * total;
    if (isTooMany || isTooLargePart) end(run, "intolerable");
  }

  /** No child starts any more, and those that run are stopped. */
  function end(run: Run, why: "stopped" | "intolerable"): void {
    if (run.ending !== undefined) return;
    run.ending = why;
    const { standard, express } = options.engines();
    const engine = run.family.type === "EXPRESS" ? express : standard;
    for (const id of run.running) {
      engine.deliver(id, { type: "stop", error: undefined, cause: undefined }).catch(onError);
    }
  }

  async function outcomeOf(run: Run, state: State): Promise<MapRunOutcome> {
    const { mapRunArn } = state;
    const writer = writerOf(state.resultWriter);
    const children = () => endedChildren(run.family, run.inputs.length);
    if (run.ending === "stopped") return { status: "ABORTED", mapRunArn };
    const output =
      writer === undefined ? undefined : await writeResults(operations, { writer, mapRunArn, children, signal });
    if (run.ending === "intolerable") {
      const cause = "The specified tolerated failure threshold was exceeded";
      return { status: "FAILED", error: "States.ExceedToleratedFailureThreshold", cause, mapRunArn };
    }
    return { status: "SUCCEEDED", output: output ?? collected(state, children()), mapRunArn };
  }

  function* endedChildren(family: Family, count: number): Generator<ExecutionRecord> {
    for (let index = 0; index < count; index++) {
      const child = executions.describe(idOfChild(family.key, index));
      if (child !== undefined && child.status !== "RUNNING") yield child;
    }
  }

  function withOutput(
    outcome: MapRunOutcome,
    { saved, state, family }: { saved: MapRunRecord; state: State; family: Family },
  ): MapRunOutcome {
    if (outcome.status !== "SUCCEEDED" || outcome.output !== undefined) return outcome;
    return { ...outcome, output: collected(state, endedChildren(family, saved.children?.count ?? 0)) };
  }

  /** A run whose parent no longer waits for it. What its children have become is counted once more. */
  async function abortOrphan(key: string): Promise<void> {
    const inputs = readInputs(resources, key);
    const items = inputs.reduce((sum, input) => sum + input.items, 0);
    const counts = { executions: noCounts(inputs.length), items: noCounts(items) };
    const { standard } = options.engines();
    for (const [index, input] of inputs.entries()) {
      const id = idOfChild(key, index);
      const status = executions.describe(id)?.status;
      if (status === undefined) continue;
      if (status === "RUNNING") await standard.deliver(id, { type: "stop", error: undefined, cause: undefined });
      move(counts, input, "pending", counterOf(status));
    }
    resources.transaction(() => {
      resources.update<MapRunRecord>(mapRunKind, key, (record) => ({
        ...record,
        status: "ABORTED",
        stoppedMs: clock.now(),
        counts,
      }));
      deleteInputs(resources, key, inputs.length);
    });
  }

  return {
    begin,
    stop(executionId, effectId) {
      for (const run of runs.values()) {
        if (run.executionId !== executionId || (effectId !== undefined && run.effectId !== effectId)) continue;
        end(run, "stopped");
        run.pump();
      }
    },
    countsOf: (key) => runs.get(key)?.counts,
    change(key, limits) {
      const run = runs.get(key);
      if (run === undefined) return;
      run.limits = { ...run.limits, ...limits };
      judge(run);
      run.pump();
    },
    async recover() {
      for (const { id, value } of resources.list<MapRunRecord>(mapRunKind)) {
        if (value.status === "RUNNING" && !runs.has(id)) await abortOrphan(id);
      }
    },
    close: () => closing.abort(new Error("the server is closing")),
  };
}

/** The state's output where the results are not written elsewhere: what the children that succeeded answered, in order. */
function collected(state: State, children: Iterable<ExecutionRecord>): Json[] {
  const transformation = transformationOf(state.resultWriter, "COMPACT");
  const results: Json[] = [];
  let length = 0;
  for (const child of children) {
    if (child.status !== "SUCCEEDED") continue;
    for (const result of resultsOf(child, transformation)) results.push(result);
    length += child.output?.length ?? 0;
    if (length > maxOutputLength) break; // The state fails for its size.
  }
  return results;
}

function writerOfSafely(state: State): unknown {
  return (state.resultWriter as { Resource?: Json } | undefined)?.Resource;
}

function failureOf(error: unknown): { error: string; cause: string } {
  const { error: name, reason } = error as { error?: unknown; reason?: unknown };
  if (typeof name === "string") return { error: name, cause: typeof reason === "string" ? reason : "" };
  const text = error instanceof Error ? error.message : String(error);
  return { error: "States.Runtime", cause: error instanceof Fault ? `${error.code}: ${text}` : text };
}
