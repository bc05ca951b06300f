import type { Clock } from "../../ports/clock.ts";

/** How long a worker's question waits for a task. */
const pollMs = 60_000;

export interface ActivityTask {
  executionId: string;
  effectId: string;
  taskToken: string;
  input: string;
}

/** Tasks of activities that wait for a worker, and workers that wait for a task. Recovery fills it again after a restart. */
export interface ActivityQueues {
  offer(activity: string, task: ActivityTask): void;
  /** `undefined` when none came in time. */
  take(activity: string, signal: AbortSignal): Promise<ActivityTask | undefined>;
}

export function activityQueues(clock: Clock): ActivityQueues {
  const tasks = new Map<string, ActivityTask[]>();
  const workers = new Map<string, ((task: ActivityTask) => void)[]>();
  const listOf = <T>(lists: Map<string, T[]>, activity: string): T[] => {
    const list = lists.get(activity) ?? [];
    lists.set(activity, list);
    return list;
  };
  return {
    offer(activity, task) {
      const worker = listOf(workers, activity).shift();
      if (worker === undefined) listOf(tasks, activity).push(task);
      else worker(task);
    },
    take(activity, signal) {
      const waiting = listOf(tasks, activity);
      const first = waiting.shift();
      if (first !== undefined) return Promise.resolve(first);
      return new Promise((resolve) => {
        const finish = (task: ActivityTask | undefined) => {
          cancel();
          signal.removeEventListener("abort", giveUp);
          const list = listOf(workers, activity);
          if (list.includes(finish)) list.splice(list.indexOf(finish), 1);
          resolve(task);
        };
        const giveUp = () => finish(undefined);
        const cancel = clock.schedule(pollMs, giveUp);
        signal.addEventListener("abort", giveUp, { once: true });
        listOf(workers, activity).push(finish);
      });
    },
  };
}
