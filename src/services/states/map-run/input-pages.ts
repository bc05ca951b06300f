import type { Resources } from "../../../ports/resources.ts";
import type { ExecutionRecord } from "../../../ports/store.ts";
import type { ChildInput } from "./batches.ts";
import { noCounts, type RunCounts } from "./counts.ts";
import { type MapRunRecord, mapRunKind } from "./records.ts";

/*
 * The inputs of a run's children, page by page, so that a run of any length holds few of them in memory. A child stays in its
 * page until it has succeeded: what is left is what a redrive does again.
 */

const pagesKind = "states.mapRunInputs";
/** A page is full with so many children, or with texts of this length together. */
const childrenPerPage = 1_000;
const maxPageLength = 2 ** 20;

export interface Page {
  id: string;
  children: PageChild[];
  /** All of them had ended in the redrive of this number (0: the first attempt). */
  endedIn?: number;
}

export interface PageChild extends ChildInput {
  index: number;
  /** It has ended without success, having been redriven so often itself. */
  redrives?: number;
}

/** Written before the first child starts: what the items are never changes, whatever happens to where they came from. */
export async function writePages(
  resources: Resources,
  key: string,
  inputs: AsyncIterable<readonly ChildInput[]>,
): Promise<void> {
  deletePages(resources, key); // Of an attempt that was interrupted.
  let children: PageChild[] = [];
  let length = 0;
  let count = 0;
  let items = 0;
  let pages = 0;
  const finish = (): void => {
    if (children.length > 0) resources.put(pagesKind, pageId(key, pages++), { children });
    children = [];
    length = 0;
  };
  for await (const some of inputs) {
    for (const child of some) {
      children.push({ ...child, index: count++ });
      items += child.items;
      length += JSON.stringify(child.input).length;
      if (children.length >= childrenPerPage || length >= maxPageLength) finish();
    }
  }
  finish();
  const counts: RunCounts = { executions: noCounts(count), items: noCounts(items) };
  resources.update<MapRunRecord>(mapRunKind, key, (record) => ({ ...record, children: { count, items }, counts }));
}

export function pageAfter(resources: Resources, key: string, after: string | undefined): Page | undefined {
  const [found] = resources.list<Omit<Page, "id">>(pagesKind, { prefix: `${key}#`, after, limit: 1 });
  return found && { id: found.id, ...found.value };
}

export function* allPages(resources: Resources, key: string): Generator<Page> {
  let page = pageAfter(resources, key, undefined);
  while (page !== undefined) {
    yield page;
    page = pageAfter(resources, key, page.id);
  }
}

/** Leaves in a page what has not succeeded. `endedIn` where all of it has ended. */
export function trimPage(
  resources: Resources,
  id: string,
  {
    ended,
    endedIn,
  }: { ended: ReadonlyMap<number, Pick<ExecutionRecord, "status" | "redriveCount">>; endedIn: number | undefined },
): void {
  const page = resources.get<Omit<Page, "id">>(pagesKind, id)?.value;
  const children = (page?.children ?? []).flatMap((child): PageChild[] => {
    const record = ended.get(child.index);
    if (record === undefined) return [child];
    return record.status === "SUCCEEDED" ? [] : [{ ...child, redrives: record.redriveCount }];
  });
  if (children.length === 0) resources.delete(pagesKind, id);
  else resources.put(pagesKind, id, { children, endedIn });
}

export function deletePages(resources: Resources, key: string): void {
  for (const { id } of allPages(resources, key)) resources.delete(pagesKind, id);
}

function pageId(key: string, number: number): string {
  return `${key}#${String(number).padStart(9, "0")}`;
}
