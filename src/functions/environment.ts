// One execution environment: an operating-system process of its own, behind a Runtime API of its own.
//
// P1. An environment runs one invocation at a time, and none after its process has ended.
// P2. The function's clock starts when the event is handed out; initialisation has a limit of its own.
// P3. When an invocation is over by time, everything the process has started is dead before the caller is answered.
// P4. Whatever the process does, `run` answers exactly once, and `stop` leaves nothing behind.
// P5. An event goes only to a process that asks for it: one that ends after its last answer costs no later caller anything.
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Clock } from "../ports/clock.ts";
import type { Logs } from "../ports/logs.ts";
import { type Exit, exited, exitText, responseTooLarge, timedOut, timedOutText } from "./error-objects.ts";
import type { FunctionSpec, Invocation, Outcome } from "./function-spec.ts";
import type { Interpreter } from "./interpreters.ts";
import { invocationLog } from "./invocation-log.ts";
import type { Place } from "./isolation.ts";
import { platformLines, type Report } from "./platform-lines.ts";
import { processCommand, processVariables } from "./process-plan.ts";
import { type RuntimeApi, type RuntimeResult, startRuntimeApi } from "./runtime-api.ts";

export interface Environment {
  /** Whether initialisation went well; never rejects. */
  readonly started: Promise<boolean>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly isAlive: boolean;
  /** The process, for people and for tests that kill it. */
  readonly pid: number | undefined;
  /**
   * Answers always: with the result, or with the error object of what went wrong. `notTaken` when the process, after it had
   * answered somebody else, asked for no further event: the function has seen nothing of this one.
   */
  run(invocation: Invocation): Promise<Outcome | typeof notTaken>;
  stop(): Promise<void>;
}

export const notTaken = Symbol("not taken");

export interface EnvironmentOptions {
  spec: FunctionSpec;
  interpreter: Interpreter;
  place: Place;
  logs: Logs;
  clock: Clock;
  /** Endpoint, region, credentials ...: what makes the function's own AWS calls arrive here. */
  extraVariables: Readonly<Record<string, string>>;
  initTimeoutMs: number;
  /** Said in the log once, before anything else. */
  notes: readonly string[];
}

type Ending = { kind: "result"; result: RuntimeResult } | { kind: "exit"; exit: Exit } | { kind: "timeout" };
type Failure = { kind: "init error"; body: Uint8Array } | { kind: "exit"; exit: Exit } | { kind: "timeout" };

/** How long output may still arrive after the process has ended. */
const lastWordsMs = 200;

export function startEnvironment(options: EnvironmentOptions): Environment {
  const { spec, clock, place } = options;
  const platform = platformLines(spec.log, clock);
  const log = invocationLog({
    ...{ logs: options.logs, clock, group: spec.logGroup, version: spec.version, lines: platform },
  });
  const startedAt = clock.now();
  let api: RuntimeApi | undefined;
  let child: ChildProcess | undefined;
  let isAlive = true;
  let failure: Failure | undefined;
  let initMs: number | undefined;
  let maxMemoryKb: number | undefined;
  let finish: ((ending: Ending) => void) | undefined;
  let tellAsking: ((isAsking: boolean) => void) | undefined;
  let settleStart: (isReady: boolean) => void = () => {};
  let settleEnd: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    settleEnd = resolve;
  });
  const started = new Promise<boolean>((resolve) => {
    settleStart = resolve;
  });
  const cancelInitTimer = clock.schedule(options.initTimeoutMs, () => {
    failure ??= { kind: "timeout" };
    kill();
  });

  begin().catch((error: Error) => {
    log.write([`[scones] the process could not be started: ${error.message}`]);
    over({ code: 127 });
  });

  async function begin(): Promise<void> {
    log.write(platform.init({ ...options.interpreter, name: spec.runtime }));
    log.write(options.notes.map((note) => `[scones] ${note}`));
    api = await startRuntimeApi({ ready, result, initError });
    if (!isAlive) return api.close();
    const [command, ...args] = place.wrap(processCommand(spec, options.interpreter, place));
    child = spawn(command!, args, {
      cwd: place.cwd,
      env: processVariables(options, { runtimeApi: api.address, logStream: log.stream }),
      stdio: ["ignore", "pipe", "pipe", place.isWrapped ? "pipe" : "ignore"],
      detached: true, // a process group of its own, so that one signal ends all of it
    });
    child.stdio[3]?.on("error", () => {}); // the lifeline: never written, and broken when the process ends
    log.follow(child.stdout!);
    log.follow(child.stderr!);
    child.on("error", (error) => {
      log.write([`[scones] the process could not be started: ${error.message}`]);
      if (child?.pid === undefined) over({ code: 127 });
    });
    child.on("exit", (code, signal) => {
      const giveUp = clock.schedule(lastWordsMs, () => over(exitOf(code, signal)));
      child?.once("close", () => {
        giveUp();
        over(exitOf(code, signal));
      });
    });
  }

  function ready(): void {
    tellAsking?.(true);
    if (initMs !== undefined) return;
    cancelInitTimer();
    initMs = clock.now() - startedAt;
    settleStart(true);
  }

  function initError(body: Uint8Array): void {
    if (initMs === undefined) failure ??= { kind: "init error", body };
  }

  function result(answer: RuntimeResult): void {
    maxMemoryKb = answer.maxMemoryKb ?? maxMemoryKb;
    // What was printed before the answer was sent lies in the pipe: one turn of the loop brings it.
    setImmediate(() => setImmediate(() => finish?.({ kind: "result", result: answer })));
  }

  function exitOf(code: number | null, signal: NodeJS.Signals | null): Exit {
    if (signal !== null) return { code, signal };
    const names = Object.entries(constants.signals).find(([, number]) => number === (code ?? 0) - 128);
    return place.isWrapped && names ? { code, signal: names[0] } : { code };
  }

  function over(exit: Exit): void {
    if (!isAlive) return;
    isAlive = false;
    cancelInitTimer();
    child?.stdout?.destroy();
    child?.stderr?.destroy();
    api?.close();
    place.remove();
    if (initMs === undefined) failure ??= { kind: "exit", exit };
    settleStart(false);
    finish?.({ kind: "exit", exit });
    tellAsking?.(false);
    settleEnd();
  }

  function kill(): void {
    if (child?.pid === undefined) {
      if (child !== undefined || api !== undefined) over({ code: null, signal: "SIGKILL" });
      return;
    }
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // gone already
    }
  }

  async function run(invocation: Invocation): Promise<Outcome | typeof notTaken> {
    await started;
    if (!isFirst && !(await isAsking())) {
      kill();
      if (isAlive) await ended;
      return notTaken;
    }
    log.start(invocation.requestId, spec.version);
    const handedOutAt = clock.now();
    if (failure !== undefined) return outcomeOfFailure(invocation, failure);
    const ending = isAlive
      ? await ask(invocation, handedOutAt)
      : { kind: "exit" as const, exit: { code: null, signal: "SIGKILL" } };
    if (ending.kind !== "result") {
      kill();
      if (isAlive) await ended;
    }
    return outcome(invocation, ending, clock.now() - handedOutAt);
  }

  /** Waits for the process to come back from its last answer, at most as long as an invocation may take. */
  function isAsking(): boolean | Promise<boolean> {
    if (!isAlive || api?.isAsking) return isAlive;
    return new Promise((resolve) => {
      const cancelTimer = clock.schedule(spec.timeoutMs, () => tellAsking?.(false));
      tellAsking = (answer) => {
        tellAsking = undefined;
        cancelTimer();
        resolve(answer);
      };
    });
  }

  function ask(invocation: Invocation, handedOutAt: number): Promise<Ending> {
    return new Promise((resolve) => {
      const cancelTimer = clock.schedule(spec.timeoutMs, () => finish?.({ kind: "timeout" }));
      finish = (ending) => {
        finish = undefined;
        cancelTimer();
        resolve(ending);
      };
      api!.handOut(invocation, handedOutAt + spec.timeoutMs);
    });
  }

  function outcomeOfFailure(invocation: Invocation, why: Failure): Outcome {
    const { requestId } = invocation;
    if (why.kind === "init error") return close(why.body, { requestId, durationMs: 0, status: "error" });
    return outcome(invocation, why, clock.now() - startedAt);
  }

  function outcome({ requestId }: Invocation, ending: Ending, durationMs: number): Outcome {
    const report = { requestId, durationMs };
    switch (ending.kind) {
      case "timeout":
        log.write(
          platform.failure([`${new Date(clock.now()).toISOString()} ${requestId} ${timedOutText(spec.timeoutMs)}`]),
        );
        return close(timedOut(requestId, spec.timeoutMs), { ...report, durationMs: spec.timeoutMs, status: "timeout" });
      case "exit":
        log.write(platform.failure([`RequestId: ${requestId} Error: ${exitText(ending.exit)}`, "Runtime.ExitError"]));
        return close(exited(requestId, ending.exit), { ...report, status: "error" });
      case "result":
        if (ending.result.kind === "too large") return close(responseTooLarge(), { ...report, status: "error" });
        return close(ending.result.body, report, ending.result.kind === "error");
      default:
        return ending satisfies never;
    }
  }

  function close(
    payload: Uint8Array,
    report: Omit<Report, "memoryMb">,
    isError = report.status !== undefined,
  ): Outcome {
    const logTail = log.end({ ...report, memoryMb: spec.memoryMb, maxMemoryKb, initMs: isFirst ? initMs : undefined });
    isFirst = false;
    return { payload, isError, durationMs: report.durationMs, logTail };
  }
  let isFirst = true;

  return {
    started,
    ended,
    get isAlive() {
      return isAlive;
    },
    get pid() {
      return child?.pid;
    },
    run,
    async stop() {
      if (isAlive) {
        kill();
        if (child === undefined) over({ code: null, signal: "SIGKILL" });
      }
      await ended;
    },
  };
}
