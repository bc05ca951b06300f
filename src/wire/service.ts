/** What a service hands to the wire: one typed handler per operation. Everything else (routes, parsing, checks, answers, faults) comes from the model. */
export interface Service {
  /** The model's name: the file `models/<name>.json`. */
  name: string;
  handlers: Record<string, Handler>;
}

// Handlers are written against the input and output types of the AWS SDK (`import type`), so their parameters differ from
// operation to operation; the wire only ever hands them what the model's own parser made.
// biome-ignore lint/suspicious/noExplicitAny: the one place where differently typed handlers share a table
export type Handler = (input: any, call: Call) => Promise<object> | object;

/** What a handler may know of the request beside its input. */
export interface Call {
  requestId: string;
  /** From the credential scope; the configured defaults when unsigned. Used to name things, never to find them. */
  region: string;
  accountId: string;
  /** The address the caller used, such as `http://127.0.0.1:4566`. */
  baseUrl: string;
  /** Where the request came from; absent for calls from within. */
  callerAddress?: string | undefined;
  /** Aborted when the caller went away. */
  signal: AbortSignal;
  /**
   * Aborted also when the server ends: who waits for something to happen, such as a message, is then answered without it.
   * Absent for calls from within.
   */
  patience?: AbortSignal;
}
