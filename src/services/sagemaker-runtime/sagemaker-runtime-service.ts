import type {
  InvokeEndpointAsyncInput,
  InvokeEndpointInput,
  InvokeEndpointOutput,
  InvokeEndpointWithResponseStreamInput,
} from "@aws-sdk/client-sagemaker-runtime";
import { Fault } from "../../kit/fault.ts";
import type { AsyncModels, InferenceRequest, Models } from "../../ports/models.ts";
import type { Call, Service } from "../../wire/service.ts";
import { invokeEndpointAsync } from "./invoke-async.ts";
import { invokeWithResponseStream } from "./response-stream.ts";

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
        invokeWithResponseStream((onPart) =>
          models.invoke(input.EndpointName as string, requestOf(input, call, onPart)),
        ),
    },
  };
}

async function invokeEndpoint(models: Models, input: InvokeEndpointInput, call: Call): Promise<InvokeEndpointOutput> {
  const answer = await models.invoke(input.EndpointName as string, requestOf(input, call));
  return {
    Body: answer.body as InvokeEndpointOutput["Body"],
    ContentType: answer.contentType,
    InvokedProductionVariant: answer.variantName,
    ...(answer.customAttributes === undefined ? {} : { CustomAttributes: answer.customAttributes }),
  };
}

function requestOf(input: InvokeEndpointInput, call: Call, onPart?: InferenceRequest["onPart"]): InferenceRequest {
  refuseWhatIsAbsent(input);
  const body = input.Body as Uint8Array;
  if (body.length > maxInvocationBytes) {
    throw new Fault(
      "ValidationError",
      `the body has ${body.length} bytes; an endpoint takes at most ${maxInvocationBytes}`,
      { status: 413 },
    );
  }
  return new Invocation(input, call, onPart);
}

/** A class, because a getter of an object literal keeps its request alive until the next full collection. */
class Invocation implements InferenceRequest {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly accept: string | undefined;
  readonly customAttributes: string | undefined;
  readonly targetVariant: string | undefined;
  readonly inferenceId: string | undefined;
  readonly onPart: InferenceRequest["onPart"] | undefined;
  readonly #call: Call;

  constructor(input: InvokeEndpointInput, call: Call, onPart: InferenceRequest["onPart"] | undefined) {
    this.body = input.Body as Uint8Array;
    this.contentType = input.ContentType ?? defaultContentType;
    this.accept = input.Accept;
    this.customAttributes = input.CustomAttributes;
    this.targetVariant = input.TargetVariant;
    this.inferenceId = input.InferenceId;
    this.onPart = onPart;
    this.#call = call;
  }

  get signal(): AbortSignal {
    return this.#call.signal; // made when it is asked for
  }
}

/** A header that would change the answer must not be passed over in silence. */
function refuseWhatIsAbsent(input: InvokeEndpointInput): void {
  const absent = absentMembers.find((name) => input[name] !== undefined);
  if (absent === undefined) return;
  if (absent === "EnableExplanations") {
    throw new Fault("ValidationError", "EnableExplanations is not supported: no endpoint has an ExplainerConfig");
  }
  throw new Fault(
    "ValidationError",
    `${absent} is not supported: an endpoint's variant has one model (COMPATIBILITY.md)`,
  );
}

const absentMembers = [
  ...(["TargetModel", "TargetContainerHostname", "InferenceComponentName", "SessionId"] as const),
  "EnableExplanations",
] as const;
