import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../kit/json.ts";
import { advance } from "./advance.ts";
import type { Execution, KernelInput } from "./contract.ts";
import { runExecution, testContext } from "./driver-in-memory.ts";
import { pendingEffects } from "./pending.ts";
import { begin, idsOf, invoke, machineOf, task, tell, typesOf } from "./step-by-step.ts";

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

test("ids of events are 1, 2, 3, ... whatever runs at once", async () => {
  const inner = (name: string) => ({
    StartAt: name,
    States: { [name]: { ...task, Retry: [{ ErrorEquals: ["E"] }], End: true } },
  });
  const machine = machineOf({
    M: {
      Type: "Map",
      ItemProcessor: {
        StartAt: "P",
        States: { P: { Type: "Parallel", Branches: [inner("T"), inner("U")], End: true } },
      },
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

test("an activity that nobody takes times out without having started", () => {
  const machine = machineOf({
    T: { Type: "Task", Resource: "arn:aws:states:us-east-1:123456789012:activity:a", TimeoutSeconds: 5, End: true },
  });
  const ended = tell(machine, begin(machine).execution, { type: "timerFired", effectId: "T:1!timeout", atMs: 6_000 });
  assert.deepEqual(typesOf(ended), ["ActivityTimedOut", "ExecutionFailed"]);
});

test("a JSONata machine answers a promise, and the same step the same answer", async () => {
  const machine = machineOf(
    { P: { Type: "Pass", Output: "{% $states.input.a + 1 & $uuid() %}", End: true } },
    { QueryLanguage: "JSONata" },
  );
  const input = { type: "start", input: { a: 1 }, context: testContext, atMs: 1, seed: "s" } as KernelInput;
  const step = advance(machine, undefined, input);
  assert.ok(step instanceof Promise);
  assert.deepEqual(await advance(machine, undefined, input), await step);
});
