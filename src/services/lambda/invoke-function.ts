import type { ResponseStream } from "../../functions/function-spec.ts";
import { Fault } from "../../kit/fault.ts";
import type { InvokeResult } from "../../ports/functions.ts";
import { specOf } from "./function-records.ts";
import { arnOf, type LambdaContext } from "./lambda-context.ts";
import { parseFunctionName } from "./names.ts";

/** AWS's limit of a synchronous event: 6 MiB. */
const maxEventBytes = 6 * 1024 * 1024;

export interface InvokeRequest {
  /** A name or an ARN, as the caller wrote it. */
  functionName: string;
  qualifier?: string;
  payload: Uint8Array;
  /** JSON, or its base64 as it comes in the header. */
  clientContext?: string;
  requestId: string;
  region: string;
  accountId: string;
  signal?: AbortSignal;
  /** Takes the result of a function that streams, part by part. */
  stream?: ResponseStream;
}

export interface InvokeFunction {
  /** Runs the function once and answers what it said. */
  run(request: InvokeRequest): Promise<InvokeResult>;
  /** Fails as `run` would before it runs anything; else answers which version that would be. */
  check(request: InvokeRequest): { version: string };
}

type Needs = Pick<LambdaContext, "records" | "code" | "environments" | "clock" | "metrics">;

export function invokeFunction({ records, code, environments, clock, metrics }: Needs): InvokeFunction {
  function prepare(request: InvokeRequest) {
    const wanted = parseFunctionName(request.functionName, request.qualifier);
    const arn = arnOf(request, wanted.name);
    const routed = { ...wanted, qualifier: records.routedVersion(wanted, clock.random()) };
    const { record, configuration } = records.resolve(routed, `${arn}:${wanted.qualifier ?? "$LATEST"}`);
    checkEvent(request.payload);
    const suffix = wanted.qualifier === undefined ? "" : `:${wanted.qualifier}`;
    const isArn = request.functionName.startsWith("arn:");
    // Events, history and context keep the ARN as the caller wrote it.
    const invokedArn = isArn ? request.functionName : `${record.configuration.FunctionArn}${suffix}`;
    return { spec: specOf(record, configuration, code.folderOf(configuration.CodeSha256)), invokedArn };
  }

  return {
    check: (request) => ({ version: prepare(request).spec.version }),
    async run(request) {
      const { spec, invokedArn } = prepare(request);
      const { requestId, signal, stream } = request;
      const event = request.payload.byteLength === 0 ? Buffer.from("{}") : request.payload;
      const clientContext = decodeClientContext(request.clientContext);
      const invocation = { requestId, event, invokedArn, clientContext, stream };
      const ended = metrics.began(spec.name);
      try {
        const outcome = await environments.invoke(spec, invocation, { signal }).catch((error: unknown) => {
          if (error instanceof Fault && error.status === 429) metrics.throttled(spec.name);
          return asInvokeFault(error);
        });
        metrics.ran(spec.name, outcome);
        return {
          payload: outcome.payload,
          ...(outcome.isError && { functionError: "Unhandled" as const }),
          executedVersion: spec.version,
          requestId,
          logTail: outcome.logTail,
        };
      } finally {
        ended();
      }
    },
  };
}

function checkEvent(payload: Uint8Array): void {
  if (payload.byteLength > maxEventBytes) {
    throw new Fault(
      "RequestTooLargeException",
      `${payload.byteLength} byte payload is too large for the RequestResponse invocation type (limit ${maxEventBytes} bytes)`,
      { status: 413, members: { Type: "User" } },
    );
  }
  if (payload.byteLength === 0) return;
  try {
    JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `Could not parse request body into json: Could not parse payload into json: ${reason}`;
    throw new Fault("InvalidRequestContentException", message, { cause: error, members: { Type: "User" } });
  }
}

/** In the header it is base64; the function receives the JSON itself. */
function decodeClientContext(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const json = text.trimStart().startsWith("{") ? text : Buffer.from(text, "base64").toString();
  try {
    JSON.parse(json);
    return json;
  } catch (error) {
    const message = "Client context must be a valid Base64-encoded JSON object.";
    throw new Fault("InvalidRequestContentException", message, { cause: error, members: { Type: "User" } });
  }
}

// Nothing to run the function with: Invoke has its own name for that.
function asInvokeFault(error: unknown): never {
  if (!(error instanceof Fault) || error.code !== "InvalidParameterValueException") throw error;
  const options = { status: 502, cause: error, isRetryable: false, members: { Type: "User" } };
  throw new Fault("InvalidRuntimeException", error.message, options);
}
