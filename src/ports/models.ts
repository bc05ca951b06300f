/** How services ask an endpoint for an inference. Faults are those of the SageMaker runtime: ValidationError, ModelError, ServiceUnavailable. */
export interface Models {
  invoke(endpointName: string, request: InferenceRequest): Promise<InferenceResponse>;
}

export interface InferenceRequest {
  body: Uint8Array;
  contentType: string;
  accept?: string;
  customAttributes?: string;
  targetVariant?: string;
  inferenceId?: string;
  /** How long the model may take; that of a synchronous invocation by default. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface InferenceResponse {
  body: Uint8Array;
  contentType: string;
  variantName: string;
  customAttributes?: string;
}
