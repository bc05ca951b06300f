/** A fault is the caller's business: it carries AWS's error code, a sentence and an HTTP status, and is answered as such. */
export class Fault extends Error {
  readonly code: string;
  readonly status: number;
  /** Whether a caller that sends the same request again may succeed. */
  readonly isRetryable: boolean;
  /** Further members of the modelled error shape, such as `OriginalStatusCode`. */
  readonly members: Readonly<Record<string, unknown>>;
  /** Headers that are answered with it, in lower case: some of S3's faults tell their reason there. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "Fault";
    this.code = code;
    this.status = options.status ?? 400;
    this.isRetryable = options.isRetryable ?? (this.status >= 500 || this.status === 429);
    this.members = options.members ?? {};
    this.headers = options.headers ?? {};
  }
}

export interface FaultOptions {
  status?: number;
  isRetryable?: boolean;
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
  cause?: unknown;
}
