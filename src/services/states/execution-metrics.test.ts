import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryExecutions } from "../../ports/memory-executions.ts";
import { memoryMetrics } from "../../ports/memory-metrics.ts";
import { recordStatus } from "./execution-metrics.ts";

test("an execution is counted when it starts, and with its time when it ends", async () => {
  const executions = memoryExecutions();
  const metrics = memoryMetrics();
  await executions.start({
    id: "e",
    machine: "m",
    definition: { hash: "h", text: "{}" },
    input: "{}",
    startedMs: 1000,
    details: { arn: "arn:e", name: "e", machineArn: "arn:m" },
    status: "RUNNING",
    body: "{}",
    events: [{ id: 1 }],
  });
  const message = { kind: "status", eventId: "1", id: "e" } as const;
  recordStatus({ metrics, executions }, { ...message, status: "RUNNING", atMs: 1000 });
  recordStatus({ metrics, executions }, { ...message, status: "FAILED", atMs: 3500 });
  assert.deepEqual(
    metrics.recorded.map(({ metric, value }) => [metric.name, value, metric.dimensions["StateMachineArn"]]),
    [
      ["ExecutionsStarted", 1, "arn:m"],
      ["ExecutionsFailed", 1, "arn:m"],
      ["ExecutionTime", 2500, "arn:m"],
    ],
  );
});
