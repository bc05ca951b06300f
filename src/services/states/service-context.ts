import type { Diagnostic, Execution } from "../../asl/contract.ts";
import type { Answer, AskedFor, StateOutcome, StateUnderTest } from "../../asl/test-state.ts";
import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";
import type { Engine } from "./engine-contract.ts";
import type { ExpressStarts } from "./express-starts.ts";
import type { Kernel } from "./kernel.ts";
import type { MachineDeletion } from "./machine-deletion.ts";
import type { MapRuns } from "./map-run/map-runs.ts";

/** The language: the kernel that runs definitions, and what judges them. */
export interface Language extends Kernel {
  validate(definition: string, options: { type: "STANDARD" | "EXPRESS" }): Diagnostic[];
  /** What the ItemSelector of a distributed Map makes of items that were read for it; throws what names `error` and `reason`. */
  selectItems(
    machine: unknown,
    execution: Execution,
    given: { effectId: string; items: Json[]; firstIndex: number; atMs: number; seed: string },
  ): Json[] | Promise<Json[]>;
  /** Runs the first state of a machine alone, for TestState; `answer` does what it waits for. */
  testState(
    machine: unknown,
    given: StateUnderTest,
    answer: (asked: AskedFor) => Promise<Answer>,
  ): Promise<StateOutcome>;
}

/** What the handlers share. */
export interface ServiceContext {
  store: Store;
  clock: Clock;
  language: Language;
  /** Of STANDARD machines. */
  engine: Engine;
  /** Of EXPRESS machines: in memory, forgotten at the end. */
  expressEngine: Engine;
  /** Of EXPRESS executions that nobody waits for. */
  expressStarts: ExpressStarts;
  /** Of distributed Map states. */
  mapRuns: MapRuns;
  machineDeletion: MachineDeletion;
  /** `undefined` when this server can run it; else what AWS says of a resource that does not exist. */
  refusalOf(resource: string): string | undefined;
  /** Whether an activity of this name has been created and not deleted. */
  hasActivity(name: string): boolean;
}
