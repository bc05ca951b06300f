import type { Metrics } from "../../ports/metrics.ts";
import type { ExecutionRecord, Executions } from "../../ports/store.ts";
import { detailsOf } from "./execution-records.ts";
import type { StatusMessage } from "./status-events.ts";

/** CloudWatch's names for what became of an execution. */
const names: Partial<Record<ExecutionRecord["status"], string>> = {
  RUNNING: "ExecutionsStarted",
  SUCCEEDED: "ExecutionsSucceeded",
  FAILED: "ExecutionsFailed",
  TIMED_OUT: "ExecutionsTimedOut",
  ABORTED: "ExecutionsAborted",
};

/** Counts a change of an execution's status, and how long it took when it ended. */
export function recordStatus(
  { metrics, executions }: { metrics: Metrics; executions: Executions },
  { id, status, atMs }: StatusMessage,
): void {
  const record = executions.describe(id);
  if (record === undefined) return;
  const metric = { namespace: "AWS/States", dimensions: { StateMachineArn: detailsOf(record).machineArn } };
  const name = names[status];
  if (name !== undefined) metrics.record({ ...metric, name, unit: "Count" }, 1);
  if (status === "RUNNING") return;
  metrics.record({ ...metric, name: "ExecutionTime", unit: "Milliseconds" }, atMs - record.startedMs);
}
