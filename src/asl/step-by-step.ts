import assert from "node:assert/strict";
import type { Json } from "../kit/json.ts";
import { advance } from "./advance.ts";
import { compile } from "./compile.ts";
import type { Effect, Execution, KernelInput, Step } from "./contract.ts";
import { testContext } from "./driver-in-memory.ts";
import type { Machine } from "./machine.ts";

/* For tests that tell the kernel one thing after the other and look at each step. */

export const invoke = "arn:aws:states:::lambda:invoke";
export const task = { Type: "Task", Resource: invoke };

export function machineOf(states: { [name: string]: Json }, more: { [name: string]: Json } = {}): Machine {
  return compile({ ...more, StartAt: Object.keys(states)[0] as string, States: states });
}

export function tell(machine: Machine, execution: Execution | undefined, input: Record<string, unknown>): Step {
  const step = advance(machine, execution, { atMs: 1_000, seed: "seed", ...input } as KernelInput);
  assert.ok(!(step instanceof Promise), "a JSONPath machine answers at once");
  return step;
}

export function begin(machine: Machine, input: Json = {}): Step {
  return tell(machine, undefined, { type: "start", input, context: testContext });
}

export function idsOf(effects: Effect[], type: Effect["type"]): string[] {
  return effects.filter((effect) => effect.type === type).map((effect) => ("id" in effect ? effect.id : ""));
}

export function typesOf(step: Step): string[] {
  return step.events.map(({ type }) => type);
}
