// The warm environments of one function version: grown when calls wait, kept while they are used, dropped when idle.
//
// Q1. A call runs in an environment that has nothing else to do, or waits in order of arrival.
// Q2. There are never more environments than the bound; what waits is bounded too, and refused beyond with 429.
// Q3. A retired pool starts no new call, finishes those that run, and then has no process left.
import { Fault } from "../kit/fault.ts";
import type { Clock } from "../ports/clock.ts";
import type { Capacity } from "./capacity.ts";
import { type Environment, notTaken } from "./environment.ts";
import type { Invocation, Outcome } from "./function-spec.ts";

export interface Pool {
  invoke(invocation: Invocation, signal?: AbortSignal): Promise<Outcome>;
  /** Starts an environment ahead of the first call, if there is none. */
  warm(): void;
  /** Lets go of one that is idle, for others' sake; whether there was one. */
  yieldOne(): boolean;
  retire(): Promise<void>;
  close(): Promise<void>;
  environments(): readonly Environment[];
}

export interface PoolOptions {
  start: () => Environment;
  bound: number;
  /** Beyond the bound callers wait; with this they are refused instead, as AWS does for a reserved concurrency. */
  refusesBeyondBound: boolean;
  maxWaiting: number;
  idleMs: number;
  clock: Clock;
  capacity: Capacity;
}

interface Waiting {
  invocation: Invocation;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

export function environmentPool(options: PoolOptions): Pool {
  const { clock, capacity } = options;
  const waiting: Waiting[] = [];
  const live = new Set<Environment>();
  const idle = new Map<Environment, () => void>();
  let startingCount = 0;
  let busyCount = 0;
  let isRetired = false;
  const pool: Pool = { invoke, warm, yieldOne, retire, close, environments: () => [...live] };
  const leaveCapacity = capacity.join({ pool, pump, isEmpty: () => live.size === 0 });

  function invoke(invocation: Invocation, signal?: AbortSignal): Promise<Outcome> {
    if (options.refusesBeyondBound && busyCount + waiting.length >= options.bound) throw tooMany(true);
    if (waiting.length >= options.maxWaiting) throw tooMany(false);
    return new Promise((resolve, reject) => {
      const call: Waiting = { invocation, resolve, reject };
      // A caller that goes away gives up its place; a call that already runs is run to its end, as on AWS.
      const onAbort = () => {
        const place = waiting.indexOf(call);
        if (place >= 0) waiting.splice(place, 1);
        reject(signal?.reason);
      };
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      call.resolve = (outcome) => {
        signal?.removeEventListener("abort", onAbort);
        resolve(outcome);
      };
      waiting.push(call);
      pump();
    });
  }

  function pump(): void {
    while (waiting.length > 0 && idle.size > 0) {
      const environment = [...idle.keys()].at(-1)!; // the one used last, so that the others may expire
      takeFromIdle(environment);
      serve(environment, waiting.shift()!);
    }
    while (waiting.length > startingCount && live.size < options.bound && capacity.take(pool)) start();
  }

  function start(): void {
    let environment: Environment;
    try {
      environment = options.start();
    } catch (error) {
      waiting.shift()?.reject(error); // for example no room on the disk: one caller is told, the next may try
      capacity.release();
      return;
    }
    live.add(environment);
    startingCount++;
    environment.ended.then(() => {
      takeFromIdle(environment);
      live.delete(environment);
      capacity.release();
    });
    environment.started.then((isReady) => {
      startingCount--;
      if (isReady) return settle(environment);
      // It answers one caller with what went wrong; whoever waits behind gets a new attempt.
      const call = waiting.shift();
      if (call !== undefined) serve(environment, call);
      else pump();
    });
  }

  function serve(environment: Environment, call: Waiting): void {
    busyCount++;
    environment
      .run(call.invocation)
      .then((outcome) => {
        if (outcome === notTaken) waiting.unshift(call);
        else call.resolve(outcome);
      })
      .catch(call.reject)
      .finally(() => {
        busyCount--;
        settle(environment);
      });
  }

  /** The environment has nothing to do: it takes the next call, waits for one, or ends. */
  function settle(environment: Environment): void {
    if (environment.isAlive && isRetired && waiting.length === 0) environment.stop();
    else if (environment.isAlive) idle.set(environment, expiry(environment));
    pump();
  }

  function expiry(environment: Environment): () => void {
    return clock.schedule(options.idleMs, () => {
      if (takeFromIdle(environment)) environment.stop();
    });
  }

  function takeFromIdle(environment: Environment): boolean {
    idle.get(environment)?.();
    return idle.delete(environment);
  }

  function warm(): void {
    if (live.size === 0 && capacity.take(pool)) start();
  }

  function yieldOne(): boolean {
    const environment = idle.keys().next().value;
    if (environment === undefined) return false;
    takeFromIdle(environment);
    environment.stop();
    return true;
  }

  async function retire(): Promise<void> {
    isRetired = true;
    while (waiting.length === 0 && yieldOne()) {}
    while (live.size > 0) await Promise.race([...live].map((environment) => environment.ended));
    leaveCapacity();
  }

  async function close(): Promise<void> {
    isRetired = true;
    const fault = new Fault("ServiceException", "the server is stopping", { status: 500 });
    for (const call of waiting.splice(0)) call.reject(fault);
    await Promise.all([...live].map((environment) => environment.stop()));
    leaveCapacity();
  }

  return pool;
}

function tooMany(isReserved: boolean): Fault {
  const Reason = isReserved ? "ReservedFunctionConcurrentInvocationLimitExceeded" : "ConcurrentInvocationLimitExceeded";
  return new Fault("TooManyRequestsException", "Rate Exceeded.", { status: 429, members: { Reason, Type: "User" } });
}
