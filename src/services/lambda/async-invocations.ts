// Invocations of type Event: answered at once, run later, tried again when the function fails.
//
// A1. What was answered 202 is on disk: it is run at least once, also when the server dies in between.
// A2. A function that fails is tried as often as AWS does, then the event is given up, and the server's log says so.
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { InvokeFunction, InvokeRequest } from "./invoke-function.ts";

export interface AsyncInvocations {
  accept(request: InvokeRequest): void;
  /** Goes on with what an earlier server had accepted. */
  resume(): void;
  close(): void;
}

export interface AsyncInvocationsOptions {
  resources: Resources;
  clock: Clock;
  invoke: InvokeFunction;
  report: (text: string) => void;
  retryDelaysMs?: readonly number[];
}

/** As on AWS: two more attempts, after one and two minutes. */
export const defaultRetryDelaysMs = [60_000, 120_000] as const;
/** AWS's limit of an asynchronous event: 1 MiB. */
const maxEventBytes = 1024 * 1024;
/** Each is a row on disk; beyond it callers are told to slow down. */
const maxPending = 10_000;
/** While a function has no free environment its events wait this long, and longer each time up to the most. */
const throttleDelayMs = { first: 1000, most: 300_000 };

const kind = "lambda-event";

interface PendingEvent {
  functionName: string;
  qualifier?: string;
  payload: string;
  clientContext?: string;
  region: string;
  accountId: string;
  failures: number;
}

export function asyncInvocations(options: AsyncInvocationsOptions): AsyncInvocations {
  const { resources, clock, invoke, report } = options;
  const retryDelaysMs = options.retryDelaysMs ?? defaultRetryDelaysMs;
  const timers = new Map<string, () => void>();
  const pending = new Set<string>();
  let isClosed = false;

  function soon(id: string, delayMs: number, throttles = 0): void {
    if (isClosed) return;
    const cancel = clock.schedule(delayMs, () => {
      timers.delete(id);
      attempt(id, throttles).catch((error: Error) => report(`asynchronous invocation ${id}: ${error.stack}`));
    });
    timers.set(id, cancel);
  }

  async function attempt(id: string, throttles: number): Promise<void> {
    const event = resources.get<PendingEvent>(kind, id)?.value;
    if (event === undefined || isClosed) return;
    const problem = await tryOnce(id, event);
    if (isClosed) return; // the next server tries it again
    if (problem === undefined) return drop(id);
    if (problem.isThrottle) {
      return soon(id, Math.min(throttleDelayMs.first * 2 ** throttles, throttleDelayMs.most), throttles + 1);
    }
    const delayMs = problem.isFinal ? undefined : retryDelaysMs[event.failures];
    if (delayMs === undefined) {
      report(`gave up an event for ${event.functionName} after ${event.failures + 1} attempts: ${problem.text}`);
      return drop(id);
    }
    resources.put<PendingEvent>(kind, id, { ...event, failures: event.failures + 1 });
    soon(id, delayMs);
  }

  async function tryOnce(id: string, event: PendingEvent): Promise<Problem | undefined> {
    try {
      const payload = Buffer.from(event.payload, "base64");
      const result = await invoke.run({ ...event, payload, requestId: id });
      return result.functionError && { text: Buffer.from(result.payload).toString().slice(0, 500) };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { text: error.message, isThrottle: error.status === 429, isFinal: !error.isRetryable };
    }
  }

  function drop(id: string): void {
    pending.delete(id);
    resources.delete(kind, id);
  }

  return {
    accept(request) {
      invoke.check(request);
      if (request.payload.byteLength > maxEventBytes) {
        const message = `${request.payload.byteLength} byte payload is too large for the Event invocation type (limit ${maxEventBytes} bytes)`;
        throw new Fault("RequestTooLargeException", message, { status: 413, members: { Type: "User" } });
      }
      if (pending.size >= maxPending) {
        throw new Fault("TooManyRequestsException", `${maxPending} events wait already`, { status: 429 });
      }
      const { functionName, qualifier, clientContext, region, accountId, requestId } = request;
      const payload = Buffer.from(request.payload).toString("base64");
      const event: PendingEvent = { functionName, qualifier, clientContext, region, accountId, payload, failures: 0 };
      resources.put<PendingEvent>(kind, requestId, event);
      pending.add(requestId);
      soon(requestId, 0);
    },
    resume() {
      for (const { id } of resources.list(kind)) {
        pending.add(id);
        soon(id, 0);
      }
    },
    close() {
      isClosed = true;
      for (const cancel of timers.values()) cancel();
      timers.clear();
    },
  };
}

interface Problem {
  text: string;
  isThrottle?: boolean;
  isFinal?: boolean;
}
