import type { CreateTransformJobRequest } from "@aws-sdk/client-sagemaker";
import type { Json } from "../../kit/json.ts";
import { parseRecordPath, type RecordPath, select } from "./transform-path.ts";

/*
 * What a transform job does to the bytes of an object: cut into records, packed into requests, and put together again from the
 * answers, in the order of the input. Pure.
 */

export interface Processing {
  /** Whether an object is many lines or one record. */
  isSplit: boolean;
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

/** What is wrong with the data: the job goes on with other objects and ends as failed. */
export class RecordError extends Error {}

const megabyte = 1024 * 1024;
const defaultMaxPayload = 6;

export function processingOf(request: Omit<CreateTransformJobRequest, "Tags">): Processing {
  const { TransformInput: input, TransformOutput: output, DataProcessing: data } = request;
  const inputFilter = parseRecordPath(data?.InputFilter, "InputFilter");
  const outputFilter = parseRecordPath(data?.OutputFilter, "OutputFilter");
  return {
    isSplit: input?.SplitType === "Line",
    isSingle: request.BatchStrategy === "SingleRecord",
    // 0 means no limit on AWS, where it then sends in pieces.
    maxPayloadBytes: (request.MaxPayloadInMB === 0 ? 100 : (request.MaxPayloadInMB ?? defaultMaxPayload)) * megabyte,
    form: formOf(input?.ContentType),
    isAssembledByLine: output?.AssembleWith === "Line",
    isJoined: data?.JoinSource === "Input",
    isIdentified: request.DataCaptureConfig?.GenerateInferenceId === true,
    ...(inputFilter === undefined ? {} : { inputFilter }),
    ...(outputFilter === undefined ? {} : { outputFilter }),
  };
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

/** The requests for one object; each knows the records it is made of. */
export interface Payload {
  body: Buffer;
  /** Before the input filter; empty where single records are not looked at. */
  records: string[];
}

export function payloadsOf(object: Buffer, processing: Processing): Payload[] {
  const { isSplit, isSingle, maxPayloadBytes } = processing;
  if (!isSplit && !looksAtRecords(processing)) return [bounded({ body: object, records: [] }, maxPayloadBytes)];
  const records = isSplit ? linesOf(object) : [object.toString()];
  const payloads: Payload[] = [];
  let open: { lines: Buffer[]; bytes: number; records: string[] } | undefined;
  const close = () => {
    if (open !== undefined) payloads.push({ body: Buffer.concat(open.lines), records: open.records });
    open = undefined;
  };
  for (const record of records) {
    const line = Buffer.from(filtered(record, processing) + (isSplit ? "\n" : ""));
    if (line.length > maxPayloadBytes) throw tooLarge(line.length, maxPayloadBytes);
    if (open !== undefined && (isSingle || open.bytes + line.length > maxPayloadBytes)) close();
    open ??= { lines: [], bytes: 0, records: [] };
    open.lines.push(line);
    open.bytes += line.length;
    open.records.push(record);
  }
  close();
  return payloads;
}

/** The output object from the answers to its payloads. */
export function assemble(
  answers: readonly { payload: Payload; body: Uint8Array }[],
  processing: Processing,
  identity: () => { id: string; time: string },
): Buffer {
  const pieces = answers.flatMap(({ payload, body }) => {
    if (!looksAtRecords(processing)) return [Buffer.from(body)];
    const outputs = processing.isSplit && payload.records.length > 1 ? linesOf(Buffer.from(body)) : [trimmed(body)];
    if (outputs.length !== payload.records.length) {
      throw new RecordError(`The model answered ${outputs.length} records to ${payload.records.length}.`);
    }
    return payload.records.map((record, i) =>
      Buffer.from(finished(record, outputs[i] as string, { processing, identity })),
    );
  });
  if (!processing.isAssembledByLine) return Buffer.concat(pieces);
  const newline = Buffer.from("\n");
  return Buffer.concat(pieces.flatMap((piece) => (piece.at(-1) === 10 ? [piece] : [piece, newline])));
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

function bounded(payload: Payload, maxBytes: number): Payload {
  if (payload.body.length > maxBytes) throw tooLarge(payload.body.length, maxBytes);
  return payload;
}

function tooLarge(bytes: number, maxBytes: number): RecordError {
  return new RecordError(`A payload of ${bytes} bytes is larger than MaxPayloadInMB allows (${maxBytes} bytes).`);
}
