import type { Clock } from "../../../ports/clock.ts";
import type { ExecutionRecord, Store } from "../../../ports/store.ts";
import type { Engine } from "../engine-contract.ts";
import { childRequest, type Family, idOfChild } from "./children.ts";
import { copyOf, counterOf, move, type RunCounts } from "./counts.ts";
import { type PageChild, pageAfter, trimPage } from "./input-pages.ts";
import { type MapRunLimits, type MapRunRecord, mapRunKind } from "./records.ts";

/*
 * Runs the children of one distributed Map: so many at a time, page by page.
 *
 * M2. A child's name follows from its run and its place: after a crash it is found in the store, and one that has ended
 *     does not run again. An EXPRESS child is in the store once it has ended.
 * M4. A page whose children have all ended is trimmed in the transaction that counts them: none is counted twice.
 */

/** Of one run, whatever MaxConcurrency says: each child holds memory and has tasks, which are bounded for themselves. */
const maxConcurrentChildren = 500;
/** How often, and how long after, a child is started again that the disk refused. */
const startAttempts = 10;
const startRetryMs = 1_000;

export interface ChildrenOptions {
  store: Store;
  clock: Clock;
  engines: () => { standard: Engine; express: Engine };
  signal: AbortSignal;
  onError: (error: unknown) => void;
}

export interface RunningChildren {
  /** As they are now. */
  counts(): RunCounts;
  /** Why no more children start. */
  ending(): "stopped" | "intolerable" | undefined;
  /** Resolves once every child has ended, or those that had begun where the run ends early. */
  whenEnded: Promise<void>;
  stop(): void;
  /** Trims the pages of which not all children have ended; belongs to the transaction that ends the run. */
  closeRest(): void;
  change(limits: Partial<MapRunLimits>): void;
}

/** A page of which some children run. */
interface OpenPage {
  id: string;
  children: (PageChild | undefined)[];
  next: number;
  left: number;
  /** By their places; without what was in them. */
  ended: Map<number, Ended>;
}

type Ended = Pick<ExecutionRecord, "status" | "redriveCount"> & { items: number };

/** `isNew`: no child can have been started before. */
export function runChildren(
  options: ChildrenOptions,
  run: { family: Family; record: MapRunRecord; isNew: boolean },
): RunningChildren {
  const { store, clock, signal, onError } = options;
  const { executions, resources } = store;
  const { family } = run;
  const { key } = family;
  const { redriveCount = 0 } = run.record;
  const isExpress = family.type === "EXPRESS";
  let limits: MapRunLimits = run.record;
  /** Of the pages that are done with, as they lie in the store. */
  const settled = copyOf(run.record.counts as RunCounts);
  const counts = copyOf(settled);
  const running = new Set<string>();
  let page: OpenPage | undefined;
  /** In the order of their ids; several, where some children take longer than others. */
  const openPages = new Map<string, OpenPage>();
  let lastPageId: string | undefined;
  let isLastPage = false;
  let ending: "stopped" | "intolerable" | undefined;
  let failure: unknown;
  let resolve = (): void => {};
  let reject = (_error: unknown): void => {};
  const whenEnded = new Promise<void>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });

  function pump(): void {
    const { maxConcurrency } = limits;
    const limit = maxConcurrency > 0 ? Math.min(maxConcurrency, maxConcurrentChildren) : maxConcurrentChildren;
    while (ending === undefined && running.size < limit) {
      const next = nextChild();
      if (next === undefined) break;
      begin(next.from, next.child);
    }
    if (running.size > 0 || (ending === undefined && !isLastPage)) return;
    if (failure === undefined) resolve();
    else reject(failure);
  }

  function nextChild(): { from: OpenPage; child: PageChild } | undefined {
    while (page === undefined || page.next === page.children.length) {
      const found = pageAfter(resources, key, lastPageId);
      isLastPage = found === undefined;
      if (found === undefined) return undefined;
      lastPageId = found.id;
      if (found.endedIn === redriveCount) continue;
      const { id, children } = found;
      page = { id, children, next: 0, left: children.length, ended: new Map() };
      openPages.set(id, page);
    }
    const child = page.children[page.next] as PageChild;
    page.children[page.next++] = undefined; // It needs no more room than while it runs.
    return { from: page, child };
  }

  function begin(from: OpenPage, child: PageChild): void {
    const id = idOfChild(family, child.index, redriveCount);
    running.add(id);
    move(counts, child, "pending", "running");
    runChild(id, child).then(
      ({ status, redriveCount: redrives }) => ended(id, { from, child, status, redriveCount: redrives }),
      (error: unknown) => {
        if (!signal.aborted) {
          failure ??= error;
          end("intolerable");
        }
        ended(id, { from, child, status: "FAILED", redriveCount: child.redrives ?? 0 });
      },
    );
  }

  function ended(id: string, end: Omit<Ended, "items"> & { from: OpenPage; child: PageChild }): void {
    const { from, child, status, redriveCount: redrives } = end;
    running.delete(id);
    move(counts, child, "running", counterOf(status));
    from.ended.set(child.index, { status, redriveCount: redrives, items: child.items });
    from.left -= 1;
    try {
      if (from.left === 0) close(from, redriveCount);
      judge();
      pump();
    } catch (error) {
      reject(error);
    }
  }

  /** M4. `endedIn` where all of its children have. */
  function close(open: OpenPage, endedIn: number | undefined): void {
    if (signal.aborted) return; // A restart looks at them again.
    for (const { items, status } of open.ended.values()) move(settled, { items }, "pending", counterOf(status));
    resources.transaction(() => {
      trimPage(resources, open.id, { ended: open.ended, endedIn });
      resources.update<MapRunRecord>(mapRunKind, key, (record) => ({ ...record, counts: settled }));
    });
    openPages.delete(open.id);
  }

  /** The child's record once it has ended; M2. */
  async function runChild(id: string, { input, redrives }: PageChild): Promise<ExecutionRecord> {
    for (let attempt = 1; ; attempt++) {
      try {
        const known = run.isNew && attempt === 1 ? undefined : executions.describe(id);
        const mustGoOn = known?.status !== "SUCCEEDED" && known?.redriveCount === redrives && redrives !== undefined;
        if (known !== undefined && known.status !== "RUNNING" && (!mustGoOn || isExpress)) return known;
        const { standard, express } = options.engines();
        const request = childRequest(family, id, { input, nowMs: clock.now() });
        if (isExpress) return await record(await express.startAndWait(request, signal));
        if (known === undefined) await standard.start(request);
        else if (mustGoOn) await standard.deliver(id, { type: "redrive" });
        // It may have been stopped before it could begin.
        if (ending !== undefined) await standard.deliver(id, { type: "stop", error: undefined, cause: undefined });
        const child = await standard.whenEnded(id, signal);
        if (child === undefined) throw new Error(`the child ${id} of a map run has vanished`);
        return child;
      } catch (error) {
        if (signal.aborted || attempt === startAttempts) throw error;
        onError(error);
        await new Promise<void>((resume) => clock.schedule(startRetryMs, resume));
      }
    }
  }

  /** An EXPRESS child that has ended lies in the store from then on. */
  async function record(child: ExecutionRecord): Promise<ExecutionRecord> {
    await executions.start({ ...child, definition: family.definition, body: undefined, events: [] });
    return child;
  }

  function judge(): void {
    const { toleratedFailureCount: count, toleratedFailurePercentage: percentage } = limits;
    const { failed, timedOut, aborted, total } = counts.items;
    const bad = failed + timedOut + aborted;
    const isTooMany = (count > 0 || percentage === 0) && bad > count;
    const isTooLargePart = percentage > 0 && bad * 100 > percentage * total;
    if (isTooMany || isTooLargePart) end("intolerable");
  }

  /** No child starts any more, and those that run are stopped. */
  function end(why: "stopped" | "intolerable"): void {
    if (ending !== undefined) return;
    ending = why;
    const { standard, express } = options.engines();
    const engine = isExpress ? express : standard;
    for (const id of running) {
      engine.deliver(id, { type: "stop", error: undefined, cause: undefined }).catch(onError);
    }
  }

  pump();
  return {
    counts: () => counts,
    ending: () => ending,
    whenEnded,
    stop() {
      end("stopped");
      pump();
    },
    closeRest() {
      for (const open of openPages.values()) close(open, undefined);
    },
    change(changed) {
      limits = { ...limits, ...changed };
      judge();
      pump();
    },
  };
}
