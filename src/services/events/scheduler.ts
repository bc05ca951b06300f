import type { Clock } from "../../ports/clock.ts";
import type { Rule, RuleStore } from "./rule-store.ts";
import { parseSchedule } from "./schedule.ts";

export interface Scheduler {
  close(): void;
}

export interface SchedulerOptions {
  rules: RuleStore;
  clock: Clock;
  /** The rule was due at that time. */
  fire: (rule: Rule, dueMs: number) => void;
  report: (line: string, error?: unknown) => void;
}

/** Fires rules when their schedule says so: one timer, for the earliest of them. What was due while nobody ran is left out. */
export function scheduler({ rules, clock, fire, report }: SchedulerOptions): Scheduler {
  let cancel = (): void => {};
  let isClosed = false;

  function arm(): void {
    cancel();
    if (isClosed) return;
    const nowMs = clock.now();
    const due = rules
      .all()
      .filter(({ state, targets }) => state === "ENABLED" && targets.length > 0)
      .flatMap((rule) => {
        const dueMs = rule.schedule && parseSchedule(rule.schedule).next(nowMs, rule.scheduledMs ?? 0);
        return dueMs ? [{ rule, dueMs }] : [];
      });
    if (due.length === 0) return;
    const earliestMs = Math.min(...due.map(({ dueMs }) => dueMs));
    const first = due.filter(({ dueMs }) => dueMs === earliestMs).map(({ rule }) => rule);
    cancel = clock.schedule(earliestMs - nowMs, () => {
      for (const rule of first) {
        try {
          fire(rule, earliestMs);
        } catch (error) {
          report(`the scheduled rule ${rule.name} could not fire`, error);
        }
      }
      arm();
    });
  }

  rules.onChange(arm);
  arm();
  return {
    close() {
      isClosed = true;
      cancel();
    },
  };
}
