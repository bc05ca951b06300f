import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { Fault } from "../kit/fault.ts";

/** A whole body, refused as soon as it is larger than `limitBytes`. */
export function readBody(stream: Readable, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const declared = Number((stream as IncomingMessage).headers?.["content-length"] ?? 0);
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    // Not `for await`: leaving its loop would destroy the socket before the refusal is answered.
    const onData = (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) refuse();
      else chunks.push(chunk);
    };
    const refuse = () => {
      stream.off("data", onData);
      stream.resume();
      reject(tooLarge(limitBytes));
    };
    stream.on("error", reject);
    const onClose = () => reject(new Fault("RequestAborted", "the caller went away before its body ended"));
    stream.on("close", onClose);
    if (declared > limitBytes) return refuse();
    stream.on("data", onData);
    stream.on("end", () => {
      stream.off("close", onClose);
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
  });
}

/** Clients compress what is large; the limit holds for what comes out. */
export function inflate(body: Buffer, encoding: string | undefined, limitBytes: number): Buffer {
  if (encoding !== "gzip" || body.length === 0) return body;
  try {
    return gunzipSync(body, { maxOutputLength: limitBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(limitBytes);
    throw new Fault("SerializationException", "the body is not the gzip stream that its header says", { cause: error });
  }
}

function tooLarge(limitBytes: number): Fault {
  return new Fault("RequestEntityTooLargeException", `Request must be smaller than ${limitBytes} bytes`, {
    status: 413,
  });
}
