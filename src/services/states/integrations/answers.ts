import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import { TaskFailure } from "../task-pool.ts";

/** An operation's output as a state sees it: bytes as text (base64 where they are none), dates as ISO texts. */
export function toJson(value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return textOf(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "object") {
    const members = Object.entries(value).filter(([, member]) => member !== undefined && typeof member !== "function");
    return Object.fromEntries(members.map(([name, member]) => [name, toJson(member)]));
  }
  return typeof value === "bigint" ? Number(value) : (value as Json);
}

/** As the SDK for Java 1 words it, which the optimized integrations use. */
export function optimizedFailure(
  error: unknown,
  { prefix, serviceText, requestId }: { prefix: string; serviceText: string; requestId: string },
): TaskFailure {
  if (!(error instanceof Fault)) return clientFailure(error, prefix);
  const { code, message, status } = error;
  // The names of errors on the wire lack the last word for the services that once spoke the query protocol.
  const wireCode = prefix === "SNS" ? code.replace(/Exception$/, "") : code;
  const text = `${message} (Service: ${serviceText}; Status Code: ${status}; Error Code: ${wireCode}; Request ID: ${requestId}; Proxy: null)`;
  return new TaskFailure(`${prefix}.${exceptionName(code)}`, text);
}

/** As the SDK for Java 2 words it, which `aws-sdk:*` uses. */
export function sdkFailure(
  error: unknown,
  { service, requestId }: { service: string; requestId: string },
): TaskFailure {
  if (!(error instanceof Fault)) return clientFailure(error, service);
  const { code, message, status } = error;
  // What the model does not know as an error of its own is the service's general exception.
  const name =
    code === "ValidationException" || code === "ValidationError" ? `${service}Exception` : exceptionName(code);
  const text = `${message} (Service: ${service}, Status Code: ${status}, Request ID: ${requestId}) (SDK Attempt Count: 1)`;
  return new TaskFailure(`${service}.${name}`, text);
}

function clientFailure(error: unknown, service: string): TaskFailure {
  return new TaskFailure(`${service}.SdkClientException`, error instanceof Error ? error.message : String(error));
}

function exceptionName(code: string): string {
  return code.endsWith("Exception") ? code : `${code}Exception`;
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("base64");
  }
}
