import type { Effect, Execution, KernelInput, Step } from "../../asl/contract.ts";

/** What the engine needs of the language: the pure kernel, or a scripted one in tests. */
export interface Kernel<Machine = unknown> {
  compile(definition: string, options: { type: "STANDARD" | "EXPRESS" }): Machine;
  advance(machine: Machine, execution: Execution | undefined, input: KernelInput): Step | Promise<Step>;
  pendingEffects(execution: Execution): Effect[];
}

/** A kernel input before the engine stamps it with time and seed. */
export type EngineInput = WithoutStamp<KernelInput>;
type WithoutStamp<Input> = Input extends unknown ? Omit<Input, "atMs" | "seed"> : never;

export type TaskEffect = Extract<Effect, { type: "task" }>;
export type MapRunEffect = Extract<Effect, { type: "mapRun" }>;
