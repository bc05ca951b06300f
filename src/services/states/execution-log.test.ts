import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../kit/json.ts";
import { memoryStore } from "../../ports/memory-store.ts";
import type { Store } from "../../ports/store.ts";
import { testClock } from "../../ports/test-clock.ts";
import { setUpService } from "./testing/service.ts";

const group = "/aws/vendedlogs/states/g";
const pass = {
  StartAt: "P",
  States: { P: { Type: "Pass", Result: { a: 1 }, Next: "F" }, F: { Type: "Fail", Error: "E" } },
};
type Line = { [name: string]: Json };

test("an execution that is logged at ALL is told line by line, as AWS writes them", async () => {
  const { lines, executionArn, stream } = await logged({ level: "ALL", includeExecutionData: true });
  assert.deepEqual(
    lines.map(({ type }) => type),
    ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"],
  );
  assert.deepEqual(lines[2], {
    id: "3",
    type: "PassStateExited",
    details: { name: "P", output: '{"a":1}', outputDetails: { truncated: false } },
    previous_event_id: "2",
    event_timestamp: String(Date.UTC(2026, 0, 1)),
    execution_arn: executionArn,
    redrive_count: "0",
  });
  assert.match(stream, /^states\/m\/2026-01-01-00-00\/[0-9a-f]{8}$/);
});

test("without execution data no line holds input or output", async () => {
  const { lines } = await logged({ level: "ALL", includeExecutionData: false });
  assert.equal(lines.length, 5);
  assert.deepEqual(
    lines.filter(({ details }) => /"(input|output)"/.test(JSON.stringify(details))),
    [],
  );
});

test("at ERROR only what failed is logged", async () => {
  const { lines } = await logged({ level: "ERROR" });
  assert.deepEqual(
    lines.map(({ type }) => type),
    ["FailStateEntered", "ExecutionFailed"],
  );
});

test("at FATAL only the bad end is logged", async () => {
  const { lines } = await logged({ level: "FATAL" });
  assert.deepEqual(
    lines.map(({ type }) => type),
    ["ExecutionFailed"],
  );
});

test("at OFF nothing is logged", async () => {
  const { lines } = await logged({ level: "OFF" });
  assert.deepEqual(lines, []);
});

test("an EXPRESS execution can be followed in its log", async () => {
  const { lines, executionArn } = await logged({ level: "ALL", includeExecutionData: true }, { type: "EXPRESS" });
  assert.deepEqual(
    lines.map(({ id }) => id),
    ["1", "2", "3", "4", "5"],
  );
  assert.match(executionArn, /:express:m:/);
  assert.equal(lines[4]?.["execution_arn"], executionArn);
});

test("a redriven execution says so in its lines", async () => {
  const service = setUpService();
  await create(service, { level: "FATAL" });
  const { executionArn } = await service.call("StartExecution", { stateMachineArn: machineArn });
  await service.clock.advance(0);
  await service.call("RedriveExecution", { executionArn });
  await service.clock.advance(0);
  await service.close();
  assert.deepEqual(
    read(service.store).lines.map((line) => line["redrive_count"]),
    ["0", "1"],
  );
});

test("lines that were committed but not written are written after a restart", async () => {
  const clock = testClock();
  const store = memoryStore({ clock });
  let isBroken = true;
  const { logs } = store;
  const breaking: Store = {
    ...store,
    logs: {
      ...logs,
      append: (...given) => {
        if (isBroken) throw new Error("the disk is full");
        logs.append(...given);
      },
    },
  };
  const before = setUpService({ store: breaking, clock });
  await create(before, { level: "ALL" });
  await before.call("StartExecution", { stateMachineArn: machineArn });
  await before.close();
  isBroken = false;
  const after = setUpService({ store: breaking, clock });
  await after.engine.recover();
  await clock.advance(0);
  await after.close();
  assert.equal(read(store).lines.length, 5);
});

test("a group that was deleted since is not made again", async () => {
  const service = setUpService();
  await create(service, { level: "ALL" });
  service.store.logs.deleteGroup(group);
  await service.call("StartExecution", { stateMachineArn: machineArn });
  await service.clock.advance(0);
  await service.close();
  assert.deepEqual(service.store.logs.groups(group), []);
});

test("a line that CloudWatch Logs would refuse for its size holds the beginning of the data", async () => {
  const input = JSON.stringify({ text: '"'.repeat(130_000) });
  const { lines } = await logged({ level: "ALL", includeExecutionData: true }, { input });
  const details = lines[0]?.["details"] as { input: string; inputDetails: Json };
  assert.deepEqual(details.inputDetails, { truncated: true });
  assert.ok(input.startsWith(details.input));
});

const machineArn = "arn:aws:states:us-east-1:111111111111:stateMachine:m";

async function logged(
  logging: { level: string; includeExecutionData?: boolean },
  { type = "STANDARD", input = "{}" } = {},
) {
  const service = setUpService();
  await create(service, logging, type);
  const { executionArn } = await service.call("StartExecution", { stateMachineArn: machineArn, input });
  await service.clock.advance(0);
  await service.close();
  assert.deepEqual(service.errors, []);
  return { executionArn, ...read(service.store) };
}

async function create(service: ReturnType<typeof setUpService>, logging: object, type = "STANDARD") {
  service.store.logs.createGroup(group);
  const logGroupArn = `arn:aws:logs:us-east-1:111111111111:log-group:${group}:*`;
  await service.call("CreateStateMachine", {
    name: "m",
    type,
    definition: JSON.stringify(pass),
    roleArn: "arn:aws:iam::111111111111:role/role",
    loggingConfiguration: { ...logging, destinations: [{ cloudWatchLogsLogGroup: { logGroupArn } }] },
  });
}

function read({ logs }: Store): { stream: string; lines: Line[] } {
  const streams = logs.streams(group, "");
  const events = streams.flatMap(({ name }) => logs.read(group, name, { from: 0, limit: 100 }));
  return { stream: streams[0]?.name ?? "", lines: events.map(({ message }) => JSON.parse(message) as Line) };
}
