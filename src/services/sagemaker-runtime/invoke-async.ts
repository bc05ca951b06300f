import type { InvokeEndpointAsyncInput, InvokeEndpointAsyncOutput } from "@aws-sdk/client-sagemaker-runtime";
import { Fault } from "../../kit/fault.ts";
import type { AsyncModels } from "../../ports/models.ts";

/** As SageMaker bounds an inline body. */
const maxInlineBytes = 128_000;
const defaultTtlSeconds = 21_600;
const defaultTimeoutSeconds = 900;

export async function invokeEndpointAsync(
  models: AsyncModels,
  input: InvokeEndpointAsyncInput,
): Promise<InvokeEndpointAsyncOutput> {
  const ttl = between(input.RequestTTLSeconds ?? defaultTtlSeconds, "RequestTTLSeconds", [60, 21_600]);
  const timeout = between(
    input.InvocationTimeoutSeconds ?? defaultTimeoutSeconds,
    "InvocationTimeoutSeconds",
    [1, 3600],
  );
  const ticket = await models.submit(input.EndpointName as string, {
    input: inputOf(input),
    contentType: input.ContentType ?? "application/octet-stream",
    ...(input.Accept === undefined ? {} : { accept: input.Accept }),
    ...(input.CustomAttributes === undefined ? {} : { customAttributes: input.CustomAttributes }),
    ...(input.InferenceId === undefined ? {} : { inferenceId: input.InferenceId }),
    ...(input.S3OutputPathExtension === undefined ? {} : { outputExtension: pathOf(input.S3OutputPathExtension) }),
    ...(input.Filename === undefined ? {} : { fileName: pathOf(input.Filename) }),
    ttlMs: ttl * 1000,
    timeoutMs: timeout * 1000,
  });
  return {
    InferenceId: ticket.inferenceId,
    OutputLocation: ticket.outputLocation,
    ...(ticket.failureLocation === undefined ? {} : { FailureLocation: ticket.failureLocation }),
  };
}

function inputOf({ InputLocation, Body }: InvokeEndpointAsyncInput) {
  const hasBody = Body !== undefined && Body.length > 0;
  if (InputLocation !== undefined && hasBody) throw invalid("Give either an InputLocation or a Body, not both.");
  if (InputLocation !== undefined) return { location: InputLocation };
  if (!hasBody) throw invalid("An InputLocation or a Body is required.");
  if (Body.length > maxInlineBytes) {
    throw invalid(`the body has ${Body.length} bytes; inline it may have at most ${maxInlineBytes}: use InputLocation`);
  }
  return { body: Body };
}

function pathOf(text: string): string {
  const parts = text.split("/").filter((part) => part !== "");
  if (parts.length === 0) throw invalid(`"${text}" is no path below the endpoint's S3OutputPath.`);
  return parts.join("/");
}

function between(value: number, name: string, [least, most]: readonly [number, number]): number {
  if (value >= least && value <= most) return value;
  throw invalid(`${name} must be between ${least} and ${most}, not ${value}.`);
}

function invalid(message: string): Fault {
  return new Fault("ValidationError", message);
}
