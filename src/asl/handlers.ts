import type { Json } from "../kit/json.ts";
import type { Draft } from "./draft.ts";
import { environmentOf } from "./environment.ts";
import { type Running, settle } from "./evaluation.ts";
import type { StateFailure } from "./failure.ts";
import { type Exit, exitOf } from "./flow.ts";
import type { Frame } from "./kernel-state.ts";
import type { Catcher, Retrier, State } from "./machine.ts";

/* Retry and Catch: who handles a failure, when it is tried again, and with what data the catcher's state begins. */

/** The first retrier of the state that names the error and has attempts left. Each has its own counter. */
export function takeRetry(
  frame: Frame,
  state: State,
  failure: StateFailure,
): { retrier: Retrier; attempt: number } | undefined {
  if (failure.kind === "runtime") return undefined;
  const position = findRetrier(state, failure);
  const retrier = state.retriers[position];
  if (retrier === undefined) return undefined;
  const attempt = frame.retries[position] ?? 0;
  if (attempt >= retrier.maxAttempts) return undefined;
  frame.retries = Array.from(state.retriers, (_, i) => (frame.retries[i] ?? 0) + (i === position ? 1 : 0));
  frame.retryCount++;
  return { retrier, attempt };
}

/** Where in Retry the failure is named, used up or not; -1 when nowhere. */
export function findRetrier(state: State, failure: StateFailure): number {
  return state.retriers.findIndex(({ errors }) => matches(errors, failure));
}

export function retryDelaySeconds(
  { retrier, attempt }: { retrier: Retrier; attempt: number },
  random: () => number,
): number {
  const delay = Math.min(retrier.intervalSeconds * retrier.backoffRate ** attempt, retrier.maxDelaySeconds);
  return retrier.hasJitter ? delay * random() : delay;
}

export function findCatcher(state: State, failure: StateFailure): Catcher | undefined {
  if (failure.kind === "runtime") return undefined;
  return state.catchers.find(({ errors }) => matches(errors, failure));
}

/** States.TaskFailed matches everything but a timeout, States.ALL everything that can be handled at all. */
function matches(errors: readonly string[], failure: StateFailure): boolean {
  return errors.some((name) => {
    if (name === "States.ALL" || name === failure.error) return true;
    if (name === "States.TaskFailed") return failure.error !== "States.Timeout";
    return name === "States.HeartbeatTimeout" && failure.isHeartbeat;
  });
}

/** What the state is left with when a catcher takes over. */
export function* catchExit(
  draft: Draft,
  frame: Frame,
  { catcher, failure }: { catcher: Catcher; failure: StateFailure },
): Running<Exit> {
  const state = draft.stateOf(frame);
  const error = errorOutput(failure);
  const { assign, output, next } = catcher;
  if (state.language === "JSONata") {
    const environment = environmentOf(draft, frame, { data: frame.input, states: { errorOutput: error } });
    return yield* exitOf(environment, { assign, output, otherwise: error, next });
  }
  const assigned =
    assign === undefined ? undefined : yield* settle(assign(environmentOf(draft, frame, { data: error })));
  const { resultPath } = catcher;
  const written = resultPath === undefined ? error : resultPath === null ? frame.input : resultPath(frame.input, error);
  return { assigned, output: written, next };
}

/** A timeout has an empty cause; what SendTaskFailure leaves out is null. */
function errorOutput({ error, reason }: StateFailure): Json {
  return { Error: error ?? null, Cause: reason ?? (error === "States.Timeout" ? "" : null) };
}
