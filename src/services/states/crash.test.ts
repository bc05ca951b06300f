import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { HistoryEvent } from "../../asl/contract.ts";
import { systemClock } from "../../kit/clock.ts";
import { openDatabase } from "../../kit/sqlite.ts";
import type { Executions } from "../../ports/store.ts";
import { sqliteStore } from "../../store/sqlite.ts";
import { statesService } from "./states-service.ts";

/*
 * Kills a server that runs executions, again and again, and looks at what is left. This file is both: the test, and with
 * arguments the program that is killed. That one writes down, in files that outlive it, which starts were answered and
 * which tasks began; a task's result is known to be committed once the task after it has begun.
 */

/** Where the program ends itself, at the so-manieth time it comes by. */
const points = [
  "before a start is committed",
  "after a start is committed",
  "when a task has begun",
  "when a task has ended",
  "before a result is committed",
  "after a result is committed",
  "before an event is announced",
  "after an event is announced",
] as const;
type Point = (typeof points)[number];

const arn = "arn:aws:states:us-east-1:000000000000";
const role = "arn:aws:iam::000000000000:role/r";
const steps = ["one", "two", "three"];
/** SCONES_CRASH_EXECUTIONS=5000 puts more of them to the test, with as many kills. */
const executionCount = Number(process.env["SCONES_CRASH_EXECUTIONS"] ?? 500);

if (process.argv[2] === "program") {
  const [, , , folder = "", count = "0", point] = process.argv;
  await program(folder, { count: Number(count), point: point as Point | undefined });
} else {
  test("killed at any named point, nothing answered is lost and nothing completed runs again", {
    timeout: 60_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "scones-crash-"));
    for (const [index, point] of points.entries()) {
      const ended = await run({ folder, count: (index + 1) * 20, point });
      assert.equal(ended, "SIGKILL", `the program did not die ${point}`);
    }
    assert.equal(await run({ folder, count: points.length * 20 }), 0);
    inspect(folder, points.length * 20);
    rmSync(folder, { recursive: true });
  });

  test("killed at random under load, nothing answered is lost and nothing completed runs again", {
    timeout: 600_000,
  }, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "scones-crash-"));
    for (const tasks of [30, 290, 45, 350, 170, 20]) {
      const afterTasks = Math.ceil((tasks * executionCount) / 500);
      assert.equal(await run({ folder, count: executionCount, afterTasks }), "SIGKILL");
    }
    assert.equal(await run({ folder, count: executionCount }), 0);
    const { histories, events, begun, again } = inspect(folder, executionCount);
    const seen = `${histories} histories of ${events} events, ${begun} tasks begun, ${again} of them again`;
    context.diagnostic(`6 kills, ${executionCount} executions: none lost, ${seen}`);
    rmSync(folder, { recursive: true });
  });

  test("on a disk that takes no more a server refuses, and goes on where there is room again", {
    timeout: 60_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "scones-crash-"));
    assert.equal(await run({ folder, count: 1_500, isFull: true }), "SIGKILL");
    assert.ok(linesOf(folder, "answered").length > 100, "it refused everything");
    assert.equal(await run({ folder, count: 1_500 }), 0);
    inspect(folder, 1_500);
    rmSync(folder, { recursive: true });
  });
}

/** Runs the program until it ends, or kills it when it has begun so many tasks, or a while after the disk refused. */
function run(options: {
  folder: string;
  count: number;
  point?: Point;
  afterTasks?: number;
  isFull?: boolean;
}): Promise<number | string> {
  const { folder, count, point, afterTasks = Number.POSITIVE_INFINITY, isFull = false } = options;
  const self = fileURLToPath(import.meta.url);
  const program = [process.execPath, self, "program", folder, String(count), ...(point ? [point] : [])];
  // No file of the program may grow beyond 2 MiB: writing then fails as on a full disk.
  const limited = ["bash", "-c", `trap "" XFSZ; ulimit -f 2048; exec "$@"`, "bash", ...program];
  const [command = "", ...args] = isFull ? limited : program;
  const child = spawn(command, args, { stdio: ["ignore", "pipe", isFull ? "ignore" : "inherit"] });
  let begun = 0;
  child.stdout.on("data", (data: Buffer) => {
    begun += data.toString().split(".").length - 1;
    if (begun >= afterTasks) child.kill("SIGKILL");
    if (data.includes("refused")) setTimeout(() => child.kill("SIGKILL"), 300);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(signal ?? code ?? "ended"));
  });
}

function inspect(folder: string, count: number) {
  const answered = new Set(linesOf(folder, "answered"));
  assert.equal(answered.size, count);
  const file = join(folder, "scones.db");
  const store = sqliteStore({ file, clock: systemClock() });
  let events = 0;
  try {
    for (const name of answered) {
      const id = `${machineOf(name)}:${name}`;
      assert.equal(store.executions.describe(id)?.status, "SUCCEEDED", name);
      events += assertGapless(store.executions, id);
    }
    assert.deepEqual(store.executions.running({ limit: 1 }), []);
    assert.deepEqual(store.executions.outbox(1), []);
  } finally {
    store.close();
  }
  const database = openDatabase(file);
  assert.equal(database.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
  database.close();
  const announced = new Set(linesOf(folder, "announced"));
  for (const name of answered) {
    assert.ok(announced.has(`${name} RUNNING`) && announced.has(`${name} SUCCEEDED`), `${name} was not announced`);
  }
  return { histories: answered.size, events, ...assertNoneAgain(linesOf(folder, "begun")) };
}

function assertGapless(executions: Executions, id: string): number {
  const events = executions.history<HistoryEvent>(id, { limit: 10_000 });
  assert.deepEqual(
    events.map((event) => event.id),
    events.map((_event, index) => index + 1),
  );
  assert.ok(
    events.every((event) => event.previousEventId < event.id),
    `an event of ${id} points at a later one`,
  );
  const expected = id.startsWith("fan-out:") ? 20 : steps.length;
  assert.equal(events.filter(({ type }) => type === "TaskSucceeded").length, expected, id);
  return events.length;
}

/** E2: once a step has begun, those before it were committed, and none of them may begin again. */
function assertNoneAgain(all: string[]): { begun: number; again: number } {
  const begun = all.filter((line) => !line.endsWith(" item")); // Items of a fan-out all have one name.
  const furthest = new Map<string, number>();
  let checked = 0;
  // Some were interrupted and ran again: otherwise nothing was put to the test.
  assert.ok(new Set(begun).size < begun.length, "no task was interrupted");
  for (const line of begun) {
    const [name = "", step = ""] = line.split(" ");
    const index = steps.indexOf(step);
    checked += 1;
    assert.ok(index >= (furthest.get(name) ?? 0), `${line} began again after it was completed`);
    furthest.set(name, index);
  }
  assert.ok(checked > 100, `only ${checked} tasks were seen`);
  return { begun: all.length, again: begun.length - new Set(begun).size };
}

function linesOf(folder: string, file: string): string[] {
  const path = join(folder, file);
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
}

/** Every tenth execution fans out; every tenth waits in between. */
function machineOf(name: string): string {
  const number = Number(name.slice(1));
  return number % 10 === 0 ? "fan-out" : number % 10 === 5 ? "waiting" : "chain";
}

async function program(folder: string, { count, point }: { count: number; point: Point | undefined }): Promise<void> {
  const keepAlive = setInterval(() => {}, 1_000); // The clock's timers do not.
  let passes = 0;
  const pass = (here: Point): void => {
    // Not at the first time: there shall be something to lose.
    if (here === point && ++passes === 15) process.kill(process.pid, "SIGKILL");
  };
  const note = (file: string, line: string) => appendFileSync(join(folder, file), `${line}\n`);
  const clock = systemClock();
  const store = sqliteStore({ file: join(folder, "scones.db"), clock });
  const { executions } = store;
  const { service, engine } = statesService({
    clock,
    store: {
      ...store,
      executions: {
        ...executions,
        async start(execution) {
          pass("before a start is committed");
          const outcome = await executions.start(execution);
          pass("after a start is committed");
          return outcome;
        },
        async append(commit) {
          pass("before a result is committed");
          const isTaken = await executions.append(commit);
          pass("after a result is committed");
          return isTaken;
        },
      },
    },
    functions: {
      async invoke(step, payload) {
        const { name } = JSON.parse(String(payload)) as { name: string };
        note("begun", `${name} ${step}`);
        process.stdout.write(".");
        pass("when a task has begun");
        await new Promise((resolve) => setTimeout(resolve, 1 + clock.random() * 4));
        pass("when a task has ended");
        return { payload, executedVersion: "$LATEST", requestId: clock.uuid(), logTail: "" };
      },
    },
    operations: {
      has: () => false,
      call: () => Promise.reject(new Error("there are no operations here")),
    },
    events: {
      async announce({ detail }) {
        pass("before an event is announced");
        note("announced", `${detail["name"]} ${detail["status"]}`);
        pass("after an event is announced");
      },
    },
    onError(error) {
      console.error(error);
    },
  });
  const call = (operation: string, input: object) =>
    service.handlers[operation]?.(input, {
      requestId: "",
      region: "us-east-1",
      accountId: "000000000000",
      baseUrl: "",
      signal: new AbortController().signal,
    });
  for (const [name, definition] of Object.entries(definitions())) {
    await call("CreateStateMachine", { name, definition: JSON.stringify(definition), roleArn: role });
  }
  await engine.recover();

  const answered = new Set(linesOf(folder, "answered"));
  const names = Array.from({ length: count }, (_, index) => `e${index}`).filter((name) => !answered.has(name));
  const start = async (name: string): Promise<void> => {
    const stateMachineArn = `${arn}:stateMachine:${machineOf(name)}`;
    try {
      await call("StartExecution", { stateMachineArn, name, input: JSON.stringify({ name }) });
    } catch (error) {
      // A start whose answer was lost: the execution was there, and has ended meanwhile.
      if ((error as { code?: string }).code !== "ExecutionAlreadyExists") {
        process.stdout.write("refused\n");
        names.push(name);
        return;
      }
    }
    note("answered", name);
  };
  while (names.length > 0) {
    await Promise.all(names.splice(0, 20).map(start));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  while (executions.running({ limit: 1 }).length > 0 || executions.outbox(1).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await engine.close();
  store.close();
  clearInterval(keepAlive);
}

function definitions() {
  const task = (name: string, next: object) => ({
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Parameters: { FunctionName: name, "Payload.$": "$" },
    OutputPath: "$.Payload",
    ...next,
  });
  const [one, two, three] = [
    task("one", { Next: "two" }),
    task("two", { Next: "three" }),
    task("three", { End: true }),
  ];
  const item = { StartAt: "item", States: { item: task("item", { End: true }) } };
  const all = {
    Type: "Map",
    ItemsPath: "States.ArrayRange(1, 20, 1)",
    ItemSelector: { "name.$": "$.name" },
    ItemProcessor: item,
    End: true,
  };
  return {
    chain: { StartAt: "one", States: { one, two, three } },
    waiting: {
      StartAt: "one",
      States: { one, two: { ...two, Next: "wait" }, wait: { Type: "Wait", Seconds: 1, Next: "three" }, three },
    },
    "fan-out": {
      StartAt: "items",
      States: {
        items: {
          Type: "Pass",
          Parameters: { "name.$": "$.name", "list.$": "States.ArrayRange(1, 20, 1)" },
          Next: "all",
        },
        all: { ...all, ItemsPath: "$.list" },
      },
    },
  };
}
