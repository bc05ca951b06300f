import type {
  InvokeEndpointAsyncInput,
  InvokeEndpointInput,
  InvokeEndpointOutput,
  InvokeEndpointWithResponseStreamInput,
  InvokeEndpointWithResponseStreamOutput,
} from "@aws-sdk/client-sagemaker-runtime";
import { Fault } from "../../kit/fault.ts";
import type { AsyncModels, Models } from "../../ports/models.ts";
import type { Call, Service } from "../../wire/service.ts";
import { invokeEndpointAsync } from "./invoke-async.ts";

/** As SageMaker bounds a request to an endpoint. */
export const maxInvocationBytes = 6_291_456;

/** What the built-in container takes a body for when its sender says nothing about it. */
const defaultContentType = "application/x-image";

export interface SagemakerRuntimeOptions {
  models: Models;
  asyncModels: AsyncModels;
}

export function sagemakerRuntimeService({ models, asyncModels }: SagemakerRuntimeOptions): Service {
  return {
    name: "sagemaker-runtime",
    handlers: {
      InvokeEndpoint: (input: InvokeEndpointInput, call: Call) => invokeEndpoint(models, input, call),
      InvokeEndpointAsync: (input: InvokeEndpointAsyncInput) => invokeEndpointAsync(asyncModels, input),
      InvokeEndpointWithResponseStream: (input: InvokeEndpointWithResponseStreamInput, call: Call) =>
        invokeWithResponseStream(models, input, call),
    },
  };
}

/** The answer as a stream of one event: the models here answer as a whole, and containers are read to their end. */
async function invokeWithResponseStream(
  models: Models,
  input: InvokeEndpointWithResponseStreamInput,
  call: Call,
): Promise<InvokeEndpointWithResponseStreamOutput> {
  const { Body, ...head } = await invokeEndpoint(models, input, call);
  async function* parts() {
    yield { PayloadPart: { Bytes: Body } };
  }
  return { ...head, Body: parts() } as InvokeEndpointWithResponseStreamOutput;
}

async function invokeEndpoint(models: Models, input: InvokeEndpointInput, call: Call): Promise<InvokeEndpointOutput> {
  refuseWhatIsAbsent(input);
  const body = input.Body as Uint8Array;
  if (body.length > maxInvocationBytes) {
    throw new Fault(
      "ValidationError",
      `the body has ${body.length} bytes; an endpoint takes at most ${maxInvocationBytes}`,
      { status: 413 },
    );
  }
  const answer = await models.invoke(input.EndpointName as string, {
    body,
    contentType: input.ContentType ?? defaultContentType,
    get signal() {
      return call.signal; // made when it is asked for
    },
    ...(input.Accept === undefined ? {} : { accept: input.Accept }),
    ...(input.CustomAttributes === undefined ? {} : { customAttributes: input.CustomAttributes }),
    ...(input.TargetVariant === undefined ? {} : { targetVariant: input.TargetVariant }),
    ...(input.InferenceId === undefined ? {} : { inferenceId: input.InferenceId }),
  });
  return {
    Body: answer.body as InvokeEndpointOutput["Body"],
    ContentType: answer.contentType,
    InvokedProductionVariant: answer.variantName,
    ...(answer.customAttributes === undefined ? {} : { CustomAttributes: answer.customAttributes }),
  };
}

/** A header that would change the answer must not be passed over in silence. */
function refuseWhatIsAbsent(input: InvokeEndpointInput): void {
  const absent = (["TargetModel", "TargetContainerHostname", "InferenceComponentName", "SessionId"] as const).find(
    (name) => input[name] !== undefined,
  );
  if (absent === undefined) return;
  throw new Fault(
    "ValidationError",
    `${absent} is not supported: an endpoint's variant has one model (COMPATIBILITY.md)`,
  );
}
