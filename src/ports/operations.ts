/** Calls any operation of any AWS service that Scones has, in process and through the same model-driven checks as over HTTP. */
export interface Operations {
  /** `service` is the model's name (`sagemaker`, `sns`, `lambda`, `s3` ...); names are PascalCase. Modelled errors are thrown as `Fault`. */
  call(service: string, operation: string, input: object, options?: { signal?: AbortSignal }): Promise<OperationAnswer>;
  has(service: string, operation: string): boolean;
}

export interface OperationAnswer {
  /** PascalCase members; blobs are bytes, timestamps are dates. */
  output: Record<string, unknown>;
  requestId: string;
}
