import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { readBody } from "./body.ts";
import type { Answer } from "./write-answer.ts";

/** Bodies up to this size leave together with their head. */
const maxJoinedBytes = 16 * 1024;

/** Sends an answer; the promise is of what could not be sent at once. */
export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  drainBytes: number,
): Promise<void> | undefined {
  if (answer.status === 503) answer.headers["retry-after"] ??= "1";
  if (!request.complete) return drain(request, drainBytes).then(() => sendDrained(request, response, answer));
  return sendDrained(request, response, answer);
}

function sendDrained(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> | undefined {
  const { status, headers, body } = answer;
  if (!request.complete) headers["connection"] = "close";
  const hasBody = request.method !== "HEAD" && status !== 204 && status !== 304;
  if (body instanceof Readable) return sendStream(response, answer, hasBody);
  sendWhole(response, answer, hasBody ? body : undefined);
  return undefined;
}

function sendWhole(
  response: ServerResponse,
  { status, headers }: Pick<Answer, "status" | "headers">,
  bytes: string | Buffer | undefined,
): void {
  if (bytes === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const lengthBytes = typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.length;
  headers["content-length"] ??= String(lengthBytes);
  response.writeHead(status, headers);
  // Text leaves with its head in one write; bytes would need two, which costs more than this copy.
  if (typeof bytes === "string") response.end(bytes, lengthBytes === bytes.length ? "latin1" : "utf8");
  else if (lengthBytes <= maxJoinedBytes) response.end(bytes.toString("latin1"), "latin1");
  else response.end(bytes);
}

async function sendStream(
  response: ServerResponse,
  { status, headers, body }: Answer,
  hasBody: boolean,
): Promise<void> {
  const stream = body as Readable;
  const declaredBytes = Number(headers["content-length"] ?? Number.NaN);
  if (hasBody && declaredBytes <= maxJoinedBytes) {
    // Reading so little at once costs a third of a pipeline. Nothing was sent yet, but what breaks off is told as below.
    const whole = await readBody(stream, maxJoinedBytes).catch(() => undefined);
    if (whole?.length !== declaredBytes) response.destroy();
    else sendWhole(response, { status, headers }, whole);
    return;
  }
  response.writeHead(status, headers);
  if (!hasBody) {
    stream.destroy();
    response.end();
    return;
  }
  // A body that breaks off after its head was sent can only be told by breaking the connection, which pipeline does.
  await pipeline(stream, response).catch(() => {});
}

function drain(request: IncomingMessage, limitBytes: number): Promise<void> {
  return new Promise((resolve) => {
    let sizeBytes = 0;
    request.unpipe();
    request.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) {
        request.pause();
        resolve();
      }
    });
    request.on("end", resolve);
    request.on("close", resolve);
    request.resume();
  });
}
