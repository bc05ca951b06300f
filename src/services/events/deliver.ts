import { createHash } from "node:crypto";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Operations } from "../../ports/operations.ts";
import { targetKind } from "./targets.ts";

/** One event for one target, as it waits in the queue: its input is made already, so a rule may change meanwhile. */
export interface TargetJob {
  eventId: string;
  ruleArn: string;
  targetId: string;
  targetArn: string;
  payload: string;
  mostRetries?: number;
  /** Not tried again after it. */
  untilMs?: number;
  deadLetterArn?: string;
}

/** EventBridge goes on for a day with 185 attempts; here ten of them within some twenty minutes. */
const delaysSeconds = [1, 2, 5, 10, 30, 60, 120, 300, 600];

export interface TargetOptions {
  functions: Functions;
  operations: Operations;
  /** Queue URLs begin with it. */
  baseUrl: string;
  clock: Clock;
}

export function targetDeliverer({ functions, operations, baseUrl, clock }: TargetOptions) {
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
        case "logs":
          await log(job);
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
      if (seconds === undefined) return undefined;
      const delayMs = Math.round(seconds * 1000 * (1 + clock.random() / 10));
      return job.untilMs !== undefined && clock.now() + delayMs > job.untilMs ? undefined : delayMs;
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

  /** A stream per rule and day; the group must be there. */
  async function log({ targetArn, ruleArn, payload }: TargetJob): Promise<void> {
    const nowMs = clock.now();
    const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "/");
    const logGroupName = targetArn.split(":")[6] ?? "";
    const stream = { logGroupName, logStreamName: `${ruleArn.split("/").at(-1)}/${day}` };
    await operations.call("logs", "CreateLogStream", stream).catch((error: unknown) => {
      if (!(error instanceof Fault) || error.code !== "ResourceAlreadyExistsException") throw error;
    });
    const logEvents = [{ timestamp: nowMs, message: payload }];
    await operations.call("logs", "PutLogEvents", { ...stream, logEvents });
  }

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
