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
import { sqliteStore } from "../../src/store/sqlite.ts";

export interface Durable {
  /** A step is one commit that something waits for: the start, and each task's result with what follows from it. */
  stepsPerSecond: number;
  stepsPerExecution: number;
  cpuMsPerExecution: number;
}

const tasks = 3;
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
  const announcer = outbox({ executions, clock, tell: async () => {}, onError });
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
    async run(inFlight: number, durationMs: number): Promise<Durable> {
      commits = 0;
      const cpuBefore = process.cpuUsage();
      const { count, seconds } = await keepInFlight(inFlight, durationMs, one);
      const { user, system } = process.cpuUsage(cpuBefore);
      return {
        stepsPerSecond: commits / seconds,
        stepsPerExecution: commits / count,
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

/** About what one step of the engine writes: a continuation, three history events, indexes. */
const record = Buffer.alloc(1_500, "x");

/** What the disk gives to a program that only writes such records, as many at a time, and waits until they are durable. */
export function durableControls() {
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
