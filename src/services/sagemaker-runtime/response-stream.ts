import type { InvokeEndpointWithResponseStreamOutput } from "@aws-sdk/client-sagemaker-runtime";
import { Fault } from "../../kit/fault.ts";
import type { InferencePart, InferenceRequest, InferenceResponse } from "../../ports/models.ts";

/**
 * The answer as a stream of events: a piece for each that the model sends, or one piece of all from a model that answers as a
 * whole. What fails before the first piece is an ordinary error; after it, the last event. The pieces are held until the
 * caller reads them, within the bound of any answer.
 */
export async function invokeWithResponseStream(
  invoke: (onPart: InferenceRequest["onPart"]) => Promise<InferenceResponse>,
): Promise<InvokeEndpointWithResponseStreamOutput> {
  const waiting: InferencePart[] = [];
  let wake: () => void = () => undefined;
  let outcome: { answer: InferenceResponse } | { error: unknown } | undefined;
  const invoked = invoke((part) => {
    waiting.push(part);
    wake();
  });
  const ended = invoked
    .then(
      (answer) => {
        outcome = { answer };
      },
      (error: unknown) => {
        outcome = { error };
      },
    )
    .then(() => wake());
  const somethingNew = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  while (waiting.length === 0 && outcome === undefined) await Promise.race([somethingNew(), ended]);
  const first = waiting[0] ?? (await invoked);

  async function* events() {
    if (waiting.length === 0) yield { PayloadPart: { Bytes: first.body } };
    for (;;) {
      for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
        yield { PayloadPart: { Bytes: part.body } };
      }
      if (outcome !== undefined && "error" in outcome) throw brokenStream(outcome.error);
      if (outcome !== undefined) return;
      await Promise.race([somethingNew(), ended]);
    }
  }
  return {
    Body: events(),
    ContentType: first.contentType,
    ...(first.variantName === undefined ? {} : { InvokedProductionVariant: first.variantName }),
    ...(first.customAttributes === undefined ? {} : { CustomAttributes: first.customAttributes }),
  } as InvokeEndpointWithResponseStreamOutput;
}

function brokenStream(error: unknown): unknown {
  if (!(error instanceof Fault)) return error;
  const isTimeout = error.message.includes("timed out");
  const ErrorCode = isTimeout ? "ModelInvocationTimeExceeded" : "StreamBroken";
  return new Fault("ModelStreamError", error.message, { members: { ErrorCode }, cause: error });
}
