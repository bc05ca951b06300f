import { setTimeout as sleep } from "node:timers/promises";
import { DescribeExecutionCommand, type DescribeExecutionOutput, StartExecutionCommand } from "@aws-sdk/client-sfn";
import type { Clients } from "../clients.ts";

/** Short ones are seen to end almost when they do; long ones are asked about rarely. */
const firstPollMs = 10;
const longestPollMs = 200;

export interface ExecutionResult {
  executionArn: string;
  name: string;
  status: string;
  output: string | undefined;
  error: string | undefined;
  cause: string | undefined;
  milliseconds: number;
}

/** Starts an execution and waits for its end. */
export async function runExecution(
  clients: Clients,
  stateMachineArn: string,
  input: object,
  signal: AbortSignal,
): Promise<ExecutionResult> {
  const started = await clients.sfn.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }), {
    abortSignal: signal,
  });
  return followExecution(clients, started.executionArn ?? "", signal);
}

export async function followExecution(
  clients: Clients,
  executionArn: string,
  signal: AbortSignal,
): Promise<ExecutionResult> {
  for (let waitMs = firstPollMs; ; waitMs = Math.min(waitMs * 1.5, longestPollMs)) {
    const execution = await clients.sfn.send(new DescribeExecutionCommand({ executionArn }), { abortSignal: signal });
    if (execution.status !== "RUNNING" && execution.status !== "PENDING_REDRIVE") return resultOf(execution);
    await sleep(waitMs, undefined, { signal });
  }
}

function resultOf(execution: DescribeExecutionOutput): ExecutionResult {
  return {
    executionArn: execution.executionArn ?? "",
    name: execution.name ?? "",
    status: execution.status ?? "",
    output: execution.output,
    error: execution.error,
    cause: execution.cause,
    milliseconds: (execution.stopDate?.getTime() ?? 0) - (execution.startDate?.getTime() ?? 0),
  };
}

/** The input of the chain: which image, in the shape that the first function expects. */
export function imageInput(bucket: string, key: string): object {
  return { image_data: "", s3_bucket: bucket, s3_key: key, inferences: [] };
}
