import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../../ports/memory-store.ts";
import { testClock } from "../../ports/test-clock.ts";
import { setUpService } from "./testing/service.ts";

const roleArn = "arn:aws:iam::111111111111:role/role";
const waiting = JSON.stringify({ StartAt: "W", States: { W: { Type: "Wait", Seconds: 600, End: true } } });

test("a state machine that is deleted takes its running executions with it", async () => {
  const { call, close, clock } = setUpService();
  const { stateMachineArn } = await call("CreateStateMachine", { name: "m", definition: waiting, roleArn });
  const { executionArn } = await call("StartExecution", { stateMachineArn });
  await call("DeleteStateMachine", { stateMachineArn });
  await clock.advance(0);
  const { status, redriveStatusReason } = await call("DescribeExecution", { executionArn });
  assert.deepEqual([status, redriveStatusReason], ["ABORTED", "State machine is in DELETING status"]);
  await assert.rejects(call("DescribeStateMachine", { stateMachineArn }), { code: "StateMachineDoesNotExist" });
  await assert.rejects(call("RedriveExecution", { executionArn }), { code: "ExecutionNotRedrivable" });
  await close();
});

test("while its executions are stopped a state machine is DELETING and takes no others", async () => {
  const { call, close } = setUpService();
  const { stateMachineArn } = await call("CreateStateMachine", { name: "m", definition: waiting, roleArn });
  await call("StartExecution", { stateMachineArn });
  const deleting = call("DeleteStateMachine", { stateMachineArn });
  const { status } = await call("DescribeStateMachine", { stateMachineArn });
  assert.equal(status, "DELETING");
  await assert.rejects(call("StartExecution", { stateMachineArn }), { code: "StateMachineDeleting" });
  await deleting;
  await close();
});

test("a deletion that a crash interrupted goes on afterwards", async () => {
  const clock = testClock();
  const store = memoryStore({ clock });
  const before = setUpService({ store, clock });
  const { stateMachineArn } = await before.call("CreateStateMachine", { name: "m", definition: waiting, roleArn });
  const { executionArn } = await before.call("StartExecution", { stateMachineArn });
  await before.engine.close();
  await before.call("DeleteStateMachine", { stateMachineArn });
  const after = setUpService({ store, clock });
  await after.engine.recover();
  await clock.advance(0);
  assert.equal((await after.call("DescribeExecution", { executionArn })).status, "ABORTED");
  assert.deepEqual((await after.call("ListStateMachines", {})).stateMachines, []);
  await after.close();
});

test("the ARN of a version deletes no state machine", async () => {
  const { call, close } = setUpService();
  const { stateMachineVersionArn } = await call("CreateStateMachine", {
    name: "m",
    definition: waiting,
    roleArn,
    publish: true,
  });
  await assert.rejects(call("DeleteStateMachine", { stateMachineArn: stateMachineVersionArn }), {
    code: "ValidationException",
  });
  assert.equal((await call("ListStateMachines", {})).stateMachines.length, 1);
  await close();
});
