import type { Clock } from "../../ports/clock.ts";
import type { Logs } from "../../ports/logs.ts";
import type { Resources } from "../../ports/resources.ts";

/** The days that CloudWatch Logs lets lines be kept. */
export const retentionDays: readonly number[] = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export interface Retention {
  get(group: string): number | undefined;
  /** `undefined` keeps lines as long as there is room. */
  set(group: string, days: number | undefined): void;
  close(): void;
}

const kind = "logs:retention";
const dayMs = 86_400_000;
/** CloudWatch takes up to three days until it drops old lines. */
const sweepMs = 3_600_000;

/** How long the lines of a group are kept; drops older ones every hour, and at once when less is asked for. */
export function retention(options: {
  resources: Resources;
  logs: Logs;
  clock: Clock;
  report: (line: string, error?: unknown) => void;
}): Retention {
  const { resources, logs, clock, report } = options;
  const drop = (group: string, days: number) => logs.deleteBefore(group, clock.now() - days * dayMs);
  let cancel = clock.schedule(sweepMs, sweep);

  function sweep(): void {
    try {
      for (const { id, value } of resources.list<{ days: number }>(kind)) drop(id, value.days);
    } catch (error) {
      report("old log lines could not be dropped", error);
    }
    cancel = clock.schedule(sweepMs, sweep);
  }

  return {
    get: (group) => resources.get<{ days: number }>(kind, group)?.value.days,
    set(group, days) {
      if (days === undefined) {
        resources.delete(kind, group);
        return;
      }
      resources.put(kind, group, { days });
      drop(group, days);
    },
    close: () => cancel(),
  };
}
