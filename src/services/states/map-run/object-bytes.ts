import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { Operations } from "../../../ports/operations.ts";
import { readerFailure } from "./csv.ts";

type Fields = { [name: string]: Json };

/** Below what an operation answers in one piece. */
const rangeBytes = 4 * 2 ** 20;
/** What must be in memory at once: a document of JSON. */
const maxDocumentBytes = 128 * 2 ** 20;

export interface ObjectReader {
  operations: Operations;
  signal: AbortSignal;
}

/** An object piece by piece, decompressed where it is compressed by gzip. */
export async function* objectBytes(reader: ObjectReader, parameters: Fields): AsyncGenerator<Buffer> {
  const pieces = rawPieces(reader, parameters);
  const { value: first, done } = await pieces.next();
  if (done) return;
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield first;
    yield* pieces;
  };
  if (first[0] !== 0x1f || first[1] !== 0x8b) {
    yield* whole();
    return;
  }
  const gunzip = createGunzip();
  pipeline(Readable.from(whole()), gunzip, () => {}); // An error comes out of the iteration below.
  try {
    for await (const piece of gunzip) yield piece as Buffer;
  } catch (error) {
    if (!(error as { code?: string }).code?.startsWith("Z_")) throw error;
    throw readerFailure(`The object could not be decompressed: ${(error as Error).message}`);
  }
}

/** The text of an object piece by piece; a byte order mark is dropped, a character is never cut. */
export async function* objectTexts(reader: ObjectReader, parameters: Fields): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8");
  for await (const piece of objectBytes(reader, parameters)) yield decoder.decode(piece, { stream: true });
  yield decoder.decode();
}

export async function wholeText(reader: ObjectReader, parameters: Fields): Promise<string> {
  const texts: string[] = [];
  let length = 0;
  for await (const text of objectTexts(reader, parameters)) {
    texts.push(text);
    length += text.length;
    if (length > maxDocumentBytes) {
      throw readerFailure(`Scones reads documents of JSON of at most ${maxDocumentBytes} bytes: use JSONL or CSV.`);
    }
  }
  return texts.join("");
}

async function* rawPieces({ operations, signal }: ObjectReader, parameters: Fields): AsyncGenerator<Buffer> {
  let total = Number.POSITIVE_INFINITY;
  let read = 0;
  for (let etag: unknown; read < total; ) {
    // The object must stay the same from the first piece to the last.
    const range = { Range: `bytes=${read}-${read + rangeBytes - 1}`, ...(etag === undefined ? {} : { IfMatch: etag }) };
    const { output } = await operations
      .call("s3", "GetObject", { ...parameters, ...range }, { signal })
      .catch((error: unknown) => {
        // No range fits an object without bytes.
        if (read === 0 && error instanceof Fault && error.code === "InvalidRange") return { output: {} };
        throw error;
      });
    const answer: Record<string, unknown> = output;
    const piece = bytesOf(answer["Body"]);
    etag = answer["ETag"];
    const size = /\/(\d+)$/.exec(String(answer["ContentRange"]))?.[1];
    total = size === undefined ? 0 : Number(size);
    if (piece.length === 0) return;
    read += piece.length;
    yield piece;
  }
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  return typeof body === "string" ? Buffer.from(body) : Buffer.from(body as Uint8Array);
}
