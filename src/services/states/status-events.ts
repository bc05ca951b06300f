import type { ServiceEvent } from "../../ports/events.ts";
import type { ExecutionRecord, Executions } from "../../ports/store.ts";
import { detailsOf } from "./execution-records.ts";

/** What the outbox holds: enough to compose the event, whatever happened since. */
export interface StatusMessage {
  kind: "status";
  /** Of the event: the same when it is announced again after a crash. */
  eventId: string;
  id: string;
  status: ExecutionRecord["status"];
  atMs: number;
}

/** Input and output beyond this do not fit into an event. */
const maxDataBytes = 248 * 1024;
/** The event as EventBridge gets it; undefined when nobody knows the execution any more. */
export function statusEvent(
  executions: Executions,
  { eventId, id, status, atMs }: StatusMessage,
): ServiceEvent | undefined {
  const record = executions.describe(id);
  if (record === undefined) return undefined;
  const details = detailsOf(record);
  const hasEnded = status !== "RUNNING";
  const { input } = record;
  const output = hasEnded ? record.output : undefined;
  const outputBytes = output === undefined ? 0 : escapedBytes(output);
  const isInputIncluded = escapedBytes(input) + outputBytes <= maxDataBytes;
  const isOutputIncluded = outputBytes <= maxDataBytes;
  return {
    id: eventId,
    source: "aws.states",
    detailType: "Step Functions Execution Status Change",
    timeMs: atMs,
    resources: [details.arn],
    detail: {
      executionArn: details.arn,
      stateMachineArn: details.machineArn,
      name: details.name,
      status,
      startDate: record.startedMs,
      stopDate: hasEnded ? (record.stoppedMs ?? atMs) : null,
      ...(isInputIncluded ? { input } : {}),
      inputDetails: { included: isInputIncluded },
      output: output !== undefined && isOutputIncluded ? output : null,
      outputDetails: output === undefined ? null : { included: isOutputIncluded },
      ...(hasEnded && record.error !== undefined ? { error: record.error } : {}),
      ...(hasEnded && record.cause !== undefined ? { cause: record.cause } : {}),
    },
  };
}

function escapedBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
