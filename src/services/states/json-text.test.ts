import assert from "node:assert/strict";
import { test } from "node:test";
import { isTooDeep } from "./json-text.ts";
import { setUpService } from "./testing/service.ts";

const roleArn = "arn:aws:iam::111111111111:role/sfn-role";
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

test("brackets count only outside of strings", () => {
  assert.equal(isTooDeep(nested(1_000)), false);
  assert.equal(isTooDeep(nested(1_001)), true);
  assert.equal(isTooDeep(JSON.stringify({ a: `\\"${nested(2_000)}`, b: '"' })), false);
  assert.equal(isTooDeep("[[1],".repeat(900)), false);
});

test("values nested without end are refused wherever they come in, by name", async () => {
  const deep = JSON.parse(nested(2_000));
  const { call, clock, errors } = setUpService({ functions: { deep: () => deep } });
  const definitionOf = (state: string): string => `{"StartAt":"A","States":{"A":${state}}}`;
  const create = (name: string, state: string) =>
    call("CreateStateMachine", { name, roleArn, definition: definitionOf(state) });

  const resource = "arn:aws:lambda:us-east-1:111111111111:function:deep";
  const task = `{"Type":"Task","Resource":"${resource}","End":true}`;
  const { stateMachineArn } = await create("task", task);
  const input = `{"x":${nested(5_000)}}`;
  await assert.rejects(call("StartExecution", { stateMachineArn, input }), { code: "InvalidExecutionInput" });
  await assert.rejects(create("pass", `{"Type":"Pass","Result":${nested(5_000)},"End":true}`), {
    code: "InvalidDefinition",
  });
  const { executionArn } = await call("StartExecution", { stateMachineArn, input: "{}" });
  await clock.advance(1_000);
  const { status, error, cause } = await call("DescribeExecution", { executionArn });
  assert.deepEqual([status, error], ["FAILED", "States.Runtime"]);
  assert.match(cause, /nesting depth/);
  assert.deepEqual(errors, []);
});
