import type { InferenceResponse } from "../../ports/models.ts";
import type { AsyncJob } from "./async-inference.ts";

/** As SNS bounds a message, with room for the rest of it. */
const maxIncludedBytes = 128_000;

/** What is published about an invocation that ended; `undefined` when no topic wants it. */
export function asyncNotification(
  job: AsyncJob,
  outcome: { answer: InferenceResponse } | { reason: string },
  { nowMs, region }: { nowMs: number; region: string },
): { TopicArn: string; Message: string } | undefined {
  const {
    SuccessTopic,
    ErrorTopic,
    IncludeInferenceResponseIn = [],
  } = job.config.OutputConfig?.NotificationConfig ?? {};
  const isGood = "answer" in outcome;
  const TopicArn = isGood ? SuccessTopic : ErrorTopic;
  if (TopicArn === undefined) return undefined;
  const includes = IncludeInferenceResponseIn.includes(
    isGood ? "SUCCESS_NOTIFICATION_TOPIC" : "ERROR_NOTIFICATION_TOPIC",
  );
  const message = {
    awsRegion: region,
    eventTime: new Date(nowMs).toISOString(),
    receivedTime: new Date(job.receivedMs).toISOString(),
    invocationStatus: isGood ? "Completed" : "Failed",
    ...(isGood ? {} : { failureReason: outcome.reason }),
    requestParameters: {
      contentType: job.request.contentType,
      endpointName: job.endpointName,
      ...(job.inputLocation === undefined ? {} : { inputLocation: job.inputLocation }),
    },
    ...(isGood
      ? {
          responseParameters: {
            contentType: outcome.answer.contentType,
            outputLocation: job.outputLocation,
            ...(includes && outcome.answer.body.length <= maxIncludedBytes ? included(outcome.answer) : {}),
          },
        }
      : job.failureLocation === undefined
        ? {}
        : { responseParameters: { outputLocation: job.failureLocation } }),
    inferenceId: job.inferenceId,
    eventVersion: "1.0",
    eventSource: "aws:sagemaker",
    eventName: "InferenceResult",
  };
  return { TopicArn, Message: JSON.stringify(message) };
}

/** The form of an included response was never recorded; this one keeps any bytes. */
function included({ body }: InferenceResponse) {
  return { responseBody: { content: Buffer.from(body).toString("base64"), encoding: "BASE64" } };
}
