import type { Json } from "../../kit/json.ts";
import type { Draft } from "../draft.ts";
import { drive } from "../drive.ts";
import { effectIdOf } from "../effect-ids.ts";
import { environmentOf } from "../environment.ts";
import { type Environment, type Running, settle } from "../evaluation.ts";
import { evaluationFailure, runtimeFailure } from "../failure.ts";
import { type Exit, inputOf, leaveWithResult } from "../flow.ts";
import type { ChildrenWork, Frame } from "../kernel-state.ts";
import type { MapState, NumberField, State } from "../machine.ts";
import { addChild } from "./children.ts";
import { startMapRun } from "./map-run.ts";

/** Iterations of an inline Map that run at once when the definition sets no limit, as AWS documents it. */
const defaultConcurrency = 40;

export function* startMap(draft: Draft, frame: Frame): Running<Exit | undefined> {
  const state = mapStateOf(draft, frame);
  const input = inputOf(draft, frame, state);
  const environment = environmentOf(draft, frame, { data: input });
  const items = state.distributed?.itemReader === undefined ? yield* itemsOf(state, input, environment) : [];
  if (state.distributed?.itemReader === undefined) draft.probe?.note("afterItemsPath", items);
  const limit = yield* numberOf(state.maxConcurrency, environment);
  if (limit !== undefined && limit < 0) throw runtimeFailure("MaxConcurrency cannot be negative.");
  draft.probe?.note("maxConcurrency", limit ?? 0);
  draft.emit(frame, "MapStateStarted", {
    detailsName: "mapStateStartedEventDetails",
    details: { length: items.length },
  });
  const tolerated = yield* toleratedOf(draft, state, environment);
  if (state.distributed !== undefined) {
    return yield* startMapRun(draft, frame, {
      distributed: state.distributed,
      items,
      environment,
      concurrency: limit,
      ...tolerated,
    });
  }
  const concurrency = limit === undefined || limit === 0 ? defaultConcurrency : limit;
  frame.work = {
    type: "children",
    effectId: effectIdOf(frame),
    items,
    total: items.length,
    next: 0,
    open: 0,
    concurrency,
    results: [],
    lastId: frame.lastId,
  };
  if (items.length === 0) return yield* completeMap(draft, frame);
  const startedId = frame.lastId;
  for (let i = 0; i < Math.min(concurrency, items.length); i++) yield* startIteration(draft, frame, startedId);
  return undefined;
}

/** A place became free: the next item starts, chained to the last event of the iteration that made room. */
export function* nextIteration(draft: Draft, frame: Frame, previousEventId: number): Running<void> {
  const work = frame.work;
  if (work?.type !== "children" || work.next >= work.total || work.open >= work.concurrency) return;
  const index = work.next;
  yield* drive(draft, frame, function* () {
    yield* startIteration(draft, frame, previousEventId, index);
    return undefined;
  });
}

function* startIteration(draft: Draft, frame: Frame, previousEventId: number, at?: number): Running<void> {
  const state = mapStateOf(draft, frame);
  const work = frame.work as ChildrenWork;
  const index = at ?? work.next;
  work.next = index + 1;
  const item = work.items[index] as Json;
  const details = { name: frame.state, index };
  const startedId = draft.emit(undefined, "MapIterationStarted", {
    detailsName: "mapIterationStartedEventDetails",
    details,
    previousEventId,
  });
  const input = yield* selectItem(draft, frame, { state, index, item });
  addChild(draft, frame, { index, input, item, lastId: startedId });
}

/** The input of one iteration: the item, or what ItemSelector makes of it. */
export function* selectItem(
  draft: Draft,
  frame: Frame,
  { state, index, item }: { state: State & MapState; index: number; item: Json },
): Running<Json> {
  if (state.itemSelector === undefined) return item;
  const data = inputOf(draft, frame, state);
  return yield* settle(state.itemSelector(environmentOf(draft, frame, { data, item: { index, value: item } })));
}

/** MapStateSucceeded and MapStateExited both point at the last MapIterationSucceeded, or at MapStateStarted when there was none. */
export function* completeMap(draft: Draft, frame: Frame): Running<Exit> {
  const work = frame.work as ChildrenWork;
  draft.emit(frame, "MapStateSucceeded", { previousEventId: work.lastId });
  frame.lastId = work.lastId;
  return yield* leaveWithResult(draft, frame, work.results);
}

function* itemsOf(state: State & MapState, input: Json, environment: Environment): Running<Json[]> {
  const items = state.items === undefined ? input : yield* settle(state.items(environment));
  if (Array.isArray(items)) return items;
  if (state.language === "JSONPath") {
    throw runtimeFailure(`Reference path "${state.itemsPath?.text ?? "$"}" must point to array.`);
  }
  if (state.items !== undefined)
    throw evaluationFailure(`Map state Items must be an array but was: ${JSON.stringify(items)}`, "Items");
  throw evaluationFailure(`Map state input must be an array but was: ${JSON.stringify(items)}`, undefined);
}

function* toleratedOf(
  draft: Draft,
  state: State & MapState,
  environment: Environment,
): Running<{ toleratedCount?: number; toleratedPercentage?: number }> {
  const toleratedCount = yield* numberOf(state.toleratedFailureCount, environment);
  const toleratedPercentage = yield* numberOf(state.toleratedFailurePercentage, environment);
  if (toleratedCount !== undefined && toleratedCount < 0)
    throw runtimeFailure("ToleratedFailureCount cannot be negative.");
  if (toleratedPercentage !== undefined && (toleratedPercentage < 0 || toleratedPercentage > 100)) {
    throw runtimeFailure("ToleratedFailurePercentage must be between 0 and 100.");
  }
  if (toleratedCount !== undefined) draft.probe?.note("toleratedFailureCount", toleratedCount);
  if (toleratedPercentage !== undefined) draft.probe?.note("toleratedFailurePercentage", toleratedPercentage);
  return { toleratedCount, toleratedPercentage };
}

/** A number, or a text that holds one where a path names it. */
function* numberOf(field: NumberField | undefined, environment: Environment): Running<number | undefined> {
  if (field === undefined) return undefined;
  const value: Json = yield* settle(field.value(environment));
  const isPercentage = field.field.startsWith("ToleratedFailurePercentage");
  const pattern = isPercentage ? /^-?\d+(\.\d+)?$/ : /^-?\d+$/;
  const number = typeof value === "string" && pattern.test(value) ? Number(value) : value;
  if (typeof number === "number" && (isPercentage || Number.isInteger(number))) return number;
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  const kind = isPercentage ? "float" : "integer";
  throw runtimeFailure(
    `The ${field.field} field refers to value "${shown}" which is not a valid ${kind}: ${field.path ?? shown}`,
  );
}

function mapStateOf(draft: Draft, frame: Frame): State & MapState {
  const state = draft.stateOf(frame);
  if (state.type !== "Map") throw new Error(`'${frame.state}' is not a Map state`);
  return state;
}
