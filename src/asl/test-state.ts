import type { Json } from "../kit/json.ts";
import type { Effect, ExecutionContext } from "./contract.ts";
import { Draft, type Inspected } from "./draft.ts";
import { failureOf, withPlace } from "./drive.ts";
import { type Running, run } from "./evaluation.ts";
import { StateFailure } from "./failure.ts";
import { type Exit, leaveWithResult } from "./flow.ts";
import { catchExit, findCatcher, findRetrier, retryDelaySeconds, takeRetry } from "./handlers.ts";
import type { Frame, KernelExecution } from "./kernel-state.ts";
import { outputText } from "./limits.ts";
import type { Machine } from "./machine.ts";
import { selectedItems } from "./states/map-run.ts";
import { performState } from "./states/perform.ts";
import { failTask, startTask, succeedTask, timeOutTask } from "./states/task.ts";
import { leaveWait } from "./states/wait.ts";

/*
 * Runs the first state of a machine, and only it, with the parts that executions are made of; `answer` stands for the world.
 * It looks at the data between the stages of the flow and at who handled a failure. Nothing of it is journalled.
 */

export interface StateUnderTest {
  input: Json;
  context: ExecutionContext;
  /** The context object itself, instead of the one that follows from `context`. */
  givenContext?: Json | undefined;
  variables: { [name: string]: Json };
  /** How often the retrier that handles the failure has tried already. */
  retryCount: number;
  /** How many iterations of a Map shall have failed. */
  failedIterations?: number | undefined;
  /** What a distributed Map's ItemReader and ItemBatcher, evaluated, make of its items. */
  readItems(reader: Json): Json[] | undefined;
  batchItems(items: Json[], batcher: Json): Json;
  atMs: number;
  seed: string;
}

/** What the state waits for. */
export type AskedFor = Extract<Effect, { type: "task" }> | { type: "wait"; dueMs: number } | { type: "children" };

export type Answer =
  | { output: Json }
  | { error: string | undefined; cause: string | undefined }
  /** Nothing came in time. */
  | "timeout";

export interface StateOutcome {
  status: "SUCCEEDED" | "FAILED" | "RETRIABLE" | "CAUGHT_ERROR";
  output?: Json;
  error?: string | undefined;
  cause?: string | undefined;
  next?: string | undefined;
  handler?: { catchIndex: number } | { retryIndex: number; retryBackoffIntervalSeconds?: number };
  variables: { [name: string]: Json };
  inspected: Partial<Record<Inspected, Json>>;
}

const tooManyFailures = {
  error: "States.ExceedToleratedFailureThreshold",
  reason: "The specified tolerated failure threshold was exceeded",
};

/** More iterations shall have failed than there are. */
export class TooManyFailedIterations extends Error {}

export async function testState(
  machine: Machine,
  given: StateUnderTest,
  answer: (asked: AskedFor) => Promise<Answer>,
): Promise<StateOutcome> {
  const inspected: StateOutcome["inspected"] = {};
  const draft = draftOf(machine, given);
  draft.probe = {
    note(name, value) {
      inspected[name] = value;
    },
    context: given.givenContext,
  };
  const frame = enter(draft, given);
  const outcome = (status: StateOutcome["status"], more: Partial<StateOutcome>): StateOutcome => {
    return { status, variables: frame.variables, inspected, ...more };
  };
  try {
    const begun = await run(performState(draft, frame));
    const asked = begun === undefined ? askedBy(draft, frame) : undefined;
    if (asked === undefined) return outcome("SUCCEEDED", leave(draft, frame, begun as Exit));
    const total = asked.type === "children" ? await run(prepareIterations(draft, frame, given)) : 0;
    const tolerates = () => toleratesFailures(given.failedIterations ?? 0, total, inspected);
    const exit = await run(leaveWithAnswer(draft, frame, { asked, answered: await answer(asked), tolerates }));
    return outcome("SUCCEEDED", leave(draft, frame, exit));
  } catch (error) {
    const failure = withPlace(failureOf(error), frame);
    const told = { error: failure.error, cause: failure.reason };
    const state = draft.stateOf(frame);
    const retryIndex = failure.kind === "runtime" ? -1 : findRetrier(state, failure);
    const retry = takeRetry(frame, state, failure);
    if (retry !== undefined) {
      const retryBackoffIntervalSeconds = Math.round(retryDelaySeconds(retry, draft.random.next));
      return outcome("RETRIABLE", { ...told, handler: { retryIndex, retryBackoffIntervalSeconds } });
    }
    const catcher = findCatcher(state, failure);
    if (catcher === undefined) return outcome("FAILED", retryIndex < 0 ? told : { ...told, handler: { retryIndex } });
    const handler = { catchIndex: state.catchers.indexOf(catcher) };
    try {
      const exit = await run(catchExit(draft, frame, { catcher, failure }));
      return outcome("CAUGHT_ERROR", { ...told, handler, ...leave(draft, frame, exit) });
    } catch (second) {
      const { error: name, reason } = withPlace(failureOf(second), frame);
      return outcome("FAILED", { error: name, cause: reason, handler });
    }
  }
}

function draftOf(machine: Machine, { input, context, atMs, seed }: StateUnderTest): Draft {
  const execution: KernelExecution = {
    status: "RUNNING",
    // ExecutionStarted is the first event, StateEntered the second: causes name it.
    nextEventId: 2,
    context,
    input,
    redriveCount: 0,
    frames: {},
  };
  return new Draft(machine, execution, { type: "start", input, context, atMs, seed });
}

function enter(draft: Draft, { input, variables, retryCount, atMs }: StateUnderTest): Frame {
  const name = draft.machine.scope.startAt;
  const frame = draft.addFrame({
    id: "",
    parent: null,
    index: 0,
    variables,
    state: name,
    input,
    enteredAt: new Date(atMs).toISOString(),
    enteredId: 2,
    beforeId: 0,
    lastId: 2,
    started: 0,
    retries: [],
    retryCount,
  });
  draft.execution.nextEventId = 3;
  frame.retries = draft.stateOf(frame).retriers.map(() => retryCount);
  return frame;
}

function askedBy(draft: Draft, frame: Frame): AskedFor {
  const { work } = frame;
  if (work?.type === "wait") return { type: "wait", dueMs: work.dueMs };
  const task = draft.effects.find((effect) => effect.type === "task");
  return work?.type === "task" && task?.type === "task" ? task : { type: "children" };
}

/** What the iterations of a Map would be given; answers how many there are. */
function* prepareIterations(draft: Draft, frame: Frame, given: StateUnderTest): Running<number> {
  const state = draft.stateOf(frame);
  const { work } = frame;
  if (state.type !== "Map" || (work?.type !== "mapRun" && work?.type !== "children")) return 0;
  const run = (work.type === "mapRun" ? work.state : {}) as { [name: string]: Json };
  const { itemReader: reader, itemBatcher: batcher } = run;
  let items = work.type === "children" ? work.items : ((run["items"] ?? []) as Json[]);
  if (reader !== undefined) {
    const read = given.readItems(reader);
    if (read === undefined) return 0;
    const config = (reader as { ReaderConfig?: { ItemsPointer?: Json } }).ReaderConfig;
    if (config?.ItemsPointer !== undefined) draft.probe?.note("afterItemsPointer", read);
    items = read;
  }
  if ((given.failedIterations ?? 0) > items.length) throw new TooManyFailedIterations();
  // Without a reader, the items of a map run are selected already.
  const selected = reader === undefined && work.type === "mapRun" ? items : yield* selectedItems(draft, frame, items);
  if (state.itemSelector !== undefined) draft.probe?.note("afterItemSelector", selected);
  if (batcher !== undefined) draft.probe?.note("afterItemBatcher", given.batchItems(selected, batcher));
  return items.length;
}

function* leaveWithAnswer(
  draft: Draft,
  frame: Frame,
  { asked, answered, tolerates }: { asked: AskedFor; answered: Answer; tolerates: () => boolean },
): Running<Exit> {
  const failure = failureIn(answered);
  if (asked.type === "task") {
    startTask(draft, frame, { atMs: draft.input.atMs });
    if (answered === "timeout") throw timeOutTask(draft, frame, false);
    if (failure !== undefined) throw failTask(draft, frame, failure);
    return (yield* succeedTask(draft, frame, (answered as { output: Json }).output)) as Exit;
  }
  delete frame.work;
  if (failure !== undefined) throw failure;
  if (asked.type === "wait") return yield* leaveWait(draft, frame);
  if (!tolerates()) throw new StateFailure("work", tooManyFailures);
  return yield* leaveWithResult(draft, frame, (answered as { output: Json }).output);
}

function failureIn(answered: Answer): StateFailure | undefined {
  if (answered === "timeout") return new StateFailure("work", { error: "States.Timeout" });
  if ("output" in answered) return undefined;
  return new StateFailure("work", { error: answered.error, reason: answered.cause });
}

/** Only a threshold that the definition sets is ever crossed, as recorded: without one any number of failures passes. */
function toleratesFailures(failed: number, total: number, inspected: StateOutcome["inspected"]): boolean {
  const { toleratedFailureCount: count, toleratedFailurePercentage: percentage } = inspected;
  if (count !== undefined && failed > (count as number)) return false;
  return percentage === undefined || failed * 100 <= (percentage as number) * total;
}

function leave(draft: Draft, frame: Frame, { assigned, output, next }: Exit): Partial<StateOutcome> {
  outputText(draft, frame.state, output); // Refuses what is too large.
  return { output, next, variables: { ...frame.variables, ...(assigned as { [name: string]: Json } | undefined) } };
}
