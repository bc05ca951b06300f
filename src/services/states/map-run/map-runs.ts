import { setMaxListeners } from "node:events";
import type { MapRunOutcome } from "../../../asl/contract.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Operations } from "../../../ports/operations.ts";
import type { ExecutionRecord, Store } from "../../../ports/store.ts";
import type { Engine } from "../engine-contract.ts";
import { detailsOf } from "../execution-records.ts";
import type { Language } from "../service-context.ts";
import { childInputs } from "./batches.ts";
import { type Family, familyOf, findChild } from "./children.ts";
import { counterOf, move, type RunCounts, redriven } from "./counts.ts";
import { allPages, deletePages, trimPage, writePages } from "./input-pages.ts";
import { readItems } from "./item-reader.ts";
import type { MapRunner, MapRunRequest } from "./map-runner.ts";
import { eachPiece } from "./piecewise.ts";
import { type MapRunLimits, type MapRunRecord, mapRunKey, mapRunKind } from "./records.ts";
import { type Child, resultsOf, transformationOf, writeResults, writerOf } from "./result-writer.ts";
import { type RunningChildren, runChildren } from "./run-children.ts";

/*
 * The items of a distributed Map, each (or each batch) an execution of its own.
 *
 * M1. The inputs of all children are durable before the first child starts.
 * M2. and M4. stand where the children are run.
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
  onError: (error: unknown) => void;
}

/** No state's output may be larger; what is beyond need not be collected. */
const maxOutputLength = 262_144;

interface State extends MapRunLimits {
  mapRunArn: string;
  executionType: "STANDARD" | "EXPRESS";
  definition: Json;
  items?: Json[];
  itemReader?: Json;
  itemBatcher?: Json;
  resultWriter?: Json;
  redriveCount?: number;
}

interface Run {
  executionId: string;
  effectId: string;
  isStopped: boolean;
  children: RunningChildren | undefined;
  /** The run was redriven before it had quite ended. */
  again: MapRunRequest | undefined;
}

export function mapRuns(options: MapRunsOptions): MapRuns {
  const { store, clock, language, operations, onError } = options;
  const { executions, resources } = store;
  const runs = new Map<string, Run>();
  const closing = new AbortController();
  const { signal } = closing;
  setMaxListeners(0, signal); // One per child that runs.

  function begin(request: MapRunRequest): void {
    const state = request.effect.state as unknown as State;
    const key = mapRunKey(state.mapRunArn);
    const underWay = runs.get(key);
    if (underWay !== undefined) {
      if (underWay.isStopped) underWay.again = request;
      return;
    }
    const record = recorded(key, request);
    if (record.status !== "RUNNING") {
      if (record.outcome !== undefined) request.tell(withOutput(record.outcome, { record, state, request }));
      return;
    }
    const run: Run = {
      executionId: record.executionId,
      effectId: record.effectId,
      isStopped: false,
      children: undefined,
      again: undefined,
    };
    runs.set(key, run);
    perform(run, { key, request, state })
      .catch(onError)
      .finally(() => {
        runs.delete(key);
        if (run.again !== undefined && !signal.aborted) begin(run.again);
      });
  }

  /** The run's record, made for a new run, and open again for one that was redriven. */
  function recorded(key: string, { effect, record: parent }: MapRunRequest): MapRunRecord {
    const state = effect.state as unknown as State;
    const { mapRunArn, executionType, maxConcurrency, toleratedFailureCount, toleratedFailurePercentage } = state;
    const { redriveCount = 0 } = state;
    const fresh: MapRunRecord = {
      arn: mapRunArn,
      executionArn: detailsOf(parent).arn,
      executionId: parent.id,
      effectId: effect.id,
      status: "RUNNING",
      startedMs: clock.now(),
      executionType,
      maxConcurrency,
      toleratedFailureCount,
      toleratedFailurePercentage,
    };
    resources.create<MapRunRecord>(mapRunKind, key, fresh);
    const found = resources.update<MapRunRecord>(mapRunKind, key, (record) => {
      if ((record.redriveCount ?? 0) >= redriveCount) return undefined;
      const { stoppedMs: _stopped, outcome: _outcome, counts, ...rest } = record;
      const again = counts === undefined ? {} : { counts: redriven(counts) };
      return { ...rest, ...again, status: "RUNNING" as const, redriveCount, redrivenMs: clock.now() };
    });
    return found?.value ?? fresh;
  }

  async function perform(
    run: Run,
    { key, request, state }: { key: string; request: MapRunRequest; state: State },
  ): Promise<void> {
    const family = familyOf(request.record, state);
    const read = () => resources.get<MapRunRecord>(mapRunKind, key)?.value as MapRunRecord;
    let outcome: MapRunOutcome;
    try {
      const isNew = read().children === undefined;
      if (isNew) {
        checkWriter(state);
        await writePages(resources, key, eachPiece(items(run, { request, state }), childInputs(state.itemBatcher)));
      }
      if (!run.isStopped) {
        run.children = runChildren({ ...options, signal }, { family, record: read(), isNew });
        await run.children.whenEnded;
      }
      outcome = await outcomeOf(run, { state, family });
    } catch (error) {
      outcome = { status: "FAILED", ...failureOf(error), mapRunArn: state.mapRunArn };
    }
    if (signal.aborted) return; // Goes on when the server does.
    const { isStopped } = run;
    const isOutputKept = writerOfSafely(state) !== undefined;
    resources.transaction(() => {
      run.children?.closeRest();
      resources.update<MapRunRecord>(mapRunKind, key, (record) => ({
        ...record,
        status: isStopped ? "ABORTED" : outcome.status === "SUCCEEDED" ? "SUCCEEDED" : "FAILED",
        stoppedMs: clock.now(),
        counts: run.children === undefined ? record.counts : written(run.children.counts()),
        ...(isStopped ? {} : { outcome: isOutputKept ? outcome : { ...outcome, output: undefined } }),
      }));
      if (outcome.status === "SUCCEEDED" && !isStopped) deletePages(resources, key);
    });
    if (!isStopped) request.tell(outcome);
  }

  /** The items of the run, piece by piece: read where an ItemReader is given, and selected. */
  async function* items(
    run: Run,
    { request, state }: { request: MapRunRequest; state: State },
  ): AsyncGenerator<Json[]> {
    if (state.itemReader === undefined) {
      yield state.items ?? []; // The kernel has selected them.
      return;
    }
    const { machine, execution } = request;
    const { effectId } = run;
    let firstIndex = 0;
    for await (const read of readItems(operations, state.itemReader, signal)) {
      if (run.isStopped) return;
      const given = { effectId, items: read, firstIndex, atMs: clock.now(), seed: clock.uuid() };
      yield await language.selectItems(machine, execution, given);
      firstIndex += read.length;
    }
  }

  async function outcomeOf(run: Run, { state, family }: { state: State; family: Family }): Promise<MapRunOutcome> {
    const { mapRunArn } = state;
    if (run.isStopped) return { status: "ABORTED", mapRunArn };
    const record = resources.get<MapRunRecord>(mapRunKind, family.key)?.value as MapRunRecord;
    const children = () => endedChildren(family, record);
    const isFailed = run.children?.ending() === "intolerable";
    const writer = writerOf(state.resultWriter);
    const pending = () => (isFailed ? pendingChildren(family, record) : []);
    const output =
      writer === undefined
        ? undefined
        : await writeResults(operations, { writer, mapRunArn, children, pending, signal });
    if (!isFailed) return { status: "SUCCEEDED", output: output ?? collected(state, children()), mapRunArn };
    const cause = "The specified tolerated failure threshold was exceeded";
    return { status: "FAILED", error: "States.ExceedToleratedFailureThreshold", cause, mapRunArn };
  }

  /** In the order of their items. */
  function* endedChildren(family: Family, { children, redriveCount = 0 }: MapRunRecord): Generator<ExecutionRecord> {
    for (let index = 0; index < (children?.count ?? 0); index++) {
      const child = findChild(executions, family, { index, redriveCount });
      if (child !== undefined && child.status !== "RUNNING") yield child;
    }
  }

  function* pendingChildren(family: Family, { redriveCount = 0 }: MapRunRecord): Generator<Child> {
    for (const page of allPages(resources, family.key)) {
      for (const { index, input } of page.children) {
        if (findChild(executions, family, { index, redriveCount }) === undefined) yield { input };
      }
    }
  }

  function withOutput(
    outcome: MapRunOutcome,
    { record, state, request }: { record: MapRunRecord; state: State; request: MapRunRequest },
  ): MapRunOutcome {
    if (outcome.status !== "SUCCEEDED" || outcome.output !== undefined) return outcome;
    return { ...outcome, output: collected(state, endedChildren(familyOf(request.record, state), record)) };
  }

  /** A run whose parent no longer waits for it. What its children have become is counted once more. */
  async function abortOrphan(
    key: string,
    { counts, redriveCount = 0, executionType: type }: MapRunRecord,
  ): Promise<void> {
    const { standard } = options.engines();
    for (const page of allPages(resources, key)) {
      if (page.endedIn === redriveCount) continue;
      const ended = new Map<number, ExecutionRecord>();
      for (const child of page.children) {
        const found = findChild(executions, { key, type }, { index: child.index, redriveCount });
        if (found === undefined) continue;
        if (found.status === "RUNNING") {
          await standard.deliver(found.id, { type: "stop", error: undefined, cause: undefined });
        }
        ended.set(child.index, found);
        if (counts !== undefined) move(counts, child, "pending", counterOf(found.status));
      }
      resources.transaction(() => {
        trimPage(resources, page.id, { ended, endedIn: undefined });
        resources.update<MapRunRecord>(mapRunKind, key, (record) => ({ ...record, counts }));
      });
    }
    resources.update<MapRunRecord>(mapRunKind, key, (record) => ({
      ...record,
      status: "ABORTED",
      stoppedMs: clock.now(),
    }));
  }

  return {
    begin,
    stop(executionId, effectId) {
      for (const run of runs.values()) {
        if (run.executionId !== executionId || (effectId !== undefined && run.effectId !== effectId)) continue;
        run.isStopped = true;
        run.again = undefined;
        run.children?.stop();
      }
    },
    countsOf: (key) => runs.get(key)?.children?.counts(),
    change(key, limits) {
      runs.get(key)?.children?.change(limits);
    },
    async recover() {
      for (const { id, value } of resources.list<MapRunRecord>(mapRunKind)) {
        if (value.status === "RUNNING" && !runs.has(id)) await abortOrphan(id, value);
      }
    },
    close: () => closing.abort(new Error("the server is closing")),
  };
}

/** Before anything runs: a writer that cannot write fails the state at once. */
function checkWriter({ resultWriter }: State): void {
  if (resultWriter === undefined) return;
  writerOf(resultWriter);
  transformationOf(resultWriter, "NONE");
}

function written(counts: RunCounts): RunCounts {
  for (const some of Object.values(counts)) some.resultsWritten = some.succeeded + some.failed;
  return counts;
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
