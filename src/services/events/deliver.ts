import { createHash } from "node:crypto";
import { Fault } from "../../kit/fault.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Operations } from "../../ports/operations.ts";
import { targetKind } from "./rules.ts";

/** One event for one target, as it waits in the queue: its input is made already, so a rule may change meanwhile. */
export interface TargetJob {
  eventId: string;
  ruleArn: string;
  targetId: string;
  targetArn: string;
  payload: string;
  mostRetries?: number;
  deadLetterArn?: string;
}

/** EventBridge goes on for a day with 185 attempts; here ten of them within some twenty minutes. */
const delaysSeconds = [1, 2, 5, 10, 30, 60, 120, 300, 600];

export interface TargetOptions {
  functions: Functions;
  operations: Operations;
  /** Queue URLs begin with it. */
  baseUrl: string;
  random: () => number;
}

export function targetDeliverer({ functions, operations, baseUrl, random }: TargetOptions) {
  const queueUrl = (arn: string) => `${baseUrl}/${arn.split(":")[4]}/${arn.split(":")[5]}`;

  return {
    async deliver(job: TargetJob): Promise<void> {
      const { targetArn, payload } = job;
      const kind = targetKind(targetArn);
      switch (kind) {
        case "lambda":
          await functions.invoke(targetArn, Buffer.from(payload), { invocationType: "Event" });
          return;
        case "sns":
          await operations.call("sns", "Publish", { TopicArn: targetArn, Message: payload });
          return;
        case "sqs":
          await operations.call("sqs", "SendMessage", { QueueUrl: queueUrl(targetArn), MessageBody: payload });
          return;
        case "states":
          await startOnce(job);
          return;
        case undefined:
          throw new Error(`a rule has the target ${targetArn}, which nothing here can reach`);
        default:
          kind satisfies never;
      }
    },

    retryDelayMs(job: TargetJob, attempt: number, error: unknown): number | undefined {
      if (error instanceof Fault && !error.isRetryable) return undefined;
      if (job.mostRetries !== undefined && attempt > job.mostRetries) return undefined;
      const seconds = delaysSeconds[attempt - 1];
      return seconds === undefined ? undefined : Math.round(seconds * 1000 * (1 + random() / 10));
    },

    async giveUp(job: TargetJob, error: unknown): Promise<void> {
      if (job.deadLetterArn === undefined) return;
      const text = (StringValue: string) => ({ DataType: "String", StringValue });
      await operations.call("sqs", "SendMessage", {
        QueueUrl: queueUrl(job.deadLetterArn),
        MessageBody: job.payload,
        MessageAttributes: {
          RULE_ARN: text(job.ruleArn),
          TARGET_ARN: text(job.targetArn),
          ERROR_CODE: text(error instanceof Fault ? error.code : "INTERNAL_ERROR"),
          ERROR_MESSAGE: text(error instanceof Error ? error.message || "unknown" : String(error)),
        },
      });
    },
  };

  /** The name follows from the event, so that a delivery made twice starts one execution. */
  async function startOnce(job: TargetJob): Promise<void> {
    const digest = createHash("sha256").update(`${job.ruleArn} ${job.targetId}`).digest("hex").slice(0, 32);
    const name = `${job.eventId.replaceAll(/[^\w-]/g, "-").slice(0, 47)}_${digest}`;
    try {
      await operations.call("states", "StartExecution", { stateMachineArn: job.targetArn, name, input: job.payload });
    } catch (error) {
      if (error instanceof Fault && error.code === "ExecutionAlreadyExists") return;
      throw error;
    }
  }
}
