import assert from "node:assert/strict";
import { test } from "node:test";
import { setUpService } from "./testing/service.ts";

const roleArn = "arn:aws:iam::111111111111:role/sfn-role";
const nested = "arn:aws:states:::states:startExecution.sync:2";
const training = "arn:aws:states:::sagemaker:createTrainingJob.sync";

test("an execution that is stopped stops the nested execution that it waits for", async () => {
  const { start, statusOf, call, clock, childOf } = await setUp();
  const parent = await start({ StartAt: "N", States: { N: nestedTask() } });
  await clock.advance(100);
  const child = await childOf(parent);
  assert.equal(await statusOf(child), "RUNNING");
  await call("StopExecution", { executionArn: parent });
  await clock.advance(100);
  assert.equal(await statusOf(child), "ABORTED");
});

test("a branch that fails stops the nested execution of its neighbour", async () => {
  const { start, statusOf, clock, childOf } = await setUp();
  const failing = { StartAt: "W", States: { W: { Type: "Wait", Seconds: 5, Next: "F" }, F: { Type: "Fail" } } };
  const branches = [{ StartAt: "N", States: { N: nestedTask() } }, failing];
  const parent = await start({ StartAt: "P", States: { P: { Type: "Parallel", Branches: branches, End: true } } });
  await clock.advance(1_000);
  const child = await childOf(parent);
  await clock.advance(5_000);
  assert.deepEqual([await statusOf(parent), await statusOf(child)], ["FAILED", "ABORTED"]);
});

test("an execution that is stopped stops the training job that it waits for", async () => {
  const stopped: unknown[] = [];
  const { start, call, clock } = await setUp({
    "sagemaker.CreateTrainingJob": () => ({ TrainingJobArn: "arn" }),
    "sagemaker.DescribeTrainingJob": () => ({ TrainingJobStatus: "InProgress" }),
    "sagemaker.StopTrainingJob": (input) => {
      stopped.push(input);
      return {};
    },
  });
  const Parameters = { TrainingJobName: "bikes" };
  const task = { Type: "Task", Resource: training, Parameters, End: true };
  const executionArn = await start({ StartAt: "T", States: { T: task } });
  await clock.advance(3_000);
  assert.deepEqual(stopped, []);
  await call("StopExecution", { executionArn });
  await clock.advance(100);
  assert.deepEqual(stopped, [{ TrainingJobName: "bikes" }]);
});

test("what an execution waits for goes on when the server ends", async () => {
  const { start, statusOf, clock, childOf, close } = await setUp();
  const parent = await start({ StartAt: "N", States: { N: nestedTask() } });
  await clock.advance(100);
  const child = await childOf(parent);
  await close();
  assert.equal(await statusOf(child), "RUNNING");
});

const childMachine = "arn:aws:states:us-east-1:111111111111:stateMachine:child";

const nestedTask = () => ({ Type: "Task", Resource: nested, Parameters: { StateMachineArn: childMachine }, End: true });

type Operations = NonNullable<NonNullable<Parameters<typeof setUpService>[0]>["operations"]>;

async function setUp(operations: Operations = {}) {
  const { call, clock, close } = setUpService({ operations });
  const create = async (name: string, definition: object): Promise<string> =>
    (await call("CreateStateMachine", { name, roleArn, definition: JSON.stringify(definition) })).stateMachineArn;
  await create("child", { StartAt: "W", States: { W: { Type: "Wait", Seconds: 1_000, End: true } } });
  return {
    call,
    clock,
    close,
    async start(definition: object): Promise<string> {
      const stateMachineArn = await create("parent", definition);
      return (await call("StartExecution", { stateMachineArn, input: "{}" })).executionArn;
    },
    statusOf: async (executionArn: string): Promise<string> =>
      (await call("DescribeExecution", { executionArn })).status,
    async childOf(executionArn: string): Promise<string> {
      const { events } = await call("GetExecutionHistory", { executionArn });
      const submitted = events.find(({ type }: { type: string }) => type === "TaskSubmitted");
      return JSON.parse(submitted.taskSubmittedEventDetails.output).ExecutionArn;
    },
  };
}
