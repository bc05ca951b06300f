import type { ExecutionRecord } from "../../../ports/store.ts";
import type { ChildInput } from "./batches.ts";

export interface Counts {
  pending: number;
  running: number;
  succeeded: number;
  failed: number;
  timedOut: number;
  aborted: number;
  total: number;
  resultsWritten: number;
}

export function noCounts(total = 0): Counts {
  return { pending: total, running: 0, succeeded: 0, failed: 0, timedOut: 0, aborted: 0, total, resultsWritten: 0 };
}

/** A child of a batch counts once, its items each. */
export interface RunCounts {
  executions: Counts;
  items: Counts;
}

/** A child, with its items, goes from one count to another. */
export function move(
  counts: RunCounts,
  { items }: Pick<ChildInput, "items">,
  from: keyof Counts,
  to: keyof Counts,
): void {
  for (const [some, count] of [
    [counts.executions, 1],
    [counts.items, items],
  ] as const) {
    some[from] -= count;
    some[to] += count;
  }
}

/** What did not succeed is to be done again. */
export function redriven({ executions, items }: RunCounts): RunCounts {
  const again = ({ failed, timedOut, aborted, ...rest }: Counts): Counts => ({
    ...rest,
    pending: rest.pending + failed + timedOut + aborted,
    failed: 0,
    timedOut: 0,
    aborted: 0,
    resultsWritten: 0,
  });
  return { executions: again(executions), items: again(items) };
}

export function copyOf({ executions, items }: RunCounts): RunCounts {
  return { executions: { ...executions }, items: { ...items } };
}

export function counterOf(status: ExecutionRecord["status"]): keyof Counts {
  const counters = {
    RUNNING: "aborted", // It is stopped where it still runs.
    SUCCEEDED: "succeeded",
    FAILED: "failed",
    TIMED_OUT: "timedOut",
    ABORTED: "aborted",
  } as const;
  return counters[status];
}
