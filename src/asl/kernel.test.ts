import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../kit/json.ts";
import { advance } from "./advance.ts";
import { compile } from "./compile.ts";
import type { Effect, Execution, KernelInput, Step } from "./contract.ts";
import { runExecution, testContext } from "./driver-in-memory.ts";
import type { Machine } from "./machine.ts";
import { pendingEffects } from "./pending.ts";

const invoke = "arn:aws:states:::lambda:invoke";
const task = { Type: "Task", Resource: invoke };

function machineOf(states: { [name: string]: Json }, more: { [name: string]: Json } = {}): Machine {
  return compile({ ...more, StartAt: Object.keys(states)[0] as string, States: states });
}

function tell(machine: Machine, execution: Execution | undefined, input: Record<string, unknown>): Step {
  const step = advance(machine, execution, { atMs: 1_000, seed: "seed", ...input } as KernelInput);
  assert.ok(!(step instanceof Promise), "a JSONPath machine answers at once");
  return step;
}

const begin = (machine: Machine, input: Json = {}) =>
  tell(machine, undefined, { type: "start", input, context: testContext });
const idsOf = (effects: Effect[], type: Effect["type"]) =>
  effects.filter((effect) => effect.type === type).map((effect) => ("id" in effect ? effect.id : ""));
const typesOf = (step: Step) => step.events.map(({ type }) => type);

function frozen<T>(value: T): T {
  if (value !== null && typeof value === "object") {
    for (const member of Object.values(value)) frozen(member);
    Object.freeze(value);
  }
  return value;
}

test("a step changes nothing of the execution it was given and comes out the same again", () => {
  const machine = machineOf({
    M: {
      Type: "Map",
      ItemProcessor: {
        StartAt: "T",
        States: { T: { ...task, Retry: [{ ErrorEquals: ["E"], JitterStrategy: "FULL" }], End: true } },
      },
      End: true,
    },
  });
  const before = frozen(begin(machine, [1, 2, 3]).execution);
  const [first, second] = idsOf(pendingEffects(before), "task") as [string, string];
  const failed = tell(machine, before, { type: "taskFailed", effectId: first, error: "E", cause: undefined });
  const again = tell(machine, before, { type: "taskFailed", effectId: first, error: "E", cause: undefined });
  assert.deepEqual(again, failed);
  const after = frozen(failed.execution);
  tell(machine, after, { type: "taskSucceeded", effectId: second, output: 1 });
  assert.equal(typesOf(failed).at(-1), "TaskFailed");
});

test("an execution is plain JSON: writing and reading it loses nothing", () => {
  const machine = machineOf({ T: { ...task, TimeoutSeconds: 5, End: true } });
  const { execution } = begin(machine, { a: [1, null, "x"] });
  assert.deepEqual(JSON.parse(JSON.stringify(execution)), execution);
});

test("after a restart the pending effects are the same as before, with the same ids", () => {
  const machine = machineOf({
    P: {
      Type: "Parallel",
      Branches: [
        { StartAt: "T", States: { T: { ...task, TimeoutSeconds: 5, HeartbeatSeconds: 2, End: true } } },
        { StartAt: "W", States: { W: { Type: "Wait", Seconds: 9, End: true } } },
        {
          StartAt: "K",
          States: {
            K: {
              Type: "Task",
              Resource: `${invoke}.waitForTaskToken`,
              Parameters: { "t.$": "$$.Task.Token" },
              End: true,
            },
          },
        },
      ],
      End: true,
    },
  });
  const { execution, effects } = begin(machine);
  assert.deepEqual(pendingEffects(JSON.parse(JSON.stringify(execution)) as Execution), effects);
  assert.equal(effects.length, 5);
});

test("ids of effects tell their place and never meet, whatever the states are called", () => {
  const branch = (name: string) => ({ StartAt: name, States: { [name]: { ...task, End: true } } });
  const machine = machineOf({
    "A:1#0/B": { Type: "Parallel", Branches: [branch("A:1"), branch("B!timeout")], End: true },
  });
  const ids = idsOf(begin(machine).effects, "task");
  assert.deepEqual(ids, ["A%3A1%230%2FB:1#0/A%3A1:1", "A%3A1%230%2FB:1#1/B%21timeout:1"]);
});

test("a visit of the same state later has another effect id", () => {
  const machine = machineOf({
    T: { ...task, Next: "T2" },
    T2: { Type: "Choice", Choices: [{ Variable: "$", NumericEquals: 1, Next: "T" }], Default: "S" },
    S: { Type: "Succeed" },
  });
  const first = begin(machine, 0);
  const [id] = idsOf(first.effects, "task") as [string];
  const second = tell(machine, first.execution, { type: "taskSucceeded", effectId: id, output: 1 });
  assert.notEqual(idsOf(second.effects, "task")[0], id);
});

test("an answer that comes twice or too late changes nothing", () => {
  const machine = machineOf({ T: { ...task, Next: "U" }, U: { ...task, End: true } });
  const first = begin(machine);
  const answer = { type: "taskSucceeded", effectId: "T:1", output: 1 };
  const second = tell(machine, first.execution, answer);
  const third = tell(machine, second.execution, answer);
  assert.deepEqual([third.events, third.effects, third.execution], [[], [], second.execution]);
});

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

test("a heartbeat moves its limit on, and the old timer then means nothing", () => {
  const machine = machineOf({
    T: { Type: "Task", Resource: `${invoke}.waitForTaskToken`, HeartbeatSeconds: 10, End: true },
  });
  const started = begin(machine);
  const beaten = tell(machine, started.execution, { type: "heartbeat", effectId: "T:1", atMs: 6_000 });
  assert.deepEqual(beaten.effects, [{ type: "timer", id: "T:1!heartbeat", dueMs: 16_000 }]);
  const early = tell(machine, beaten.execution, { type: "timerFired", effectId: "T:1!heartbeat", atMs: 11_000 });
  assert.deepEqual([early.events, early.effects], [[], [{ type: "timer", id: "T:1!heartbeat", dueMs: 16_000 }]]);
  const late = tell(machine, early.execution, { type: "timerFired", effectId: "T:1!heartbeat", atMs: 16_000 });
  assert.deepEqual(typesOf(late), ["TaskStarted", "TaskTimedOut", "ExecutionFailed"]);
});

test("a token completed before its own call returned is told after TaskSubmitted", () => {
  const machine = machineOf({ T: { Type: "Task", Resource: `${invoke}.waitForTaskToken`, End: true } });
  const started = begin(machine);
  const early = tell(machine, started.execution, { type: "taskSucceeded", effectId: "T:1", output: "done" });
  assert.deepEqual(early.events, []);
  const submitted = tell(machine, JSON.parse(JSON.stringify(early.execution)), {
    type: "taskSubmitted",
    effectId: "T:1",
    output: {},
  });
  assert.deepEqual(typesOf(submitted), [
    "TaskStarted",
    "TaskSubmitted",
    "TaskSucceeded",
    "TaskStateExited",
    "ExecutionSucceeded",
  ]);
});

test("a task token follows from the seed and differs from task to task", () => {
  const machine = machineOf({
    P: {
      Type: "Parallel",
      Branches: ["A", "B"].map((name) => ({
        StartAt: name,
        States: { [name]: { Type: "Task", Resource: `${invoke}.waitForTaskToken`, End: true } },
      })),
      End: true,
    },
  });
  const tokens = (seed: string) =>
    tell(machine, undefined, { type: "start", input: {}, context: testContext, seed }).effects.map((effect) =>
      effect.type === "task" ? effect.taskToken : "",
    );
  const [one, other] = tokens("s");
  assert.notEqual(one, other);
  assert.deepEqual(tokens("s"), [one, other]);
  assert.notDeepEqual(tokens("t"), [one, other]);
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
  const machine = machineOf({ A: { Type: "Pass", Next: "B" }, B: { Type: "Pass", Next: "A" } });
  const { events, execution, effects } = begin(machine);
  const last = events.at(-1);
  assert.deepEqual(
    [events.length, last?.id, last?.type, last?.previousEventId],
    [25_000, 25_000, "ExecutionFailed", 24_999],
  );
  assert.deepEqual([execution.status, effects], ["FAILED", [{ type: "end" }]]);
});

test("ids of events are 1, 2, 3, ... whatever runs at once", async () => {
  const inner = { StartAt: "T", States: { T: { ...task, Retry: [{ ErrorEquals: ["E"] }], End: true } } };
  const machine = machineOf({
    M: {
      Type: "Map",
      ItemProcessor: { StartAt: "P", States: { P: { Type: "Parallel", Branches: [inner, inner], End: true } } },
      End: true,
    },
  });
  const { events, execution } = await runExecution(machine, [1, 2, 3, 4], {
    task: ({ id }, attempt) => [
      attempt % 3 === 0
        ? { type: "taskFailed", effectId: id, error: "E", cause: undefined }
        : { type: "taskSucceeded", effectId: id, output: attempt, afterMs: attempt },
    ],
  });
  assert.equal(execution.status, "SUCCEEDED");
  assert.deepEqual(
    events.map(({ id }) => id),
    events.map((_event, i) => i + 1),
  );
  assert.ok(events.every(({ id, previousEventId }) => previousEventId < id));
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

test("a Map of 3,000 tasks grows in proportion to its items", () => {
  const machine = machineOf({
    M: { Type: "Map", ItemProcessor: { StartAt: "T", States: { T: { ...task, End: true } } }, End: true },
  });
  const items = Array.from({ length: 3_000 }, (_, i) => i);
  let step = begin(machine, items);
  const open = idsOf(step.effects, "task");
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    step = tell(machine, step.execution, { type: "taskSucceeded", effectId: next, output: 1 });
    assert.ok(Object.keys((step.execution as unknown as { frames: object }).frames).length <= 41);
    open.push(...idsOf(step.effects, "task"));
  }
  assert.deepEqual([step.execution.status, (step.execution.output as Json[]).length], ["SUCCEEDED", 3_000]);
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
