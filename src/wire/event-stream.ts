// Frames of `application/vnd.amazon.eventstream`: lengths, their CRC, headers, payload, CRC of everything before.
import { crc32 } from "node:zlib";
import { Fault } from "../kit/fault.ts";
import { bytesOf } from "./json-codec.ts";
import { jsonWriterOf } from "./json-writer.ts";
import type { Structure } from "./model.ts";

/** Each event is an object with the one union member that happened. */
export async function* encodeEvents(
  union: Structure,
  events: AsyncIterable<Record<string, unknown>>,
): AsyncGenerator<Buffer> {
  try {
    for await (const event of events) {
      const [name, value] = Object.entries(event)[0] as [string, Record<string, unknown>];
      const member = union.byName.get(name);
      if (member?.shape.kind !== "structure") throw new Error(`${union.name} has no event ${name}`);
      const payload = member.shape.members.find(({ traits }) => traits.eventPayload !== undefined);
      if (payload === undefined) {
        const body = Buffer.from(jsonWriterOf(member.shape)(value));
        yield frame({ ":message-type": "event", ":event-type": name, ":content-type": "application/json" }, body);
      } else {
        const type = payload.shape.kind === "blob" ? "application/octet-stream" : "text/plain";
        const body = bytesOf(value[payload.name] ?? "");
        yield frame({ ":message-type": "event", ":event-type": name, ":content-type": type }, body);
      }
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    yield exceptionFrame(error.code, { ...error.members, Message: error.message });
  }
}

/** A fault after the answer began travels as the last frame. */
function exceptionFrame(code: string, body: object): Buffer {
  const headers = { ":message-type": "exception", ":exception-type": code, ":content-type": "application/json" };
  return frame(headers, Buffer.from(JSON.stringify(body)));
}

const textType = 7;

function frame(headers: Record<string, string>, payload: Buffer): Buffer {
  const head = Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(Buffer.byteLength(value));
      return [Buffer.of(Buffer.byteLength(name)), Buffer.from(name), Buffer.of(textType), length, Buffer.from(value)];
    }),
  );
  const whole = Buffer.alloc(16 + head.length + payload.length);
  whole.writeUInt32BE(whole.length, 0);
  whole.writeUInt32BE(head.length, 4);
  whole.writeUInt32BE(crc32(whole.subarray(0, 8)), 8);
  head.copy(whole, 12);
  payload.copy(whole, 12 + head.length);
  whole.writeUInt32BE(crc32(whole.subarray(0, whole.length - 4)), whole.length - 4);
  return whole;
}
