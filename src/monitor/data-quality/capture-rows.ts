import {
  bytesOf,
  type CapturedBody,
  type CaptureRecord,
  probabilitiesOf,
  probabilityMembers,
} from "../capture-record.ts";
import { parseCsv } from "./csv.ts";
import { flatCells, type NamedCell, rowOf } from "./flat-columns.ts";
import { pictureCells } from "./picture-columns.ts";
import type { Row } from "./row.ts";

/*
 * A captured exchange as columns: what was answered first, then what was asked, as the analyzer of AWS joins them and as a
 * baseline is laid out (the target in front). Unlike there the two halves may be encoded differently, and pictures are read.
 */

export type CaptureIndexName = "endpointInput" | "endpointOutput" | "batchTransformInput" | "batchTransformOutput";

export interface CaptureRowOptions {
  /** Which halves to read; absent: all. */
  captureIndexNames?: readonly CaptureIndexName[];
  /** Names for columns that have none in the data, in their order: the features of the baseline. */
  columnNames?: readonly string[];
}

/** The rows of one record: one, or as many as the longer half has CSV lines. Throws `CaptureBodyError` for JSON that is none. */
export function captureRows(record: CaptureRecord, options: CaptureRowOptions = {}): Row[] {
  const isWanted = (half: "Input" | "Output"): boolean =>
    options.captureIndexNames?.some((name) => name.endsWith(half)) ?? true;
  const outputs = record.output && isWanted("Output") ? outputCells(record.output) : [];
  const inputs = record.input && isWanted("Input") ? bodyCells(record.input) : [];
  return Array.from({ length: Math.max(outputs.length, inputs.length) }, (_, i) =>
    rowOf([...(outputs[i] ?? []), ...(inputs[i] ?? [])], options.columnNames),
  );
}

/** A captured body that is not what its encoding says. */
export class CaptureBodyError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CaptureBodyError";
  }
}

function outputCells(body: CapturedBody): NamedCell[][] {
  // CSV keeps its columns: a baseline of AWS names them by position.
  const probabilities = body.encoding === "CSV" ? undefined : classProbabilities(body);
  if (probabilities === undefined) return bodyCells(body);
  return [[...predictionCells(probabilities), ...otherCells(jsonIn(textOf(body)))]];
}

/** What an answer says beside its probabilities. */
function otherCells(answer: unknown): NamedCell[] {
  if (Array.isArray(answer)) return [];
  const members = Object.entries(answer as object);
  const holder = probabilityMembers.find((name) => members.some(([other]) => other === name));
  return flatCells(Object.fromEntries(members.filter(([name]) => name !== holder)));
}

/**
 * Numbers from 0 to 1 are taken for class probabilities when there are at least two. They need not add up to one: each class may have its own,
 * and the rows of one endpoint must have the same columns.
 */
function classProbabilities(body: CapturedBody): number[] | undefined {
  const numbers = probabilitiesOf(body);
  if (numbers === undefined || numbers.length < 2) return undefined;
  return numbers.every((value) => value >= 0 && value <= 1) ? numbers : undefined;
}

function predictionCells(probabilities: number[]): NamedCell[] {
  const confidence = Math.max(...probabilities);
  return [
    // Words, so that it is a category and no number.
    ["predicted_class", `class_${probabilities.indexOf(confidence)}`],
    ["confidence", confidence],
    ...probabilities.map((value, i) => [`probability_${i}`, value] as const),
  ];
}

function bodyCells(body: CapturedBody): NamedCell[][] {
  switch (contentOf(body)) {
    case "csv":
      return parseCsv(textOf(body)).map((fields) => fields.map((field) => [undefined, field] as const));
    case "json":
      return [flatCells(jsonIn(textOf(body)))];
    case "picture":
      return [pictureCells(bytesOf(body))];
    case "bytes":
      return [[["content_bytes", bytesOf(body).length]]];
  }
}

/** BASE64 says nothing about the content, so its type does: endpoints capture text so, too, unless they are told its type. */
function contentOf({ encoding, contentType }: CapturedBody): "csv" | "json" | "picture" | "bytes" {
  if (encoding === "CSV") return "csv";
  if (encoding === "JSON") return "json";
  const type = contentType.toLowerCase();
  if (
    type.startsWith("image/") ||
    type.startsWith("application/x-image") ||
    type.startsWith("application/octet-stream")
  )
    return "picture";
  if (type.includes("json")) return "json";
  return type.includes("csv") ? "csv" : "bytes";
}

function textOf(body: CapturedBody): string {
  return body.encoding === "BASE64" ? Buffer.from(body.data, "base64").toString("utf8") : body.data;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CaptureBodyError(`captured data is said to be JSON and is not: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
