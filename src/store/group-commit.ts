import type { Database } from "../kit/sqlite.ts";

/*
 * Writes of one turn of the event loop share one transaction, hence one wait for the disk: that is what makes thousands of
 * small commits per second possible. A write is answered after the COMMIT, never before.
 */

export interface GroupCommit {
  /** Runs `work` within the transaction of this turn and answers its result once that is durable. */
  add<T>(work: () => T): Promise<T>;
  /** Commits at once what waits. */
  flush(): void;
}

interface Pending {
  work: () => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

export function groupCommit(database: Database): GroupCommit {
  let pending: Pending[] = [];
  let scheduled: NodeJS.Immediate | undefined;

  const flush = (): void => {
    if (scheduled !== undefined) clearImmediate(scheduled);
    scheduled = undefined;
    const batch = pending;
    pending = [];
    if (batch.length > 0) commit(database, batch);
  };

  return {
    add: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        pending.push({ work, resolve: resolve as (value: unknown) => void, reject });
        scheduled ??= setImmediate(flush);
      }),
    flush,
  };
}

function commit(database: Database, batch: Pending[]): void {
  let results: unknown[];
  try {
    results = database.transaction(() => batch.map(({ work }) => work()));
  } catch (error) {
    // One bad write must not fail its neighbours: each gets a transaction of its own, and its own error.
    if (batch.length > 1) for (const one of batch) commit(database, [one]);
    else batch[0]?.reject(error);
    return;
  }
  for (const [index, { resolve }] of batch.entries()) resolve(results[index]);
}
