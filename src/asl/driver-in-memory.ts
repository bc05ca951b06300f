import type { Json } from "../kit/json.ts";
import { advance } from "./advance.ts";
import type { Effect, Execution, ExecutionContext, HistoryEvent, KernelInput, Step } from "./contract.ts";
import type { Machine } from "./machine.ts";

/*
 * A tiny engine for tests: executions in memory, virtual time, tasks answered by the caller. Between any two steps the execution
 * goes through JSON text, as a store would do to it.
 */

export type TaskEffect = Extract<Effect, { type: "task" }>;
export type MapRunEffect = Extract<Effect, { type: "mapRun" }>;
type WithoutTime<T> = T extends unknown ? Omit<T, "atMs" | "seed"> : never;
/** What happens to a task, in order; `afterMs` later than the one before. Without an answer the task never ends. */
export type Happening = WithoutTime<KernelInput> & { afterMs?: number };

export interface DriverOptions {
  context?: Partial<ExecutionContext>;
  /** How a task or map run goes; `attempt` counts the tasks of this execution from 0. */
  task?: (effect: TaskEffect, attempt: number) => Happening[];
  mapRun?: (effect: MapRunEffect) => Promise<Happening[]>;
  /** What the outside does, at instants after the start. */
  outside?: (Happening & { atMs: number })[];
  /** Where the virtual clock ends although something still waits. */
  untilMs?: number;
}

export const startMs = Date.UTC(2026, 0, 1);

export const testContext: ExecutionContext = {
  executionArn: "arn:aws:states:us-east-1:111111111111:execution:machine:run",
  executionName: "run",
  roleArn: "arn:aws:iam::111111111111:role/role",
  startTime: new Date(startMs).toISOString(),
  stateMachineArn: "arn:aws:states:us-east-1:111111111111:stateMachine:machine",
  stateMachineName: "machine",
  region: "us-east-1",
};

export interface Ran {
  execution: Execution;
  events: HistoryEvent[];
  steps: Step[];
}

export async function runExecution(machine: Machine, input: Json, options: DriverOptions = {}): Promise<Ran> {
  const ran: Ran = { execution: { status: "RUNNING", nextEventId: 1 }, events: [], steps: [] };
  const queue: { atMs: number; order: number; input: WithoutTime<KernelInput>; timerId?: string }[] = [];
  let order = 0;
  let tasks = 0;
  const put = (atMs: number, happening: WithoutTime<KernelInput>, timerId?: string) => {
    queue.push({ atMs, order: order++, input: happening, ...(timerId === undefined ? {} : { timerId }) });
  };
  const plan = (nowMs: number, happenings: Happening[]) => {
    let atMs = nowMs;
    for (const { afterMs = 0, ...happening } of happenings) {
      atMs += afterMs;
      put(atMs, happening as WithoutTime<KernelInput>);
    }
  };
  const perform = async (effect: Effect, nowMs: number) => {
    if (effect.type === "timer") {
      drop(queue, effect.id);
      put(effect.dueMs, { type: "timerFired", effectId: effect.id }, effect.id);
    } else if (effect.type === "cancel") drop(queue, effect.id);
    else if (effect.type === "task") plan(nowMs, options.task?.(effect, tasks++) ?? []);
    else if (effect.type === "mapRun") plan(nowMs, (await options.mapRun?.(effect)) ?? []);
  };
  put(startMs, { type: "start", input, context: { ...testContext, ...options.context } });
  for (const { atMs, ...happening } of options.outside ?? [])
    put(startMs + atMs, happening as WithoutTime<KernelInput>);
  while (queue.length > 0) {
    queue.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    const next = queue.shift();
    if (next === undefined || next.atMs > startMs + (options.untilMs ?? Number.POSITIVE_INFINITY)) break;
    const before = next.input.type === "start" ? undefined : (JSON.parse(JSON.stringify(ran.execution)) as Execution);
    const step = await advance(machine, before, {
      ...next.input,
      atMs: next.atMs,
      seed: `seed ${ran.steps.length}`,
    } as KernelInput);
    ran.steps.push(step);
    ran.events.push(...step.events);
    ran.execution = step.execution;
    for (const effect of step.effects) await perform(effect, next.atMs);
  }
  return ran;
}

function drop(queue: { timerId?: string }[], timerId: string): void {
  const position = queue.findIndex((entry) => entry.timerId === timerId);
  if (position >= 0) queue.splice(position, 1);
}
