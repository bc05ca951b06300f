import { createHash } from "node:crypto";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { ExecutionRecord } from "../../../ports/store.ts";
import { executionId, parseMachineArn } from "../arns.ts";
import { detailsOf } from "../execution-records.ts";
import type { TaskEffect } from "../kernel.ts";
import type { ServiceContext } from "../service-context.ts";
import { startExecution } from "../start-execution.ts";
import { type TaskContext, TaskFailure } from "../task-pool.ts";
import { optimizedFailure } from "./answers.ts";
import { httpDate, httpMetadata } from "./http-metadata.ts";

/** `arn:aws:states:::states:startExecution`, alone, `.sync`, `.sync:2` or `.waitForTaskToken`. */
export async function startNested(
  context: ServiceContext,
  call: { task: TaskEffect; parameters: { [name: string]: Json }; suffix: string; run: TaskContext },
): Promise<Json> {
  const { task, parameters, suffix, run } = call;
  const { StateMachineArn, Name, Input } = parameters;
  const machineArn = String(StateMachineArn);
  // Done again after a crash it must start the same execution, not another one.
  const name = typeof Name === "string" ? Name : uuidOf(`${run.record.id} ${run.record.redriveCount} ${task.id}`);
  const input =
    Input === undefined || Input === null ? "{}" : typeof Input === "string" ? Input : JSON.stringify(Input);
  const requestId = context.clock.uuid();
  let started: { executionArn: string; startedMs: number };
  try {
    started = await startExecution(context, { stateMachineArn: machineArn, name, input });
  } catch (error) {
    const found = isTaken(error) ? again(context, { machineArn, name, input, parent: run.record }) : undefined;
    if (found === undefined) {
      throw optimizedFailure(error, { prefix: "StepFunctions", serviceText: "AWSStepFunctions", requestId });
    }
    started = found;
  }
  const submission = {
    ExecutionArn: started.executionArn,
    SdkHttpMetadata: httpMetadata([
      ["x-amzn-RequestId", requestId],
      ["connection", "keep-alive"],
      ["Content-Length", String(JSON.stringify(started).length)],
      ["Date", httpDate(context.clock.now())],
      ["Content-Type", "application/x-amz-json-1.0"],
    ]),
    SdkResponseMetadata: { RequestId: requestId },
    StartDate: started.startedMs,
  };
  if (suffix === "" || suffix === "waitForTaskToken") return submission;
  if (task.isHandedOver !== true) await run.submitted(submission);
  const id = executionId(parseMachineArn(machineArn).name, name);
  let record: ExecutionRecord | undefined;
  try {
    record = await context.engine.whenEnded(id, run.signal);
  } catch (error) {
    // As AWS does, at best effort: nobody waits for it any longer.
    if (run.isGivenUp()) await context.engine.deliver(id, { type: "stop", error: undefined, cause: undefined });
    throw error;
  }
  if (record === undefined)
    throw new TaskFailure("States.TaskFailed", `${started.executionArn} is an express execution`);
  const description = describe(record, suffix === "sync:2");
  if (record.status !== "SUCCEEDED") throw new TaskFailure("States.TaskFailed", JSON.stringify(description));
  return description;
}

/** An execution of that name which this very task has started before the process ended. */
function again(
  { store }: ServiceContext,
  call: { machineArn: string; name: string; input: string; parent: ExecutionRecord },
): { executionArn: string; startedMs: number } | undefined {
  const found = store.executions.describe(executionId(parseMachineArn(call.machineArn).name, call.name));
  if (found === undefined || found.input !== call.input || found.startedMs < call.parent.startedMs) return undefined;
  return { executionArn: detailsOf(found).arn, startedMs: found.startedMs };
}

function describe(record: ExecutionRecord, asJson: boolean): { [name: string]: Json } {
  const details = detailsOf(record);
  const data = (text: string): Json => (asJson ? (JSON.parse(text) as Json) : text);
  return {
    ...(record.cause === undefined ? {} : { Cause: record.cause }),
    ...(record.error === undefined ? {} : { Error: record.error }),
    ExecutionArn: details.arn,
    Input: data(record.input),
    InputDetails: { Included: true },
    Name: details.name,
    ...(record.output === undefined ? {} : { Output: data(record.output), OutputDetails: { Included: true } }),
    StartDate: record.startedMs,
    StateMachineArn: details.machineArn,
    Status: record.status,
    ...(record.stoppedMs === undefined ? {} : { StopDate: record.stoppedMs }),
  };
}

function isTaken(error: unknown): boolean {
  return error instanceof Fault && error.code === "ExecutionAlreadyExists";
}

function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
