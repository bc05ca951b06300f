import { isDiskFull } from "../kit/disk-full.ts";
import { Fault } from "../kit/fault.ts";
import type { Database } from "../kit/sqlite.ts";
import type { DiskReserve } from "./disk-reserve.ts";

/*
 * A commit waits for the disk, and while it does nothing else runs. So all works of one turn of the event loop share one.
 *
 * G1. A promise resolves only after the COMMIT that holds its work has returned.
 * G2. A work that refuses (throws a Fault) has written nothing yet: it fails alone. Any other error fails the whole group.
 * G3. On a full disk the works that free room are done once more, without the others, in the room of the reserve.
 */
export interface GroupCommit {
  run<T>(work: () => T, options?: { freesRoom?: boolean }): Promise<T>;
  /** Resolves when all that was given is decided. */
  settled(): Promise<void>;
}

interface Queued {
  work: () => () => void;
  reject: (error: unknown) => void;
  freesRoom: boolean;
}

export function groupCommit(database: Database, reserve: Pick<DiskReserve, "giveUp">): GroupCommit {
  let queue: Queued[] = [];
  let flushed: Promise<void> = Promise.resolve();

  function flush(): void {
    const group = queue;
    queue = [];
    try {
      commit(group);
    } catch (error) {
      const removals = isDiskFull(error) ? group.filter(({ freesRoom }) => freesRoom) : [];
      for (const one of group) if (!removals.includes(one)) one.reject(error);
      if (removals.length > 0) commitInReserve(removals);
    }
  }

  function commitInReserve(removals: Queued[]): void {
    try {
      reserve.giveUp();
      commit(removals);
    } catch (error) {
      for (const { reject } of removals) reject(error);
    }
  }

  function commit(group: Queued[]): void {
    const answers = database.transaction(() => group.map(({ work }) => work()));
    for (const answer of answers) answer();
  }

  return {
    run<T>(work: () => T, { freesRoom = false }: { freesRoom?: boolean } = {}) {
      return new Promise<T>((resolve, reject) => {
        if (queue.length === 0) {
          flushed = new Promise((done) =>
            setImmediate(() => {
              flush();
              done();
            }),
          );
        }
        const decided = () => {
          try {
            const result = work();
            return () => resolve(result);
          } catch (error) {
            if (error instanceof Fault) return () => reject(error);
            throw error;
          }
        };
        queue.push({ work: decided, reject, freesRoom });
      });
    },
    settled: () => flushed,
  };
}
