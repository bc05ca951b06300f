import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../kit/json.ts";
import { compile } from "./compile.ts";
import type { Effect } from "./contract.ts";
import { pendingEffects } from "./pending.ts";
import { begin, idsOf, machineOf, task, tell, typesOf } from "./step-by-step.ts";

/* How executions end, go on after their end, and what ends them. */

test("a stopped execution cancels what is open, tells why, and ends once", () => {
  const machine = machineOf({ T: { ...task, TimeoutSeconds: 5, End: true } });
  const started = begin(machine);
  const stopped = tell(machine, started.execution, { type: "stop", error: "E", cause: "c" });
  assert.deepEqual(
    stopped.events.map(({ type, previousEventId, details }) => ({ type, previousEventId, details })),
    [{ type: "ExecutionAborted", previousEventId: 0, details: { error: "E", cause: "c" } }],
  );
  assert.deepEqual(stopped.effects, [
    { type: "cancel", id: "T:1!timeout" },
    { type: "cancel", id: "T:1" },
    { type: "end" },
  ]);
  assert.equal(stopped.execution.status, "ABORTED");
  assert.deepEqual(tell(machine, stopped.execution, { type: "stop", error: undefined, cause: undefined }).events, []);
});

test("a redriven execution goes on where it failed and keeps what succeeded", () => {
  const machine = machineOf({
    M: {
      Type: "Map",
      MaxConcurrency: 2,
      ItemProcessor: { StartAt: "T", States: { T: { ...task, End: true } } },
      End: true,
    },
  });
  let step = begin(machine, ["a", "b", "c", "d"]);
  const [first, second] = idsOf(step.effects, "task") as [string, string];
  step = tell(machine, step.execution, { type: "taskSucceeded", effectId: first, output: "A" });
  step = tell(machine, step.execution, { type: "taskFailed", effectId: second, error: "E", cause: undefined });
  assert.equal(step.execution.status, "FAILED");
  const lastId = step.execution.nextEventId - 1;
  step = tell(machine, JSON.parse(JSON.stringify(step.execution)), { type: "redrive" });
  assert.deepEqual(step.events.map(({ type }) => type).slice(0, 2), ["ExecutionRedriven", "TaskScheduled"]);
  assert.equal(step.events[0]?.previousEventId, lastId);
  assert.ok(!typesOf(step).includes("TaskStateEntered"));
  let open = idsOf(pendingEffects(step.execution), "task");
  while (open.length > 0) {
    const parameters = pendingEffects(step.execution).find(
      (effect) => effect.type === "task" && effect.id === open[0],
    ) as { parameters: string };
    step = tell(machine, step.execution, {
      type: "taskSucceeded",
      effectId: open[0],
      output: parameters.parameters.toUpperCase(),
    });
    open = idsOf(pendingEffects(step.execution), "task");
  }
  assert.deepEqual(step.execution.output, ["A", "B", "C", "D"]);
});

test("an aborted execution can be redriven too", () => {
  const machine = machineOf({
    W: { Type: "Wait", Seconds: 5, Next: "P" },
    P: { Type: "Pass", Parameters: { "n.$": "$$.Execution.RedriveCount" }, End: true },
  });
  const stopped = tell(machine, begin(machine).execution, { type: "stop", error: undefined, cause: undefined });
  const redriven = tell(machine, stopped.execution, { type: "redrive", atMs: 9_000 });
  assert.deepEqual(redriven.effects, [{ type: "timer", id: "W:2!wait", dueMs: 14_000 }]);
  const ended = tell(machine, redriven.execution, { type: "timerFired", effectId: "W:2!wait", atMs: 14_000 });
  assert.deepEqual(ended.execution.output, { n: 1 });
});

test("an execution that succeeded is not redriven", () => {
  const machine = machineOf({ S: { Type: "Succeed" } });
  const ended = begin(machine);
  assert.deepEqual(tell(machine, ended.execution, { type: "redrive" }).events, []);
});

test("event 25,000 is ExecutionFailed, and an endless loop ends there", () => {
  const never = { Variable: "$$.Execution.Id", IsNull: true, Next: "End" };
  const machine = machineOf({
    A: { Type: "Pass", Next: "B" },
    B: { Type: "Choice", Choices: [never], Default: "A" },
    End: { Type: "Succeed" },
  });
  const { events, execution, effects } = begin(machine);
  const last = events.at(-1);
  assert.deepEqual(
    [events.length, last?.id, last?.type, last?.previousEventId],
    [25_000, 25_000, "ExecutionFailed", 24_999],
  );
  assert.deepEqual([execution.status, effects], ["FAILED", [{ type: "end" }]]);
});

test("a task's answer above 262,144 bytes is its failure, which Catch may handle", () => {
  const machine = machineOf({
    T: { ...task, Catch: [{ ErrorEquals: ["States.ALL"], Next: "C" }], End: true },
    C: { Type: "Succeed" },
  });
  const ended = tell(machine, begin(machine).execution, {
    type: "taskSucceeded",
    effectId: "T:1",
    output: "é".repeat(140_000),
  });
  assert.deepEqual(typesOf(ended).slice(0, 3), ["TaskStarted", "TaskFailed", "TaskStateExited"]);
  assert.equal((ended.execution.output as { Error: string }).Error, "States.DataLimitExceeded");
});

test("a state's output above 262,144 bytes fails the execution", () => {
  const machine = machineOf({ P: { Type: "Pass", Parameters: { "a.$": "$", "b.$": "$" }, End: true } });
  const { execution } = begin(machine, "x".repeat(200_000));
  assert.deepEqual([execution.status, execution.error], ["FAILED", "States.DataLimitExceeded"]);
});

test("a distributed Map hands its items to the engine and takes the outcome back", () => {
  const machine = machineOf({
    M: {
      Type: "Map",
      Label: "Rows",
      ItemsPath: "$.rows",
      ItemSelector: { "row.$": "$$.Map.Item.Value" },
      MaxConcurrency: 7,
      ToleratedFailurePercentage: 5,
      ItemProcessor: {
        ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "EXPRESS" },
        StartAt: "P",
        States: { P: { Type: "Pass", End: true } },
      },
      End: true,
    },
  });
  const started = begin(machine, { rows: [1, 2] });
  const effect = started.effects[0] as Effect & { type: "mapRun" };
  const state = effect.state as { [name: string]: Json };
  assert.match(
    state["mapRunArn"] as string,
    /^arn:aws:states:us-east-1:111111111111:mapRun:machine\/Rows:[0-9a-f-]{36}$/,
  );
  assert.deepEqual(
    [state["items"], state["maxConcurrency"], state["executionType"], state["toleratedFailurePercentage"]],
    [[{ row: 1 }, { row: 2 }], 7, "EXPRESS", 5],
  );
  compile(state["definition"] as Json);
  const outcome = { status: "SUCCEEDED", output: [1, 2], mapRunArn: state["mapRunArn"] };
  const ended = tell(machine, started.execution, { type: "mapRunEnded", effectId: effect.id, outcome });
  assert.deepEqual(typesOf(ended), ["MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"]);
});

test("a reader's path twins are read before the engine sees them", () => {
  const machine = machineOf({
    M: {
      Type: "Map",
      ItemReader: {
        Resource: "arn:aws:states:::s3:getObject",
        ReaderConfig: { InputType: "JSON", MaxItemsPath: "$.n" },
        Parameters: { "Bucket.$": "$.b" },
      },
      ItemProcessor: {
        ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
        StartAt: "P",
        States: { P: { Type: "Succeed" } },
      },
      End: true,
    },
  });
  const effect = begin(machine, { n: 3, b: "bucket" }).effects[0] as Effect & { type: "mapRun" };
  assert.deepEqual((effect.state as { [name: string]: Json })["itemReader"], {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "JSON", MaxItems: 3 },
    Parameters: { Bucket: "bucket" },
  });
});

test("data nested beyond what can be written fails the state, not the process", () => {
  const machine = machineOf({ T: { ...task, Next: "P" }, P: { Type: "Pass", OutputPath: "$..x", End: true } });
  const deep = JSON.parse(`${"[".repeat(60_000)}${"]".repeat(60_000)}`) as Json;
  const { execution } = tell(machine, begin(machine).execution, {
    type: "taskSucceeded",
    effectId: "T:1",
    output: deep,
  });
  assert.deepEqual([execution.status, execution.error], ["FAILED", "States.Runtime"]);
});

test("a hostile regular expression in a path fails the state", () => {
  const machine = machineOf({ P: { Type: "Pass", OutputPath: "$[?(@ =~ /(a+)+b/)]", End: true } });
  const { execution } = begin(machine, [`${"a".repeat(60)}!`]);
  assert.deepEqual([execution.status, execution.error], ["FAILED", "States.Runtime"]);
});

test("a failure deep inside ends every branch and iteration around it, and a catcher there goes on", () => {
  const failing = { StartAt: "F", States: { F: { ...task, End: true } } };
  const waiting = { StartAt: "W", States: { W: { Type: "Wait", Seconds: 9, End: true } } };
  const machine = machineOf({
    M: {
      Type: "Map",
      ItemProcessor: { StartAt: "P", States: { P: { Type: "Parallel", Branches: [failing, waiting], End: true } } },
      Catch: [{ ErrorEquals: ["E"], Next: "S" }],
      End: true,
    },
    S: { Type: "Succeed" },
  });
  const started = begin(machine, [1, 2]);
  const [first] = idsOf(started.effects, "task") as [string];
  const ended = tell(machine, started.execution, { type: "taskFailed", effectId: first, error: "E", cause: "c" });
  assert.deepEqual([ended.execution.status, ended.execution.output], ["SUCCEEDED", { Error: "E", Cause: "c" }]);
  assert.deepEqual(
    typesOf(ended).filter((type) => type.startsWith("Map") || type.startsWith("Parallel")),
    ["ParallelStateFailed", "MapIterationFailed", "MapIterationAborted", "MapStateFailed", "MapStateExited"],
  );
  const cancelled = new Set(idsOf(ended.effects, "cancel"));
  assert.ok(idsOf(started.effects, "timer").every((id) => cancelled.has(id)));
  assert.ok(
    idsOf(started.effects, "task")
      .filter((id) => id !== first)
      .every((id) => cancelled.has(id)),
  );
});

test("an execution's limit is cancelled when it ends, and asked for again by a redrive", () => {
  const machine = machineOf({ F: { Type: "Fail" } }, { TimeoutSeconds: 60 });
  const ended = begin(machine);
  assert.deepEqual(ended.effects, [{ type: "cancel", id: "!execution" }, { type: "end" }]);
  const redriven = tell(machine, ended.execution, { type: "redrive", atMs: 5_000 });
  assert.deepEqual(typesOf(redriven), ["ExecutionRedriven", "ExecutionFailed"]);
});
