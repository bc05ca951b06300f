// Where the outcome of an asynchronous event goes: a queue, a topic, the event bus or another function.
//
// N1. A record waits as a row, written in the transaction that ends the event: it is delivered at least once.
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import { type DeliveryQueue, deliveryQueue } from "../../ports/delivery-queue.ts";
import type { InvokeResult } from "../../ports/functions.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";

export type Condition = "Success" | "RetriesExhausted" | "EventAgeExceeded" | "ZeroReservedConcurrency";

/** One event that has ended. */
export interface Ending {
  requestId: string;
  /** With its qualifier. */
  functionArn: string;
  condition: Condition;
  invokeCount: number;
  payload: Uint8Array;
  /** What the last run answered; absent when it could not run. */
  result?: Pick<InvokeResult, "payload" | "functionError" | "executedVersion">;
}

/** One message, ready to be sent. */
export interface DestinationJob {
  targetArn: string;
  text: string;
  functionArn: string;
  isSuccess: boolean;
  /** Of a dead letter. */
  attributes?: { RequestID: string; ErrorCode: string; ErrorMessage: string };
}

export type DestinationKind = "sqs" | "sns" | "events" | "lambda";

export function destinationKind(arn: string): DestinationKind | undefined {
  const service = /^arn:[^:]+:([^:]+):[^:]*:[^:]*:.+$/.exec(arn)?.[1];
  return service === "sqs" || service === "sns" || service === "events" || service === "lambda" ? service : undefined;
}

/** The record that AWS sends to a destination. */
export function destinationJob(targetArn: string, ending: Ending, nowMs: number): DestinationJob {
  const { requestId, functionArn, condition, invokeCount, payload, result } = ending;
  const record = {
    version: "1.0",
    timestamp: new Date(nowMs).toISOString(),
    requestContext: { requestId, functionArn, condition, approximateInvokeCount: invokeCount },
    requestPayload: jsonOf(payload),
    ...(result && {
      responseContext: {
        statusCode: 200,
        executedVersion: result.executedVersion,
        ...(result.functionError && { functionError: result.functionError }),
      },
      responsePayload: jsonOf(result.payload),
    }),
  };
  return { targetArn, text: JSON.stringify(record), functionArn, isSuccess: condition === "Success" };
}

/** AWS keeps this much of the error's text. */
const maxErrorMessageLength = 1024;

/** The event itself, for the function's dead-letter queue or topic. */
export function deadLetterJob(targetArn: string, ending: Ending): DestinationJob {
  const error = ending.result && jsonOf(ending.result.payload);
  const message = error !== null && typeof error === "object" && !Array.isArray(error) ? error["errorMessage"] : "";
  return {
    targetArn,
    text: textOf(ending.payload),
    functionArn: ending.functionArn,
    isSuccess: false,
    attributes: {
      RequestID: ending.requestId,
      ErrorCode: ending.result === undefined ? "429" : "200",
      ErrorMessage: String(message || ending.condition).slice(0, maxErrorMessageLength),
    },
  };
}

/** AWS tries destinations for a while too; here four more times within some two minutes. */
const delaysMs = [1000, 5000, 20_000, 90_000];

export interface DestinationOptions {
  resources: Resources;
  operations: Operations;
  clock: Clock;
  region: string;
  report: (text: string) => void;
}

export function destinationQueue(options: DestinationOptions): DeliveryQueue<DestinationJob> {
  const { resources, clock, report } = options;
  return deliveryQueue<DestinationJob>({
    ...{ resources, clock },
    kind: "lambda-destination",
    deliver: (job) => send(job, options),
    retryDelayMs: (_job, attempt, error) =>
      error instanceof Fault && !error.isRetryable ? undefined : delaysMs[attempt - 1],
    async giveUp(job, error) {
      report(`the outcome of ${job.functionArn} did not reach ${job.targetArn}: ${(error as Error).message}`);
    },
    report: (error) => report(`a destination of a function: ${(error as Error).stack}`),
  });
}

async function send(job: DestinationJob, { operations, region }: DestinationOptions): Promise<void> {
  const { targetArn, text } = job;
  const kind = destinationKind(targetArn);
  const MessageAttributes = job.attributes && {
    RequestID: { DataType: "String", StringValue: job.attributes.RequestID },
    ErrorCode: { DataType: "Number", StringValue: job.attributes.ErrorCode },
    ErrorMessage: { DataType: "String", StringValue: job.attributes.ErrorMessage },
  };
  switch (kind) {
    case "sqs": {
      const [, , , , account, name] = targetArn.split(":");
      const QueueUrl = `https://sqs.${region}.amazonaws.com/${account}/${name}`;
      await operations.call("sqs", "SendMessage", { QueueUrl, MessageBody: text, MessageAttributes });
      return;
    }
    case "sns":
      await operations.call("sns", "Publish", { TopicArn: targetArn, Message: text, MessageAttributes });
      return;
    case "lambda":
      await operations.call("lambda", "Invoke", {
        ...{ FunctionName: targetArn, InvocationType: "Event", Payload: Buffer.from(text) },
      });
      return;
    case "events": {
      const entry = {
        Source: "lambda",
        DetailType: `Lambda Function Invocation Result - ${job.isSuccess ? "Success" : "Failure"}`,
        Resources: [targetArn, job.functionArn],
        Detail: text,
        EventBusName: targetArn,
      };
      const { output } = await operations.call("events", "PutEvents", { Entries: [entry] });
      const [answer] = output["Entries"] as { ErrorCode?: string; ErrorMessage?: string }[];
      if (answer?.ErrorCode) throw new Fault(answer.ErrorCode, answer.ErrorMessage ?? answer.ErrorCode);
      return;
    }
    case undefined:
      throw new Fault("InvalidParameterValueException", `nothing here can reach ${targetArn}`);
    default:
      kind satisfies never;
  }
}

function textOf(bytes: Uint8Array): string {
  return bytes.byteLength === 0 ? "{}" : Buffer.from(bytes).toString();
}

/** The bytes as JSON; what is none stays text. */
function jsonOf(bytes: Uint8Array): Json {
  const text = textOf(bytes);
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
