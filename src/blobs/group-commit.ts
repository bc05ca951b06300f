import { Fault } from "../kit/fault.ts";
import type { Database } from "../kit/sqlite.ts";

/*
 * A commit waits for the disk, and while it does nothing else runs. So all works of one turn of the event loop share one.
 *
 * G1. A promise resolves only after the COMMIT that holds its work has returned.
 * G2. A work that refuses (throws a Fault) has written nothing yet: it fails alone. Any other error fails the whole group.
 */
export interface GroupCommit {
  run<T>(work: () => T): Promise<T>;
  /** Resolves when all that was given is decided. */
  settled(): Promise<void>;
}

export function groupCommit(database: Database): GroupCommit {
  let queue: (() => () => void)[] = [];
  let rejects: ((error: unknown) => void)[] = [];
  let flushed: Promise<void> = Promise.resolve();

  function flush(): void {
    const works = queue;
    const refusals = rejects;
    queue = [];
    rejects = [];
    try {
      const answers = database.transaction(() => works.map((work) => work()));
      for (const answer of answers) answer();
    } catch (error) {
      for (const refuse of refusals) refuse(error);
    }
  }

  return {
    run<T>(work: () => T) {
      return new Promise<T>((resolve, reject) => {
        if (queue.length === 0) {
          flushed = new Promise((done) =>
            setImmediate(() => {
              flush();
              done();
            }),
          );
        }
        rejects.push(reject);
        queue.push(() => {
          try {
            const result = work();
            return () => resolve(result);
          } catch (error) {
            if (error instanceof Fault) return () => reject(error);
            throw error;
          }
        });
      });
    },
    settled: () => flushed,
  };
}
