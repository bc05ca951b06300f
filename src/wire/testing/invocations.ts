// A server with two operations, InvokeEndpoint and StartExecution, that notes what reaches it; with and without the quick lane.
import { connect, type Socket } from "node:net";
import { createWireServer, type WireOptions } from "../server.ts";
import type { Call } from "../service.ts";

export interface Invoked {
  EndpointName: string;
  Body: string;
  ContentType?: string;
  InferenceId?: string;
}

export interface InvocationServerOptions extends Partial<WireOptions> {
  isQuick: boolean;
  isFull?: () => boolean;
  answer?: (call: Call) => Promise<void>;
}

export async function invocationServer({ isQuick, isFull, answer, ...options }: InvocationServerOptions) {
  const invoked: Invoked[] = [];
  const refused = { status: 503, headers: { "retry-after": "1" }, body: Buffer.from("full") };
  const quick = {
    kinds: [
      { prefix: "POST /endpoints/", maxBodyBytes: 6_291_456, refusal: () => (isFull?.() ? refused : undefined) },
      { prefix: "POST / HTTP/1.1\r\n", maxBodyBytes: 65_536 },
    ],
    takes: (operation: string) => operation !== "states.GetActivityTask",
  };
  const server = await createWireServer({
    services: [
      {
        name: "sagemaker-runtime",
        handlers: {
          InvokeEndpoint: async (input: Invoked & { Body: Uint8Array }, call: Call) => {
            invoked.push({ ...input, Body: Buffer.from(input.Body).toString("latin1") });
            await answer?.(call);
            const Body = Buffer.from(`${input.EndpointName} got ${input.Body.length} bytes`);
            return { Body, ContentType: "text/plain", InvokedProductionVariant: "all" };
          },
          InvokeEndpointWithResponseStream: () => ({ Body: pieces(), ContentType: "text/plain" }),
        },
      },
      {
        name: "states",
        handlers: {
          StartExecution: (input: { stateMachineArn: string; name?: string; input?: string }) => {
            const InferenceId = input.name ?? "";
            invoked.push({ EndpointName: input.stateMachineArn, Body: input.input ?? "", InferenceId });
            return { executionArn: `arn:ä:${InferenceId}`, startDate: new Date(0) };
          },
        },
      },
    ],
    port: 0,
    clock: { now: () => Date.now(), uuid: () => crypto.randomUUID() },
    report: () => undefined,
    ...options,
    ...(isQuick ? { quick } : {}),
  });
  return { ...server, invoked };
}

async function* pieces() {
  yield { PayloadPart: { Bytes: Buffer.from("a piece") } };
}

/** A request as SDKs write it. */
export function invocation(body: string, { headers = [] }: { headers?: string[] } = {}): string {
  const head = [
    "POST /endpoints/colours/invocations HTTP/1.1",
    "Host: localhost",
    "Content-Type: image/png",
    ...headers,
  ];
  return `${[...head, `Content-Length: ${body.length}`].join("\r\n")}\r\n\r\n${body}`;
}

/** A JSON call as SDKs write it. */
export function start(name: string, { headers = [] }: { headers?: string[] } = {}): string {
  const body = JSON.stringify({ stateMachineArn: "arn:machine", name, input: "{}" });
  const head = [
    "POST / HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/x-amz-json-1.0",
    "X-Amz-Target: AWSStepFunctions.StartExecution",
    ...headers,
  ];
  return `${[...head, `Content-Length: ${body.length}`].join("\r\n")}\r\n\r\n${body}`;
}

/** A connection that bytes are written to as they are. */
export async function rawConnection(port: number) {
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let received = "";
  let changed = (): void => undefined;
  let isClosed = false;
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    changed();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
    changed();
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  const answers = (): string[] => wholeAnswers(received);
  return {
    socket,
    write: (text: string) => void socket.write(text, "latin1"),
    end: () => void socket.end(),
    isClosed: () => isClosed,
    /** So many answers, or all there are when the server closes. */
    async answers(count: number): Promise<string[]> {
      while (answers().length < count && !isClosed) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
      return answers();
    },
    async closed(): Promise<string[]> {
      return this.answers(Number.POSITIVE_INFINITY);
    },
  };
}

/** Each as status and body. */
function wholeAnswers(text: string): string[] {
  const answers: string[] = [];
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end === -1) return answers;
    const head = text.slice(at, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (text.length < end + 4 + length) return answers;
    answers.push(`${head.slice(9, 12)} ${text.slice(end + 4, end + 4 + length)}`);
    at = end + 4 + length;
  }
}
