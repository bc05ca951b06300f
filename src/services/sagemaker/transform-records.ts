import type { CreateTransformJobRequest } from "@aws-sdk/client-sagemaker";
import type { Json } from "../../kit/json.ts";
import type { InferenceSource } from "../../ports/models.ts";
import { parseRecordPath, type RecordPath, select } from "./transform-path.ts";
import { type RawRecord, RecordError, recordsOf, type Split, tooLarge } from "./transform-split.ts";

/*
 * What a transform job does to the bytes of an object: cut into records, packed into requests, and put together again from the
 * answers, in the order of the input. Piece by piece: an object may be larger than memory.
 */

export interface Processing {
  split: Split;
  /** One record to a request, or as many as fit. */
  isSingle: boolean;
  maxPayloadBytes: number;
  form: "csv" | "json" | "bytes";
  isAssembledByLine: boolean;
  inputFilter?: RecordPath;
  outputFilter?: RecordPath;
  isJoined: boolean;
  /** Adds SageMakerInferenceId and SageMakerInferenceTime. */
  isIdentified: boolean;
}

const megabyte = 1024 * 1024;
/** As AWS bounds MaxConcurrentTransforms * MaxPayloadInMB, which is what a job holds in memory. */
export const maxMegabytesAtOnce = 100;
const defaultMaxPayload = 6;

export function processingOf(request: Omit<CreateTransformJobRequest, "Tags">): Processing {
  const { TransformInput: input, TransformOutput: output, DataProcessing: data } = request;
  const inputFilter = parseRecordPath(data?.InputFilter, "InputFilter");
  const outputFilter = parseRecordPath(data?.OutputFilter, "OutputFilter");
  return {
    split: input?.SplitType ?? "None",
    isSingle: request.BatchStrategy === "SingleRecord",
    maxPayloadBytes: maxPayloadMegabytes(request) * megabyte,
    form: formOf(input?.ContentType),
    isAssembledByLine: output?.AssembleWith === "Line",
    isJoined: data?.JoinSource === "Input",
    isIdentified: request.DataCaptureConfig?.GenerateInferenceId === true,
    ...(inputFilter === undefined ? {} : { inputFilter }),
    ...(outputFilter === undefined ? {} : { outputFilter }),
  };
}

/** 0 is no limit: what need not be looked at is then sent as it is, and the rest as large as may be. */
export function maxPayloadMegabytes({
  MaxPayloadInMB: most = defaultMaxPayload,
}: {
  MaxPayloadInMB?: number | undefined;
}): number {
  return most === 0 ? maxMegabytesAtOnce : most;
}

/** Whether single records are looked at, so that the answers must be told apart. */
export function looksAtRecords({ inputFilter, outputFilter, isJoined, isIdentified }: Processing): boolean {
  return inputFilter !== undefined || outputFilter !== undefined || isJoined || isIdentified;
}

function formOf(contentType: string | undefined): Processing["form"] {
  const essence = contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (essence === "text/csv") return "csv";
  return essence === "application/json" || essence === "application/jsonlines" ? "json" : "bytes";
}

/** One request; it knows the records it is made of. */
export interface Payload {
  body: Buffer;
  /** Before the input filter; empty where single records are not looked at. */
  records: string[];
  /** In the place of a body that is too large to be held. */
  source?: InferenceSource;
}

/** The requests for one object, in order. */
export async function* payloadsOf(
  object: AsyncIterable<Buffer>,
  processing: Processing,
): AsyncGenerator<Payload, void> {
  const { split, isSingle, maxPayloadBytes } = processing;
  let open: { pieces: Buffer[]; bytes: number; records: string[] } | undefined;
  const closed = ({ pieces, records }: NonNullable<typeof open>): Payload => ({ body: Buffer.concat(pieces), records });
  for await (const group of recordsOf(object, split, maxPayloadBytes)) {
    for (const record of group) {
      const { piece, text } = pieceOf(record, processing);
      if (piece.length > maxPayloadBytes) throw tooLarge(piece.length, maxPayloadBytes);
      if (open !== undefined && (isSingle || open.bytes + piece.length > maxPayloadBytes)) {
        yield closed(open);
        open = undefined;
      }
      open ??= { pieces: [], bytes: 0, records: [] };
      open.pieces.push(piece);
      open.bytes += piece.length;
      if (text !== undefined) open.records.push(text);
    }
  }
  if (open !== undefined) yield closed(open);
}

/** What of a record is sent. As on AWS, binary records are sent with their frames where a request has several of them. */
function pieceOf({ data, framed }: RawRecord, processing: Processing): { piece: Buffer; text?: string } {
  const { split, isSingle } = processing;
  const isLine = split === "Line";
  if (looksAtRecords(processing)) {
    const text = data.toString();
    return { piece: Buffer.from(filtered(text, processing) + (isLine ? "\n" : "")), text };
  }
  if (!isLine) return { piece: isSingle ? data : framed };
  const isWhole = framed.length === data.length + 1;
  return { piece: isWhole ? framed : Buffer.concat([data, lineEnd]) };
}

const lineEnd = Buffer.from("\n");

/** What of the output object comes from the answer to a payload. */
export function outputOf(
  { payload, body }: { payload: Payload; body: Uint8Array },
  processing: Processing,
  identity: () => { id: string; time: string },
): Buffer {
  const pieces = looksAtRecords(processing)
    ? finishedRecords({ payload, body }, processing, identity)
    : [Buffer.from(body)];
  if (!processing.isAssembledByLine) return Buffer.concat(pieces);
  return Buffer.concat(pieces.flatMap((piece) => (piece.at(-1) === 10 ? [piece] : [piece, lineEnd])));
}

function finishedRecords(
  { payload, body }: { payload: Payload; body: Uint8Array },
  processing: Processing,
  identity: () => { id: string; time: string },
): Buffer[] {
  const { records } = payload;
  const outputs = processing.split === "Line" && records.length > 1 ? linesOf(Buffer.from(body)) : [trimmed(body)];
  if (outputs.length !== records.length) {
    throw new RecordError(`The model answered ${outputs.length} records to ${records.length}.`);
  }
  return records.map((record, i) => Buffer.from(finished(record, outputs[i] as string, { processing, identity })));
}

function finished(
  record: string,
  output: string,
  { processing, identity }: { processing: Processing; identity: () => { id: string; time: string } },
): string {
  const { form, isJoined, outputFilter, isIdentified } = processing;
  const given = isIdentified ? identity() : undefined;
  if (form === "csv") {
    const row = [...(isJoined ? cellsOf(record) : []), ...cellsOf(output), ...(given ? [given.id, given.time] : [])];
    return outputFilter === undefined ? row.join(",") : csvOf(select(row, outputFilter));
  }
  const answer = parsed(output);
  const input = isJoined ? parsed(record) : undefined;
  const joined: Json = !isJoined
    ? answer
    : isPlainObject(input)
      ? { ...input, SageMakerOutput: answer }
      : { SageMakerInput: input as Json, SageMakerOutput: answer };
  const marked: Json =
    given === undefined
      ? joined
      : {
          ...(isPlainObject(joined) ? joined : { SageMakerOutput: joined }),
          SageMakerInferenceId: given.id,
          SageMakerInferenceTime: given.time,
        };
  const chosen = outputFilter === undefined ? marked : select(marked, outputFilter);
  if (chosen === undefined) throw new RecordError("The OutputFilter finds nothing in a record.");
  return JSON.stringify(chosen);
}

function filtered(record: string, { inputFilter, form }: Processing): string {
  if (inputFilter === undefined) return record;
  if (form === "csv") return csvOf(select(cellsOf(record), inputFilter));
  const chosen = select(parsed(record), inputFilter);
  if (chosen === undefined) throw new RecordError("The InputFilter finds nothing in a record.");
  return JSON.stringify(chosen);
}

function csvOf(value: Json | undefined): string {
  if (value === undefined) throw new RecordError("A filter finds nothing in a row.");
  return Array.isArray(value) ? value.join(",") : String(value);
}

/** As written, quotes and all. */
function cellsOf(row: string): string[] {
  return row.match(/(?:"(?:[^"]|"")*"|[^,"])+|(?<=^|,)(?=,|$)/g) ?? [""];
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new RecordError(`A record is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function isPlainObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString().split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function trimmed(body: Uint8Array): string {
  return Buffer.from(body)
    .toString()
    .replace(/\r?\n$/, "");
}
