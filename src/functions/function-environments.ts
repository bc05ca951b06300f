// The door of this room: calls functions in environments of their own, and owns every process it starts.
import { Fault } from "../kit/fault.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logs } from "../ports/logs.ts";
import { environmentCapacity } from "./capacity.ts";
import { startEnvironment } from "./environment.ts";
import type { FunctionSpec, Invocation, Outcome } from "./function-spec.ts";
import { findInterpreters, type Interpreter } from "./interpreters.ts";
import { findIsolation, type Isolation } from "./isolation.ts";
import { environmentPool, type Pool } from "./pool.ts";
import { memoryBytes } from "./process-plan.ts";

export interface FunctionEnvironments {
  /** How many calls run at once at most, of all functions together. */
  readonly maxConcurrency: number;
  /** Runs the function once. Faults are the platform's (429, nothing to run it with); the function's own errors are outcomes. */
  invoke(spec: FunctionSpec, invocation: Invocation, options?: { signal?: AbortSignal }): Promise<Outcome>;
  /** Fails where this machine has nothing to run such a function with, and says what to install. */
  check(runtime: string): Promise<void>;
  /** Starts an environment ahead of the first call. */
  warm(spec: FunctionSpec): Promise<void>;
  /** Running calls of this function (or of one version) finish; nothing of it is started any more. */
  retire(name: string, version?: string): void;
  /** What people should know about this machine: for example that /tmp is shared. */
  warnings(): Promise<string[]>;
  /** The processes that are running now. */
  processIds(name?: string): number[];
  /** Ends every process; may be called twice. */
  close(): Promise<void>;
}

export interface FunctionEnvironmentsOptions {
  /** A folder of our own. */
  folder: string;
  logs: Logs;
  clock: Clock;
  /** The value of PATH: where Python and unshare are looked for. */
  searchPath: string;
  /** Use this Python and no other. */
  python?: string;
  /** Endpoint address, proxy, certificate, region, credentials: what makes the function's own AWS calls arrive here. */
  environmentOf?: (functionName: string) => Readonly<Record<string, string>>;
  limits?: Partial<EnvironmentLimits>;
  /** `none`: no private mounts even where they would be possible. */
  isolation?: "auto" | "none";
  /** Warnings and notes for the server's own log. */
  report?: (text: string) => void;
}

export interface EnvironmentLimits {
  /** Environments of one function: more than the machine has cores, because functions mostly wait for AWS calls. */
  perFunction: number;
  /** Environments of all functions: at 20 to 60 MB each. */
  total: number;
  /** Calls that may wait for an environment, per function version. */
  waiting: number;
  /** A warm environment without work lives this long. */
  idleMs: number;
  /** Beside the function's own timeout: AWS gives initialisation 10 s, and starts it anew within the timeout when that is over. */
  initMs: number;
}

export const defaultEnvironmentLimits: EnvironmentLimits = {
  perFunction: 8,
  total: 32,
  waiting: 2000,
  idleMs: 15 * 60_000,
  initMs: 10_000,
};

export function functionEnvironments(options: FunctionEnvironmentsOptions): FunctionEnvironments {
  const { logs, clock, searchPath } = options;
  const limits = { ...defaultEnvironmentLimits, ...options.limits };
  const interpreters = findInterpreters({ searchPath, python: options.python });
  const capacity = environmentCapacity(limits.total);
  const pools = new Map<string, { pool: Pool; fingerprint: string }>();
  const retiring = new Set<{ pool: Pool; name: string }>();
  let isolation: Promise<Isolation> | undefined;
  let isClosed = false;

  function findOut(): Promise<Isolation> {
    isolation ??= findIsolation({ folder: options.folder, searchPath, kind: options.isolation }).then((found) => {
      if (!found.isPrivate) options.report?.(sharedWarning(found));
      return found;
    });
    return isolation;
  }

  function means(spec: FunctionSpec): Promise<[Interpreter, Isolation]> {
    return Promise.all([interpreters.forRuntime(spec.runtime), findOut()]);
  }

  // Synchronous, as is what callers do with the pool: it cannot be retired in between.
  function poolFor(spec: FunctionSpec, [interpreter, found]: [Interpreter, Isolation]): Pool {
    if (isClosed) throw new Fault("ServiceException", "the server is stopping", { status: 500 });
    const key = `${spec.name}:${spec.version}`;
    const fingerprint = JSON.stringify(spec);
    const current = pools.get(key);
    if (current?.fingerprint === fingerprint) return current.pool;
    if (current !== undefined) letGo(key, spec.name);
    const pool = newPool(spec, interpreter, found);
    pools.set(key, { pool, fingerprint });
    return pool;
  }

  function newPool(spec: FunctionSpec, interpreter: Interpreter, found: Isolation): Pool {
    const reserved = spec.reservedConcurrency;
    const bound = found.isPrivate ? (reserved ?? limits.perFunction) : Math.min(1, reserved ?? 1);
    const notes = [interpreter.note, found.isPrivate ? undefined : sharedWarning(found)];
    return environmentPool({
      start: () =>
        startEnvironment({
          spec,
          interpreter,
          place: found.place({ ...spec, memoryBytes: memoryBytes(spec), lends: interpreter.lends }),
          logs,
          clock,
          extraVariables: options.environmentOf?.(spec.name) ?? {},
          initTimeoutMs: limits.initMs + spec.timeoutMs,
          notes: notes.filter((note) => note !== undefined),
        }),
      bound,
      refusesBeyondBound: reserved !== undefined,
      maxWaiting: limits.waiting,
      idleMs: limits.idleMs,
      clock,
      capacity,
    });
  }

  function letGo(key: string, name: string): void {
    const entry = pools.get(key);
    if (entry === undefined) return;
    pools.delete(key);
    const leaving = { pool: entry.pool, name };
    retiring.add(leaving);
    entry.pool.retire().finally(() => retiring.delete(leaving));
  }

  return {
    maxConcurrency: limits.total,
    async invoke(spec, invocation, { signal } = {}) {
      const found = await means(spec);
      return await poolFor(spec, found).invoke(invocation, signal);
    },
    async check(runtime) {
      await interpreters.forRuntime(runtime);
    },
    async warm(spec) {
      const found = await means(spec);
      if (spec.reservedConcurrency !== 0) poolFor(spec, found).warm();
    },
    retire(name, version) {
      for (const key of [...pools.keys()]) {
        if (version === undefined ? key.startsWith(`${name}:`) : key === `${name}:${version}`) letGo(key, name);
      }
    },
    async warnings() {
      const found = await findOut();
      return found.isPrivate ? [] : [sharedWarning(found)];
    },
    processIds(name) {
      const ofPools = [...pools].filter(([key]) => name === undefined || key.startsWith(`${name}:`));
      const leaving = [...retiring].filter((it) => name === undefined || it.name === name);
      const all = [...ofPools.map(([, { pool }]) => pool), ...leaving.map(({ pool }) => pool)];
      return all.flatMap((pool) => pool.environments().flatMap(({ pid }) => (pid === undefined ? [] : [pid])));
    },
    async close() {
      isClosed = true;
      await isolation?.catch(() => {}); // it may still be trying what the machine allows; whoever asked is told of a failure
      const all = [...[...pools.values()].map(({ pool }) => pool), ...[...retiring].map(({ pool }) => pool)];
      pools.clear();
      await Promise.all(all.map((pool) => pool.close()));
    },
  };
}

function sharedWarning({ reason }: Isolation): string {
  return `functions share /tmp with each other, so each runs one call at a time: ${reason}`;
}
