import type { Effect, Execution, HistoryEvent } from "../../asl/contract.ts";
import type { Json } from "../../kit/json.ts";
import type { Journalled } from "../../ports/store.ts";
import type { EngineInput } from "./kernel.ts";

/** Gathers what one or several kernel steps ask for into the one transaction that makes them durable. */
export function draftCommit() {
  const events: HistoryEvent[] = [];
  const timers = new Map<string, number>();
  const tokens = new Map<string, string>();
  const closed = new Set<string>();
  let effects: Effect[] = [];
  let hasChanged = false;

  return {
    /** What an input itself closes: a fired timer is no more, a finished task's token cannot be used again. */
    settle(input: EngineInput): void {
      if (!["timerFired", "taskSucceeded", "taskFailed", "taskRefused"].includes(input.type)) return;
      const { effectId } = input as Extract<EngineInput, { effectId: string }>;
      closed.add(effectId);
      timers.delete(effectId);
      tokens.delete(effectId);
      hasChanged ||= input.type === "timerFired";
    },
    add(step: { events: HistoryEvent[]; effects: Effect[] }): void {
      events.push(...step.events);
      hasChanged ||= step.events.length > 0 || step.effects.length > 0;
      for (const effect of step.effects) {
        if (effect.type === "timer") timers.set(effect.id, effect.dueMs);
        else if (effect.type === "task" && effect.taskToken !== undefined) tokens.set(effect.id, effect.taskToken);
        else if (effect.type === "cancel") {
          closed.add(effect.id);
          timers.delete(effect.id);
          tokens.delete(effect.id);
          // What has not begun need not begin.
          effects = effects.filter((other) => !("id" in other) || other.id !== effect.id);
        }
        effects.push(effect);
      }
    },
    /** Whether there is anything to write. */
    hasChanged: () => hasChanged,
    events: () => events,
    effects: () => effects,
    /** The earliest timer among those set. */
    earliestDueMs: () => (timers.size === 0 ? undefined : Math.min(...timers.values())),
    journalled(execution: Execution, options: { nowMs: number; outbox: Json[]; isActive: boolean }): Journalled {
      const hasEnded = execution.status !== "RUNNING";
      return {
        status: execution.status,
        // A failed execution may be redriven; nothing can follow a success.
        body: execution.status === "SUCCEEDED" ? undefined : (execution as unknown as Json),
        isActive: options.isActive,
        events,
        timers: [...timers].map(([effectId, dueMs]) => ({ effectId, dueMs })),
        tokens: [...tokens].map(([effectId, token]) => ({ effectId, token })),
        closed: [...closed],
        outbox: options.outbox,
        output: execution.output === undefined ? undefined : JSON.stringify(execution.output),
        error: execution.error,
        cause: execution.cause,
        stoppedMs: hasEnded ? (events.at(-1)?.timestampMs ?? options.nowMs) : undefined,
      };
    },
  };
}
