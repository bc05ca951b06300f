import { InvokeEndpointCommand } from "@aws-sdk/client-sagemaker-runtime";
import type { Clients } from "../clients.ts";
import { contentTypeOf } from "./stage.ts";

export interface Classification {
  /** Softmax values in class order. */
  probabilities: number[];
  label: number;
  confidence: number;
}

/** Asks the endpoint what one picture shows. */
export async function classify(
  clients: Clients,
  endpointName: string,
  image: { name: string; bytes: Uint8Array },
  signal?: AbortSignal,
): Promise<Classification> {
  const answer = await clients.runtime.send(
    new InvokeEndpointCommand({
      EndpointName: endpointName,
      ContentType: contentTypeOf(image.name),
      Body: image.bytes,
    }),
    { abortSignal: signal },
  );
  return classificationOf(JSON.parse(Buffer.from(answer.Body ?? []).toString()) as number[]);
}

export function classificationOf(probabilities: number[]): Classification {
  const confidence = Math.max(...probabilities);
  return { probabilities, label: probabilities.indexOf(confidence), confidence };
}
