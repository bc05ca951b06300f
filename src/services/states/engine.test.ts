import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryExecutions } from "../../ports/memory-executions.ts";
import type { ExecutionCommit, Executions } from "../../ports/store.ts";
import { testClock } from "../../ports/test-clock.ts";
import { engine } from "./engine.ts";
import type { EngineOptions, StartRequest } from "./engine-contract.ts";
import { comesLater, TaskFailure, type TaskRunner } from "./task-pool.ts";
import { scriptedKernel } from "./testing/scripted-kernel.ts";

test("an execution runs its tasks in order and ends", async () => {
  const ran: string[] = [];
  const { engine, executions } = setUp({ runTask: async ({ resource }) => ran.push(resource) });
  await engine.start(request("a", ["one", "two"]));
  const record = await engine.whenEnded("a");
  assert.deepEqual([record?.status, record?.output, ran], ["SUCCEEDED", '"done"', ["one", "two"]]);
  assert.deepEqual(idsOf(executions, "a"), [1, 2, 3, 4, 5, 6]);
});

test("an execution without tasks has ended when its start is answered", async () => {
  const { engine } = setUp();
  const { record } = await engine.start(request("a", []));
  assert.equal(record.status, "SUCCEEDED");
});

test("a task is not begun before the commit that holds it", async () => {
  const executions = memoryExecutions();
  const order: string[] = [];
  const slow: Executions = {
    ...executions,
    async start(execution) {
      const outcome = await executions.start(execution);
      await new Promise((resolve) => setImmediate(resolve));
      order.push("committed");
      return outcome;
    },
  };
  const { engine } = setUp({ executions: slow, runTask: async () => order.push("ran") });
  await engine.start(request("a", ["one"]));
  await engine.whenEnded("a");
  assert.deepEqual(order, ["committed", "ran"]);
});

test("a failed task fails the execution with its error and cause", async () => {
  const { engine } = setUp({
    runTask: async () => {
      throw new TaskFailure("TypeError", "no");
    },
  });
  await engine.start(request("a", ["one"]));
  const record = await engine.whenEnded("a");
  assert.deepEqual([record?.status, record?.error, record?.cause], ["FAILED", "TypeError", "no"]);
});

test("starting twice runs once", async () => {
  let runs = 0;
  const { engine } = setUp({ runTask: async () => ++runs });
  const outcomes = await Promise.all([engine.start(request("a", ["one"])), engine.start(request("a", ["one"]))]);
  await engine.whenEnded("a");
  assert.deepEqual([outcomes.map(({ outcome }) => outcome), runs], [["created", "same"], 1]);
});

test("waits of any length pass by the clock alone", async () => {
  const { engine, clock, executions } = setUp();
  await engine.start(request("short", [1_000]));
  await engine.start(request("long", [30 * 86_400_000]));
  await clock.advance(1_000);
  assert.equal(executions.describe("short")?.status, "SUCCEEDED");
  assert.equal(executions.describe("long")?.status, "RUNNING");
  await clock.advance(30 * 86_400_000);
  assert.equal(executions.describe("long")?.status, "SUCCEEDED");
});

test("a stop ends a running execution, aborts its task and is refused afterwards", async () => {
  let signal: AbortSignal | undefined;
  const { engine, executions } = setUp({
    runTask(_task, context) {
      signal = context.signal;
      return untilAborted(signal);
    },
  });
  await engine.start(request("a", ["one"]));
  await turn();
  const stop = { type: "stop" as const, error: "E", cause: "C" };
  assert.equal(await engine.deliver("a", stop), true);
  assert.deepEqual([executions.describe("a")?.status, signal?.aborted], ["ABORTED", true]);
  assert.equal(await engine.deliver("a", stop), false);
});

test("a token opens with its task and closes when it is used", async () => {
  const { engine, executions } = setUp({
    async runTask(_task, { submitted }) {
      await submitted("sent");
      return comesLater;
    },
  });
  await engine.start(request("a", [{ token: "t" }]));
  assert.deepEqual(executions.token("t"), { id: "a", effectId: "step:0", isClosed: false });
  await engine.whenSubmitted("a", "step:0");
  await engine.deliver("a", { type: "taskSucceeded", effectId: "step:0", output: 1 });
  assert.equal(executions.token("t")?.isClosed, true);
  assert.equal(executions.describe("a")?.status, "SUCCEEDED");
});

test("never more tasks run at once than allowed", async () => {
  let atOnce = 0;
  let most = 0;
  const { engine } = setUp({
    maxConcurrentTasks: 3,
    async runTask() {
      most = Math.max(most, ++atOnce);
      await turn();
      atOnce -= 1;
      return null;
    },
  });
  const names = Array.from({ length: 20 }, (_, index) => `e${index}`);
  await Promise.all(names.map((name) => engine.start(request(name, ["one", "two"]))));
  await Promise.all(names.map((name) => engine.whenEnded(name)));
  assert.equal(most, 3);
});

test("after a restart running tasks run again, waits go on, and completed tasks do not run", async () => {
  const executions = memoryExecutions();
  const ran: string[] = [];
  const first = setUp({
    executions,
    runTask: ({ resource }, { signal }) => (resource === "slow" ? untilAborted(signal) : Promise.resolve(null)),
  });
  await first.engine.start(request("task", ["quick", "slow", "last"]));
  await first.engine.start(request("wait", [5_000]));
  await turn();
  await first.engine.close();

  const second = setUp({
    executions,
    clock: first.clock,
    runTask: async ({ resource }) => ran.push(resource),
  });
  assert.equal(await second.engine.recover(), 1); // The other only waits.
  await second.engine.whenEnded("task");
  await second.clock.advance(5_000);
  assert.deepEqual(ran, ["slow", "last"]);
  assert.equal(executions.describe("wait")?.status, "SUCCEEDED");
  assert.deepEqual(idsOf(executions, "task"), [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("a result that the disk refuses is kept and written later, without running the task again", async () => {
  const executions = memoryExecutions();
  let refusals = 2;
  let runs = 0;
  const full: Executions = {
    ...executions,
    append: (commit: ExecutionCommit) =>
      refusals-- > 0 ? Promise.reject(new Error("database or disk is full")) : executions.append(commit),
  };
  const { engine, clock } = setUp({ executions: full, runTask: async () => ++runs });
  await engine.start(request("a", ["one"]));
  await clock.advanceUntil(() => executions.describe("a")?.status === "SUCCEEDED");
  assert.equal(runs, 1);
});

test("of an execution that ended, one that may be redriven goes on", async () => {
  let isBroken = true;
  const { engine, executions } = setUp({
    async runTask() {
      if (isBroken) throw new TaskFailure("E", "C");
      return null;
    },
  });
  await engine.start(request("a", ["one"]));
  await engine.whenEnded("a");
  isBroken = false;
  assert.equal(await engine.deliver("a", { type: "redrive" }), true);
  const record = await engine.whenEnded("a");
  assert.deepEqual([record?.status, record?.redriveCount, record?.error], ["SUCCEEDED", 1, undefined]);
  assert.equal(executions.history("a", { limit: 99 }).length, 7);
});

test("messages are told of in the order of what happened", async () => {
  const executions = memoryExecutions();
  const { engine } = setUp({ executions, messagesOf: ({ id, status }) => [{ id, status }] });
  await engine.start(request("a", ["one"]));
  await engine.whenEnded("a");
  assert.deepEqual(
    executions.outbox(9).map(({ message }) => message),
    [
      { id: "a", status: "RUNNING" },
      { id: "a", status: "SUCCEEDED" },
    ],
  );
});

function setUp(options: Partial<EngineOptions> & { clock?: ReturnType<typeof testClock> } = {}) {
  const clock = options.clock ?? testClock();
  const executions = options.executions ?? memoryExecutions();
  const runTask: TaskRunner = async () => null;
  return { clock, executions, engine: engine({ runTask, kernel: scriptedKernel, ...options, clock, executions }) };
}

function request(id: string, script: unknown[]): StartRequest {
  const text = JSON.stringify(script);
  return {
    id,
    machine: "m",
    type: "STANDARD",
    definition: { hash: text, text },
    inputText: "{}",
    input: {},
    context: {
      executionArn: id,
      executionName: id,
      roleArn: "role",
      startTime: "",
      stateMachineArn: "m",
      stateMachineName: "m",
      region: "us-east-1",
    },
    startedMs: Date.UTC(2026, 0, 1),
    details: {},
  };
}

function idsOf(executions: Executions, id: string): number[] {
  return executions.history(id, { limit: 1_000 }).map((event) => event.id);
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

async function turn(): Promise<void> {
  for (let count = 0; count < 3; count++) await new Promise((resolve) => setImmediate(resolve));
}
