import { Fault } from "../../../kit/fault.ts";
import { isJson, type Json } from "../../../kit/json.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Functions, InvokeResult } from "../../../ports/functions.ts";
import { isTooDeep, tooDeepText } from "../json-text.ts";
import { TaskFailure } from "../task-pool.ts";
import { httpDate, httpMetadata } from "./http-metadata.ts";

/** A function's ARN as the resource: the payload goes in and comes out as it is. */
export async function callFunction(
  lambda: { functions: Functions; clock: Clock },
  { name, input, signal }: { name: string; input: Json; signal: AbortSignal },
): Promise<Json> {
  const { payload } = await invoke(lambda, { name, payload: Buffer.from(JSON.stringify(input)), signal });
  return parsed(payload);
}

/** `arn:aws:states:::lambda:invoke`. */
export async function invokeLambda(
  lambda: { functions: Functions; clock: Clock },
  { parameters, signal }: { parameters: { [name: string]: Json }; signal: AbortSignal },
): Promise<Json> {
  const { FunctionName, Payload, InvocationType, ClientContext, Qualifier } = parameters;
  const name = typeof Qualifier === "string" ? `${FunctionName}:${Qualifier}` : String(FunctionName);
  const result = await invoke(lambda, {
    name,
    payload: Buffer.from(payloadText(Payload)),
    invocationType: InvocationType === "Event" ? "Event" : undefined,
    clientContext: typeof ClientContext === "string" ? ClientContext : undefined,
    signal,
  });
  return resultOf(result, { clock: lambda.clock, isEvent: InvocationType === "Event" });
}

/** A text that is JSON is sent as that JSON; any other text is sent as a JSON string. */
export function payloadText(payload: Json | undefined): string {
  if (payload === undefined || payload === null) return "{}";
  if (typeof payload === "string" && isJson(payload)) return payload;
  return JSON.stringify(payload);
}

function resultOf(result: InvokeResult, { clock, isEvent }: { clock: Clock; isEvent: boolean }): Json {
  const { executedVersion, payload, requestId } = result;
  const headers: [string, string][] = [
    ["X-Amz-Executed-Version", executedVersion],
    ["x-amzn-Remapped-Content-Length", "0"],
    ["Connection", "keep-alive"],
    ["x-amzn-RequestId", requestId],
    ["Content-Length", String(payload.length)],
    ["Date", httpDate(clock.now())],
    ["X-Amzn-Trace-Id", traceId(clock.now(), requestId)],
    ["Content-Type", "application/json"],
  ];
  return {
    ExecutedVersion: executedVersion,
    ...(isEvent ? {} : { Payload: parsed(payload) }),
    SdkHttpMetadata: { ...httpMetadata(headers), HttpStatusCode: isEvent ? 202 : 200 },
    SdkResponseMetadata: { RequestId: requestId },
    StatusCode: isEvent ? 202 : 200,
  };
}

async function invoke(
  { functions, clock }: { functions: Functions; clock: Clock },
  call: {
    name: string;
    payload: Uint8Array;
    invocationType?: "Event";
    clientContext?: string;
    signal: AbortSignal;
  },
): Promise<InvokeResult> {
  const { name, payload, ...options } = call;
  let result: InvokeResult;
  try {
    result = await functions.invoke(name, payload, options);
  } catch (error) {
    throw failureOf(error, clock.uuid());
  }
  if (result.functionError !== undefined) throw functionFailure(result.payload);
  return result;
}

/** The handler's own error: its type is the error's name, its error object the cause. */
function functionFailure(payload: Uint8Array): TaskFailure {
  const error = parsed(payload);
  const errorType =
    error !== null && typeof error === "object" && !Array.isArray(error) ? error["errorType"] : undefined;
  return new TaskFailure(typeof errorType === "string" ? errorType : "Unhandled", JSON.stringify(error));
}

/** What Lambda itself answers: the names that the usual Retry blocks list, which handlers never raise. */
function failureOf(error: unknown, requestId: string): unknown {
  if (!(error instanceof Fault)) {
    const message = error instanceof Error ? error.message : String(error);
    return new TaskFailure("Lambda.SdkClientException", message);
  }
  const { code, message, status } = error;
  const name = code.endsWith("Exception") ? code : `${code}Exception`;
  return new TaskFailure(
    `Lambda.${name}`,
    `${message} (Service: AWSLambda; Status Code: ${status}; Error Code: ${code}; Request ID: ${requestId}; Proxy: null)`,
  );
}

function parsed(payload: Uint8Array): Json {
  const text = Buffer.from(payload).toString();
  if (isTooDeep(text)) throw new TaskFailure("States.Runtime", tooDeepText);
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function traceId(ms: number, requestId: string): string {
  const hex = requestId.replaceAll("-", "").padEnd(24, "0").slice(0, 24);
  return `root=1-${Math.trunc(ms / 1000).toString(16)}-${hex};parent=${hex.slice(0, 16)};sampled=0`;
}
