import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../kit/json.ts";
import { setUpService } from "../testing/service.ts";
import { type Optimized, optimized } from "./optimized-table.ts";

/* Every optimized integration, with every suffix it has, through the engine; the operations behind them are written here. */

const roleArn = "arn:aws:iam::111111111111:role/role";
type Operation = (input: Record<string, unknown>) => Record<string, unknown>;
const entries = Object.entries(optimized);
const jobs = entries.filter(([, { poll }]) => poll !== undefined);
const callbacks = entries.filter(([, { suffixes }]) => suffixes.includes("waitForTaskToken"));

test("every kind of integration is in the table", () => {
  assert.deepEqual([entries.length >= 11, jobs.length, callbacks.length], [true, 4, 3]);
});

for (const [name, entry] of entries) {
  test(`${name} calls its operation and answers what it answers`, async () => {
    const calls: Json[] = [];
    const operations = { [nameOf(entry)]: (input: object) => ({ Said: calls.push(input as Json) }) };
    const { status, output } = await run({ name, operations });
    assert.deepEqual([status, calls.length, JSON.parse(output).Said], ["SUCCEEDED", 1, 1]);
    assert.equal("SdkHttpMetadata" in JSON.parse(output), entry.hasMetadata);
  });
}

for (const [name, entry] of jobs) {
  test(`${name}.sync waits for the job and answers its description`, async () => {
    const statuses = ["InProgress", "InProgress", "Completed"];
    const { status, output } = await run({ name: `${name}.sync`, operations: jobOperations(entry, statuses) });
    assert.equal(status, "SUCCEEDED");
    assert.equal(JSON.parse(output)[entry.poll?.status ?? ""], "Completed");
  });

  test(`${name}.sync fails with the description of a job that failed`, async () => {
    const { error, cause } = await run({ name: `${name}.sync`, operations: jobOperations(entry, ["Failed"]) });
    assert.equal(error, "States.TaskFailed");
    assert.equal(JSON.parse(cause)[entry.poll?.status ?? ""], "Failed");
  });

  test(`${name}.sync stops the job when the execution is stopped`, async () => {
    const stopped: Json[] = [];
    const stop = { [`${entry.model}.${entry.poll?.stop}`]: (input: object) => ({ Said: stopped.push(input as Json) }) };
    const service = setUpService({ operations: { ...jobOperations(entry, ["InProgress"]), ...stop } });
    const executionArn = await start(service, `${name}.sync`);
    await service.clock.advance(2_000);
    await service.call("StopExecution", { executionArn });
    await service.clock.advance(1_000);
    await service.close();
    assert.deepEqual(stopped, [{ [entry.poll?.member ?? ""]: "job" }]);
  });

  test(`${name}.sync is refused while its job cannot be described`, async () => {
    const operations = { [nameOf(entry)]: () => ({}) };
    await assert.rejects(run({ name: `${name}.sync`, operations }), /The resource provided ARN is not recognized/);
  });
}

for (const [name, entry] of callbacks) {
  test(`${name}.waitForTaskToken hands the token over and waits for it`, async () => {
    let token = "";
    const operations = {
      [nameOf(entry)](input: Record<string, unknown>) {
        token = String(input["Token"]);
        return {};
      },
    };
    const service = setUpService({ operations });
    const executionArn = await start(service, `${name}.waitForTaskToken`, { "Token.$": "$$.Task.Token" });
    await service.clock.advance(0);
    await service.call("SendTaskSuccess", { taskToken: token, output: '"done"' });
    const { output } = await service.call("DescribeExecution", { executionArn });
    await service.close();
    assert.equal(output, '"done"');
  });
}

test("events that EventBridge did not take fail the task with its answer", async () => {
  const answer = { FailedEntryCount: 1, Entries: [{ ErrorCode: "InternalFailure" }] };
  const { error, cause } = await run({ name: "events:putEvents", operations: { "events.PutEvents": () => answer } });
  assert.equal(error, "EventBridge.FailedEntry");
  assert.deepEqual(JSON.parse(cause), answer);
});

for (const service of ["states", "events", "monitoring", "logs", "nobody"]) {
  test(`aws-sdk:${service} is refused: the SDK has no service of that name`, async () => {
    const operations = { [`${service}.DoIt`]: () => ({}) };
    await assert.rejects(
      run({ name: `aws-sdk:${service}:doIt`, operations }),
      /The resource provided ARN is not recognized/,
    );
  });
}

function nameOf({ model, operation }: Optimized): string {
  return `${model}.${operation}`;
}

/** A job that has one status after the other each time it is asked after. */
function jobOperations(entry: Optimized, statuses: string[]): Record<string, Operation> {
  const { poll } = entry;
  const left = [...statuses];
  return {
    [nameOf(entry)]: () => ({}),
    [`${entry.model}.${poll?.operation}`]: () => ({ [poll?.status ?? ""]: left.length > 1 ? left.shift() : left[0] }),
  };
}

async function run({ name, operations }: { name: string; operations: Record<string, Operation> }) {
  const service = setUpService({ operations });
  try {
    const executionArn = await start(service, name);
    await service.clock.advance(10_000);
    return await service.call("DescribeExecution", { executionArn });
  } finally {
    await service.close();
  }
}

async function start(service: ReturnType<typeof setUpService>, name: string, more: object = {}): Promise<string> {
  const poll = optimized[name.replace(/\.\w+$/, "")]?.poll;
  const Parameters = { ...(poll === undefined ? {} : { [poll.member]: "job" }), ...more };
  const task = { Type: "Task", Resource: `arn:aws:states:::${name}`, Parameters, End: true };
  const definition = JSON.stringify({ StartAt: "T", States: { T: task } });
  const { stateMachineArn } = await service.call("CreateStateMachine", { name: "m", definition, roleArn });
  return (await service.call("StartExecution", { stateMachineArn })).executionArn;
}
