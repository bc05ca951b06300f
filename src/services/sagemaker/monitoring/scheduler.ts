import type { ScheduleConfig } from "@aws-sdk/client-sagemaker";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { ExecutionRunner } from "./execution-runner.ts";
import { watchedInputOf } from "./job-definition.ts";
import { hourPath } from "./monitored-data.ts";
import { definitionOf, type StoredSchedule, scheduleKind } from "./monitoring-schedule.ts";
import { dueAfter, dueBefore, hourMs, onceWindow, type Timetable, timetableOf, windowOf } from "./timetable.ts";

/*
 * Begins executions when their schedules are due, at the full hour (AWS: within twenty minutes of it).
 *
 * D1. What is due is begun once: the execution and the moment up to which its schedule is settled are kept together.
 *
 * An hour that passed while the server did not run, or the machine slept, is begun afterwards where something was captured in it,
 * because nobody else will ever look at those records; where nothing was, it is left out, because it says nothing about the model.
 */

export interface SchedulerOptions {
  resources: Resources;
  clock: Clock;
  executions: ExecutionRunner;
  report: (message: string, error: unknown) => void;
}

/** Passed hours that are begun afterwards: a day's. */
const mostLate = 24;
/** A due time that is older passed while nobody looked. */
const lateAfterMs = hourMs;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #timers = new Map<string, () => void>();
  #isClosed = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  resume(): void {
    for (const { value } of this.#options.resources.list<StoredSchedule>(scheduleKind)) this.arm(value.name);
  }

  /** After every change of a schedule. */
  arm(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    const schedule = this.#find(name);
    if (this.#isClosed || schedule?.status !== "Scheduled") return;
    const timetable = timetableOf(schedule.config.ScheduleConfig);
    if (timetable.type === "once") return;
    const { clock, report } = this.#options;
    const waitMs = dueAfter(timetable, schedule.settledMs) - clock.now();
    const cancel = clock.schedule(waitMs, () => {
      try {
        this.#begin(name);
      } catch (error) {
        report(`monitoring schedule ${name}`, error);
      }
      this.arm(name);
    });
    this.#timers.set(name, cancel);
  }

  #begin(name: string): void {
    const { resources, clock, executions } = this.#options;
    const nowMs = clock.now();
    resources.transaction(() => {
      const schedule = this.#find(name);
      if (schedule?.status !== "Scheduled") return;
      const timetable = timetableOf(schedule.config.ScheduleConfig);
      if (timetable.type === "once") return;
      const due = dueTimes(timetable, schedule.settledMs, nowMs);
      const lastMs = due.at(-1);
      if (lastMs === undefined) return; // the timer was early
      resources.put(scheduleKind, name, { ...schedule, settledMs: lastMs });
      const input = watchedInputOf(definitionOf(schedule.config, schedule.type, resources));
      for (const scheduledMs of due) {
        executions.begin(schedule, {
          scheduledMs,
          window: windowOf(timetable, input, scheduledMs),
          outputPath: hourPath(scheduledMs),
          isLate: nowMs - scheduledMs >= lateAfterMs,
        });
      }
    });
  }

  /** For a schedule that runs once: now. */
  runOnce(schedule: StoredSchedule): void {
    const { clock, executions } = this.#options;
    const nowMs = clock.now();
    const time = new Date(nowMs).toISOString().slice(14, 23).replace(/[:.]/g, "-");
    executions.begin(schedule, {
      scheduledMs: nowMs,
      window: onceWindow(schedule.config.ScheduleConfig as ScheduleConfig, nowMs),
      outputPath: `${hourPath(nowMs)}/${time}`, // a second one in the same hour has a place of its own
      isLate: false,
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#timers.values()) cancel();
  }

  #find(name: string): StoredSchedule | undefined {
    return this.#options.resources.get<StoredSchedule>(scheduleKind, name)?.value;
  }
}

/** After `settledMs` and until `nowMs`, the newest last. */
function dueTimes(timetable: Timetable & { type: "hours" }, settledMs: number, nowMs: number): number[] {
  const times: number[] = [];
  for (let dueMs = dueBefore(timetable, nowMs + 1); dueMs > settledMs && times.length < mostLate; ) {
    times.unshift(dueMs);
    dueMs = dueBefore(timetable, dueMs);
  }
  return times;
}
