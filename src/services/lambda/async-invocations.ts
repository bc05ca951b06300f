// Invocations of type Event: answered at once, run later, tried again when the function fails.
//
// A1. What was answered 202 is on disk: it is run at least once, also when the server dies in between.
// A2. A function that fails is tried as often, and after the same pauses, as AWS does. When an attempt is due is on disk too.
// A3. An event ends in one transaction: its row goes, and what its destinations and its dead-letter target hear is written.
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DeliveryQueue } from "../../ports/delivery-queue.ts";
import type { Resources } from "../../ports/resources.ts";
import { type DestinationJob, deadLetterJob, destinationJob, type Ending } from "./destinations.ts";
import { defaultEventAgeSeconds, defaultRetryAttempts, eventInvokeConfigOf } from "./event-invoke-configs.ts";
import type { FunctionRecords } from "./function-records.ts";
import type { InvokeFunction, InvokeRequest } from "./invoke-function.ts";
import { parseFunctionName } from "./names.ts";

export interface AsyncInvocations {
  accept(request: InvokeRequest): void;
  /** Goes on with what an earlier server had accepted. */
  resume(): void;
  close(): void;
}

export interface AsyncInvocationsOptions {
  resources: Resources;
  records: FunctionRecords;
  clock: Clock;
  invoke: InvokeFunction;
  destinations: DeliveryQueue<DestinationJob>;
  report: (text: string) => void;
}

/** As on AWS: the second attempt after one minute, the third two minutes later. */
const retryDelaysMs = [60_000, 120_000] as const;
/** AWS's limit of an asynchronous event: 1 MiB. */
const maxEventBytes = 1024 * 1024;
/** Each is a row on disk; beyond it callers are told to slow down. */
const maxPending = 10_000;
/** While a function has no free environment its events wait this long, and longer each time up to the most, as on AWS. */
const throttleDelayMs = { first: 1000, most: 300_000 };

const kind = "lambda-event";
const pageSize = 100;

interface PendingEvent {
  functionName: string;
  qualifier?: string;
  payload: string;
  clientContext?: string;
  region: string;
  accountId: string;
  failures: number;
  /** How often in a row it could not run at all. */
  throttles: number;
  acceptedMs: number;
  dueMs: number;
}

export function asyncInvocations(options: AsyncInvocationsOptions): AsyncInvocations {
  const { resources, records, clock, invoke, destinations, report } = options;
  const timers = new Map<string, () => void>();
  const pending = new Set<string>();
  let isClosed = false;

  function wait(id: string, delayMs: number): void {
    if (isClosed) return;
    const cancel = clock.schedule(delayMs, () => {
      timers.delete(id);
      attempt(id).catch((error: Error) => report(`asynchronous invocation ${id}: ${error.stack}`));
    });
    timers.set(id, cancel);
  }

  async function attempt(id: string): Promise<void> {
    const event = resources.get<PendingEvent>(kind, id)?.value;
    if (event === undefined || isClosed) return;
    const name = parseFunctionName(event.functionName, event.qualifier);
    const config = eventInvokeConfigOf(resources, name);
    const lastMs = event.acceptedMs + (config?.eventAgeSeconds ?? defaultEventAgeSeconds) * 1000;
    const payload = Buffer.from(event.payload, "base64");
    const ending = (condition: Ending["condition"], result?: Ending["result"]): Ending => {
      const arn = `arn:aws:lambda:${event.region}:${event.accountId}:function:${name.name}`;
      const functionArn = `${records.find(name.name)?.configuration.FunctionArn ?? arn}:${name.qualifier ?? "$LATEST"}`;
      const invokeCount = event.failures + (result ? 1 : 0);
      return { requestId: id, functionArn, condition, invokeCount, payload, result };
    };
    if (clock.now() > lastMs) return end(event, ending("EventAgeExceeded"));

    const later = (changes: Partial<PendingEvent>, delayMs: number, otherwise: Ending) => {
      const dueMs = clock.now() + delayMs;
      if (dueMs > lastMs) return end(event, { ...otherwise, condition: "EventAgeExceeded" });
      resources.put<PendingEvent>(kind, id, { ...event, ...changes, dueMs });
      wait(id, delayMs);
    };
    try {
      const result = await invoke.run({ ...event, payload, requestId: id });
      if (isClosed) return; // the next server tries it again
      if (result.functionError === undefined) return end(event, ending("Success", result));
      const exhausted = ending("RetriesExhausted", result);
      const delayMs = retryDelaysMs[event.failures];
      if (event.failures >= (config?.retryAttempts ?? defaultRetryAttempts) || delayMs === undefined) {
        return end(event, exhausted);
      }
      later({ failures: event.failures + 1, throttles: 0 }, delayMs, exhausted);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (isClosed) return;
      if (records.find(name.name)?.reservedConcurrency === 0) return end(event, ending("ZeroReservedConcurrency"));
      if (!error.isRetryable) {
        report(`gave up an event for ${event.functionName}: ${error.message}`);
        return drop(id);
      }
      const delayMs = Math.min(throttleDelayMs.first * 2 ** event.throttles, throttleDelayMs.most);
      later({ throttles: event.throttles + 1 }, delayMs, ending("EventAgeExceeded"));
    }
  }

  function end(event: PendingEvent, ending: Ending): void {
    const name = parseFunctionName(event.functionName, event.qualifier);
    const { onSuccess, onFailure } = eventInvokeConfigOf(resources, name)?.destinations ?? {};
    const isSuccess = ending.condition === "Success";
    const target = isSuccess ? onSuccess : onFailure;
    const deadLetterArn = isSuccess ? undefined : deadLetterArnOf(event);
    const jobs = [
      ...(target === undefined ? [] : [destinationJob(target, ending, clock.now())]),
      ...(deadLetterArn === undefined ? [] : [deadLetterJob(deadLetterArn, ending)]),
    ];
    if (!isSuccess && jobs.length === 0) {
      const said = ending.result ? Buffer.from(ending.result.payload).toString().slice(0, 500) : "it did not run";
      report(
        `gave up an event for ${event.functionName} after ${ending.invokeCount} attempts (${ending.condition}): ${said}`,
      );
    }
    resources.transaction(() => {
      destinations.add(jobs);
      drop(ending.requestId);
    });
  }

  function deadLetterArnOf(event: PendingEvent): string | undefined {
    const name = parseFunctionName(event.functionName, event.qualifier);
    if (records.find(name.name) === undefined) return undefined;
    return records.resolve(name, event.functionName).configuration.DeadLetterConfig?.TargetArn || undefined;
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
      const nowMs = clock.now();
      resources.put<PendingEvent>(kind, requestId, {
        ...{ functionName, qualifier, clientContext, region, accountId },
        payload: Buffer.from(request.payload).toString("base64"),
        ...{ failures: 0, throttles: 0, acceptedMs: nowMs, dueMs: nowMs },
      });
      pending.add(requestId);
      wait(requestId, 0);
    },
    resume() {
      // In pages: only ids stay in memory, however large the events.
      const page = (after?: string) => resources.list<PendingEvent>(kind, { after, limit: pageSize });
      for (let rows = page(); rows.length > 0; rows = page(rows.at(-1)?.id)) {
        for (const { id, value } of rows) {
          pending.add(id);
          wait(id, Math.max(0, value.dueMs - clock.now()));
        }
      }
    },
    close() {
      isClosed = true;
      for (const cancel of timers.values()) cancel();
      timers.clear();
    },
  };
}
