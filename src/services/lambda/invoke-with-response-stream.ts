// InvokeWithResponseStream: the result part by part, while the function makes it; of a function that does not stream, whole.
import type {
  InvokeWithResponseStreamRequest,
  InvokeWithResponseStreamResponseEvent as StreamEvent,
} from "@aws-sdk/client-lambda";
import type { ResponseStream } from "../../functions/function-spec.ts";
import type { InvokeResult } from "../../ports/functions.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { LambdaContext } from "./lambda-context.ts";

export function streamHandlers({ invokeFunction }: LambdaContext): Record<string, Handler> {
  return {
    async InvokeWithResponseStream(input: InvokeWithResponseStreamRequest, call: Call) {
      const request = {
        ...{ functionName: input.FunctionName!, qualifier: input.Qualifier, clientContext: input.ClientContext },
        payload: (input.Payload as Uint8Array | undefined) ?? new Uint8Array(),
        ...{ requestId: call.requestId, region: call.region, accountId: call.accountId, signal: call.signal },
      };
      const { version } = invokeFunction.check(request);
      if (input.InvocationType === "DryRun") {
        return { StatusCode: 204, ExecutedVersion: version, EventStream: nothing() };
      }
      const pipe = singlePipe(call.signal);
      const running = invokeFunction.run({ ...request, stream: pipe });
      running.then(pipe.end, pipe.end); // whoever reads is told by `running` itself
      await Promise.race([pipe.begun, running]); // what fails before anything was said is answered as a fault
      return {
        StatusCode: 200,
        ExecutedVersion: version,
        EventStream: events(pipe.chunks(), running, input.LogType === "Tail"),
      };
    },
  };
}

async function* nothing(): AsyncGenerator<StreamEvent> {}

async function* events(
  chunks: AsyncIterable<Uint8Array>,
  running: Promise<InvokeResult>,
  wantsLog: boolean,
): AsyncGenerator<StreamEvent> {
  for await (const Payload of chunks) yield { PayloadChunk: { Payload } };
  const { payload, functionError, logTail } = await running;
  if (functionError === undefined && payload.byteLength > 0) yield { PayloadChunk: { Payload: payload } };
  yield {
    InvokeComplete: {
      ...(functionError && { ErrorCode: functionError, ErrorDetails: Buffer.from(payload).toString() }),
      ...(wantsLog && { LogResult: Buffer.from(logTail).toString("base64") }),
    },
  };
}

/** One writer, one reader, and never more than one chunk between them: the function goes as fast as its caller reads. */
function singlePipe(signal: AbortSignal) {
  let held: Uint8Array | undefined;
  let isEnded = false;
  let wakeReader = () => {};
  let wakeWriter = () => {};
  let tellBegun = () => {};
  const begun = new Promise<void>((resolve) => {
    tellBegun = resolve;
  });
  // A caller that went away reads nothing more; the function runs to its end, as on AWS.
  signal.addEventListener("abort", () => wakeWriter(), { once: true });
  const stream: ResponseStream = {
    async write(chunk) {
      if (signal.aborted) return;
      tellBegun();
      held = chunk;
      wakeReader();
      await new Promise<void>((resolve) => {
        wakeWriter = resolve;
      });
    },
  };
  return {
    ...stream,
    begun,
    end() {
      isEnded = true;
      wakeReader();
    },
    async *chunks(): AsyncGenerator<Uint8Array> {
      for (;;) {
        if (held !== undefined) {
          const chunk = held;
          held = undefined;
          yield chunk;
          wakeWriter();
        } else if (isEnded) return;
        else {
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
        }
      }
    },
  };
}
