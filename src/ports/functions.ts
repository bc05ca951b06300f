/** How services invoke a function: by name or ARN (any account, any region), with bytes in and bytes out. */
export interface Functions {
  invoke(name: string, payload: Uint8Array, options?: InvokeOptions): Promise<InvokeResult>;
}

export interface InvokeOptions {
  /** `Event` answers at once and retries on failure; the default waits for the result. */
  invocationType?: "RequestResponse" | "Event";
  clientContext?: string;
  signal?: AbortSignal;
}

export interface InvokeResult {
  /** The handler's bytes, unchanged; an error object when `functionError` is set; empty for `Event`. */
  payload: Uint8Array;
  functionError?: "Unhandled";
  executedVersion: string;
  requestId: string;
  /** The last 4 KB of the log. */
  logTail: string;
}
