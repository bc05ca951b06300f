import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "../../src/kit/clock.ts";
import { openDatabase } from "../../src/kit/sqlite.ts";
import type { Executions } from "../../src/ports/store.ts";
import { engine } from "../../src/services/states/engine.ts";
import { statesLanguage } from "../../src/services/states/language.ts";
import { outbox } from "../../src/services/states/outbox.ts";
import { type StatusMessage, statusEvent } from "../../src/services/states/status-events.ts";
import { sqliteStore } from "../../src/store/sqlite.ts";
import { readStepLog } from "../../src/store/step-log.ts";

export interface Durable {
  /** A step is one commit that something waits for: the start, and each task's result with what follows from it. */
  stepsPerSecond: number;
  stepsPerExecution: number;
  cpuMsPerExecution: number;
  count: number;
}

const tasks = 3;
/** The start, with what it asks for, and the end of each task, with what follows from it. */
const stepsPerExecution = tasks + 1;
const definition = JSON.stringify({
  StartAt: "Task0",
  States: Object.fromEntries(
    Array.from({ length: tasks }, (_, n) => [
      `Task${n}`,
      {
        Type: "Task",
        Resource: "arn:aws:lambda:us-east-1:000000000000:function:trivial",
        ...(n === tasks - 1 ? { End: true } : { Next: `Task${n + 1}` }),
      },
    ]),
  ),
});
const input = { bucket: "scones", key: "images/bicycle.png", size: 2_907 };

/** The engine, the language, the store and the outbox as the service puts them together; only the tasks do nothing. */
export async function durableEngine() {
  const folder = mkdtempSync(join(tmpdir(), "scones-bench-"));
  const clock = systemClock();
  const store = sqliteStore({ file: join(folder, "bench.sqlite"), clock });
  let commits = 0;
  const executions: Executions = {
    ...store.executions,
    start: (execution) => {
      commits += 1;
      return store.executions.start(execution);
    },
    append: (commit) => {
      commits += 1;
      return store.executions.append(commit);
    },
  };
  const onError = (error: unknown): never => {
    throw error;
  };
  const tell = async (message: StatusMessage): Promise<void> => void statusEvent(executions, message);
  const announcer = outbox<StatusMessage>({ executions, clock, tell, onError });
  const running = engine({
    executions,
    clock,
    kernel: statesLanguage,
    runTask: async (task) => task.parameters,
    messagesOf: (change) => [{ kind: "status", eventId: clock.uuid(), ...change }],
    onMessages: () => announcer.wake(),
    onError,
  });

  async function one(): Promise<void> {
    const name = clock.uuid();
    const record = await running.startAndWait({
      id: name,
      machine: "bench",
      type: "STANDARD",
      definition: { hash: "bench", text: definition },
      inputText: JSON.stringify(input),
      input,
      startedMs: clock.now(),
      details: { type: "STANDARD", name, arn: name, machineArn: "bench", machineName: "bench" },
      context: {
        executionArn: name,
        executionName: name,
        roleArn: "role",
        startTime: new Date(clock.now()).toISOString(),
        stateMachineArn: "bench",
        stateMachineName: "bench",
        region: "us-east-1",
      },
    });
    if (record.status !== "SUCCEEDED") throw new Error(`an execution ended ${record.status}: ${record.cause}`);
  }

  return {
    logFile: join(folder, "bench.sqlite.steps"),
    async run(inFlight: number, durationMs: number): Promise<Durable> {
      commits = 0;
      const cpuBefore = process.cpuUsage();
      const { count, seconds } = await keepInFlight(inFlight, durationMs, one);
      const { user, system } = process.cpuUsage(cpuBefore);
      return {
        stepsPerSecond: commits / seconds,
        stepsPerExecution: commits / count,
        count,
        cpuMsPerExecution: (user + system) / 1000 / count,
      };
    },
    async close(): Promise<void> {
      await running.close();
      await announcer.close();
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What one step of the engine writes before it is durable: events, continuation or what changed in it, messages. */
export async function bytesOfStep(): Promise<number> {
  const engine = await durableEngine();
  const { count } = await engine.run(1, 100);
  const lines = [...readStepLog(engine.logFile, 1)];
  await engine.close();
  const bytes = lines.reduce((sum, { line }) => sum + Buffer.byteLength(line) + 1, 0);
  return Math.round(bytes / (count * stepsPerExecution));
}

/** The raw commit: what the disk gives to a program that only writes as many bytes, and waits until they are durable. */
export function durableControls(bytesPerStep: number) {
  const record = Buffer.alloc(bytesPerStep, "x");
  const folder = mkdtempSync(join(tmpdir(), "scones-bench-"));
  const database = openDatabase(join(folder, "control.sqlite"), { isExclusive: true });
  database.exec("PRAGMA wal_autocheckpoint=4000; CREATE TABLE steps (id INTEGER PRIMARY KEY, body BLOB)");
  const insert = database.prepare("INSERT INTO steps (body) VALUES (?)");
  const file = openSync(join(folder, "control.log"), "a");
  const sync = promisify(fdatasync);
  const inSqlite = grouped(async (size) =>
    database.transaction(() => {
      for (let n = 0; n < size; n++) insert.run(record);
    }),
  );
  const inLog = grouped(async (size) => {
    writeSync(file, Buffer.concat(Array.from({ length: size }, () => record)));
    await sync(file);
  });
  const rate = async (inFlight: number, durationMs: number, commit: () => Promise<void>): Promise<number> => {
    const { count, seconds } = await keepInFlight(inFlight, durationMs, commit);
    return count / seconds;
  };
  return {
    sqlite: (inFlight: number, durationMs: number) => rate(inFlight, durationMs, inSqlite),
    log: (inFlight: number, durationMs: number) => rate(inFlight, durationMs, inLog),
    close(): void {
      database.close();
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Those who ask while a write is under way share the next one. */
function grouped(write: (size: number) => Promise<void>): () => Promise<void> {
  let waiting: (() => void)[] = [];
  let isScheduled = false;
  const flush = async (): Promise<void> => {
    const batch = waiting;
    waiting = [];
    await write(batch.length);
    for (const resolve of batch) resolve();
    isScheduled = waiting.length > 0;
    if (isScheduled) setImmediate(flush);
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(flush);
    });
}

async function keepInFlight(inFlight: number, durationMs: number, work: () => Promise<void>) {
  let count = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() - startedAt < durationMs) {
        await work();
        count += 1;
      }
    }),
  );
  return { count, seconds: (performance.now() - startedAt) / 1000 };
}
