import type { Json } from "../kit/json.ts";
import type { Effect, HistoryEvent, KernelInput } from "./contract.ts";
import type { Running } from "./evaluation.ts";
import type { Frame, KernelExecution } from "./kernel-state.ts";
import type { Machine, Scope, State } from "./machine.ts";
import { seededRandom } from "./random.ts";

/** AWS ends an execution with this many events; the last one is ExecutionFailed. */
export const maxHistoryEvents = 25_000;

/** The history is full: only ExecutionFailed still fits. */
export class HistoryFull extends Error {}

/**
 * One step in the making: the execution as it will be, the events and effects so far.
 *
 * K1. The execution given to `advance` is never changed: the draft copies the frames it touches and shares everything else.
 * K2. Event ids are 1, 2, 3, ... without gaps, in the order of emission.
 */
export class Draft {
  readonly machine: Machine;
  readonly execution: KernelExecution;
  readonly input: KernelInput;
  readonly events: HistoryEvent[] = [];
  readonly effects: Effect[] = [];
  /** Frames that can go on; run in their order, so that thousands of iterations need no stack. */
  readonly ready: (() => Running<void>)[] = [];
  readonly random;
  /** Looks on while a single state is tested; absent in executions. */
  probe: Probe | undefined;
  private readonly owned = new Set<string>();
  private readonly texts = new Map<Json, string>();

  constructor(machine: Machine, execution: KernelExecution, input: KernelInput) {
    this.machine = machine;
    this.execution = { ...execution, frames: { ...execution.frames } };
    this.input = input;
    this.random = seededRandom(input.seed);
    if (input.type === "start" && input.inputText !== undefined) this.texts.set(input.input, input.inputText);
  }

  /** A frame that this step may change. */
  frame(id: string): Frame {
    const frame = this.execution.frames[id];
    if (frame === undefined) throw new Error(`there is no frame '${id}'`);
    if (this.owned.has(id)) return frame;
    this.owned.add(id);
    const copy = { ...frame, retries: frame.retries.slice() };
    if (copy.work !== undefined)
      copy.work =
        copy.work.type === "children" ? { ...copy.work, results: copy.work.results.slice() } : { ...copy.work };
    this.execution.frames[id] = copy;
    return copy;
  }

  addFrame(frame: Frame): Frame {
    this.owned.add(frame.id);
    this.execution.frames[frame.id] = frame;
    return frame;
  }

  removeFrame(id: string): void {
    delete this.execution.frames[id];
  }

  childrenOf(id: string): Frame[] {
    return Object.values(this.execution.frames).filter(({ parent }) => parent === id);
  }

  stateOf(frame: Frame): State {
    const state = this.scopeOf(frame).states.get(frame.state);
    if (state === undefined)
      throw new Error(`there is no state '${frame.state}': the execution belongs to another definition`);
    return state;
  }

  scopeOf(frame: Frame): Scope {
    if (frame.parent === null) return this.machine.scope;
    const state = this.stateOf(this.execution.frames[frame.parent] as Frame);
    if (state.type === "Map") return state.processor;
    if (state.type !== "Parallel") throw new Error(`a ${state.type} state has no children`);
    return state.branches[frame.index] as Scope;
  }

  /** Writes an event and answers its id. `frame` moves its chain to it unless `previousEventId` is given. */
  emit(frame: Frame | undefined, type: string, more: EventDetails = {}): number {
    const id = this.execution.nextEventId;
    const isLast = type.startsWith("Execution") && type !== "ExecutionStarted";
    if (id >= maxHistoryEvents && !isLast && this.execution.context.type !== "EXPRESS") throw new HistoryFull();
    const previousEventId = more.previousEventId ?? frame?.lastId ?? 0;
    const event: HistoryEvent = { id, previousEventId, timestampMs: more.atMs ?? this.input.atMs, type };
    if (more.detailsName !== undefined) {
      event.detailsName = more.detailsName;
      event.details = more.details ?? {};
    }
    this.events.push(event);
    this.execution.nextEventId = id + 1;
    if (frame !== undefined && more.previousEventId === undefined) frame.lastId = id;
    return id;
  }

  /** JSON text of a value; the output of one state is the input of the next, so the last texts are kept. */
  text(value: Json): string {
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const known = this.texts.get(value);
    if (known !== undefined) return known;
    const text = JSON.stringify(value);
    if (this.texts.size >= 16) this.texts.clear();
    this.texts.set(value, text);
    return text;
  }
}

/** What TestState sees of a state's work, and the context object that it gives instead of the real one. */
export interface Probe {
  note(name: Inspected, value: Json): void;
  readonly context: Json | undefined;
}

/** Stages of the data flow, by the names that TestState answers them under. */
export type Inspected =
  | "afterInputPath"
  | "afterParameters"
  | "afterItemsPath"
  | "afterItemsPointer"
  | "afterItemSelector"
  | "afterItemBatcher"
  | "result"
  | "afterResultSelector"
  | "afterResultPath"
  | "maxConcurrency"
  | "toleratedFailureCount"
  | "toleratedFailurePercentage";

export interface EventDetails {
  detailsName?: string;
  details?: { [name: string]: Json };
  /** Another event than the frame's last one; the frame's chain then stays where it is. */
  previousEventId?: number;
  atMs?: number;
}
