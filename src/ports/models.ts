import type { Readable } from "node:stream";

/** How services ask an endpoint for an inference. Faults are those of the SageMaker runtime: ValidationError, ModelError, ServiceUnavailable. */
export interface Models {
  invoke(endpointName: string, request: InferenceRequest): Promise<InferenceResponse>;
}

export interface InferenceRequest {
  body: Uint8Array;
  /** In the place of `body`: what is too large to be held. Only models that are programs of their own take it. */
  source?: InferenceSource;
  contentType: string;
  accept?: string;
  customAttributes?: string;
  targetVariant?: string;
  inferenceId?: string;
  /** How long the model may take; that of a synchronous invocation by default. */
  timeoutMs?: number;
  /** Told of each piece of a good answer as it comes, where the model sends pieces; the whole answer follows all the same. */
  onPart?: (part: InferencePart) => void;
  signal?: AbortSignal;
}

export interface InferenceSource {
  /** Absent where nobody knows before it is read. */
  sizeBytes?: number;
  /** The bytes from the beginning, for every try anew. */
  open(): Promise<Readable>;
}

export interface InferencePart {
  body: Uint8Array;
  contentType: string;
  customAttributes?: string;
  /** Said by the endpoint. */
  variantName?: string;
}

export interface InferenceResponse {
  body: Uint8Array;
  contentType: string;
  variantName: string;
  customAttributes?: string;
}

/** The other way to ask: what is taken is kept until it is answered, and the answer is an object in a bucket. */
export interface AsyncModels {
  /** The fault ValidationError when the endpoint is not one of that kind; ServiceUnavailable when too many wait. */
  submit(endpointName: string, request: AsyncInferenceRequest): Promise<AsyncInferenceTicket>;
}

export interface AsyncInferenceRequest {
  /** An `s3://` address, or the bytes themselves. */
  input: { location: string } | { body: Uint8Array };
  contentType: string;
  accept?: string;
  customAttributes?: string;
  inferenceId?: string;
  /** How long it may wait. */
  ttlMs: number;
  /** How long the model may take. */
  timeoutMs: number;
  /** Below the endpoint's output path, and the object's name there. */
  outputExtension?: string;
  fileName?: string;
}

export interface AsyncInferenceTicket {
  inferenceId: string;
  outputLocation: string;
  failureLocation?: string;
}
