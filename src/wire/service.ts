/** What a service hands to the wire: one typed handler per operation. Everything else (routes, parsing, checks, answers, faults) comes from the model. */
export interface Service {
  /** The model's name: the file `models/<name>.json`. */
  name: string;
  handlers: Record<string, Handler>;
  /** What only S3 has: buckets that web pages may use. */
  pages?: Pages;
}

/** What web pages do, which no SDK models. */
export interface Pages {
  /** The headers by which a browser lets a page of another origin have an answer; throws where no rule of the bucket allows it. */
  allow(request: PageRequest): Record<string, string>;
  /** Stores the file of a form. */
  upload(form: UploadForm, call: Call): Promise<FormAnswer>;
}

export interface PageRequest {
  bucket: string;
  isOfObject: boolean;
  /** Absent where the browser says none. */
  origin: string | undefined;
  method: string;
  /** What the page sends of its own, in lower case: told before the request itself. */
  headers: readonly string[];
}

export interface UploadForm {
  bucket: string;
  /** By name in lower case: those before the file. */
  fields: ReadonlyMap<string, string>;
  /** As the browser calls it. */
  fileName: string;
  file: AsyncIterable<Uint8Array>;
}

export interface FormAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
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
