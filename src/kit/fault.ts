/** A fault is the caller's business: it carries AWS's error code, a sentence and an HTTP status, and is answered as such. */
export class Fault extends Error {
  readonly code: string;
  readonly status: number;
  /** Whether a caller that sends the same request again may succeed. */
  readonly isRetryable: boolean;
  /** Further members of the modelled error shape, such as `OriginalStatusCode`. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "Fault";
    this.code = code;
    this.status = options.status ?? 400;
    this.isRetryable = options.isRetryable ?? (this.status >= 500 || this.status === 429);
    this.members = options.members ?? {};
  }
}

export interface FaultOptions {
  status?: number;
  isRetryable?: boolean;
  members?: Record<string, unknown>;
  cause?: unknown;
}
