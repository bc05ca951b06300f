import { parseCaptures } from "../parse-captures.ts";
import { CaptureBodyError, captureRows } from "./capture-rows.ts";
import { createCsvParser } from "./csv.ts";
import type { DatasetFormat } from "./dataset-format.ts";
import { columnName, flatCells, rowOf } from "./flat-columns.ts";
import { linesOf, type TextChunks, textOf } from "./lines.ts";
import type { Cell, Row } from "./row.ts";

export interface ReadOptions {
  format: DatasetFormat;
  /** For problems. */
  file?: string;
  /** Names for columns that have none in the data: the features of the baseline, in their order. */
  columnNames?: readonly string[];
  /** Told of every line that cannot be read; the others are read all the same. */
  onProblem?: (problem: RowProblem) => void;
}

export interface RowProblem {
  file?: string;
  /** From 1. */
  line: number;
  message: string;
}

/** The rows of one file, as they arrive. */
export function readRows(chunks: TextChunks, options: ReadOptions): AsyncGenerator<Row> {
  switch (options.format.kind) {
    case "csv":
      return csvRows(chunks, { ...options, hasHeader: options.format.hasHeader });
    case "json":
      return options.format.hasLines ? jsonLineRows(chunks, options) : jsonDocumentRows(chunks, options);
    case "capture":
      return capturedRows(chunks, { ...options, captureIndexNames: options.format.captureIndexNames });
  }
}

async function* csvRows(chunks: TextChunks, options: ReadOptions & { hasHeader: boolean }): AsyncGenerator<Row> {
  const parser = createCsvParser();
  let names = options.hasHeader ? undefined : (options.columnNames ?? []);
  const rowsOf = function* (records: string[][]): Generator<Row> {
    for (const record of records) {
      if (names === undefined) names = record.map((name) => name.trim());
      else yield csvRow(record, names);
    }
  };
  for await (const text of textOf(chunks)) yield* rowsOf(parser.write(text));
  yield* rowsOf(parser.end());
}

/** A record that is too short misses its last columns; one that is too long has columns more, which a check then finds. */
function csvRow(record: readonly string[], names: readonly string[]): Row {
  const row = new Map<string, Cell>();
  for (let i = 0; i < Math.max(record.length, names.length); i++) row.set(columnName(i, names), record[i]);
  return row;
}

async function* jsonLineRows(chunks: TextChunks, options: ReadOptions): AsyncGenerator<Row> {
  for await (const { text, line } of linesOf(chunks)) {
    const row = tried(() => rowOf(flatCells(JSON.parse(text)), options.columnNames), { ...options, line });
    if (row !== undefined) yield row;
  }
}

/** A document of one record, or a list of records. */
async function* jsonDocumentRows(chunks: TextChunks, options: ReadOptions): AsyncGenerator<Row> {
  let document = "";
  for await (const text of textOf(chunks)) {
    document += text;
    if (document.length > longestDocument)
      throw new RangeError(`a JSON document is longer than ${longestDocument} characters: write it as JSON lines`);
  }
  if (document.trim() === "") return;
  const value = tried((): unknown => JSON.parse(document), { ...options, line: 1 });
  if (value === undefined) return;
  const isListOfRecords = Array.isArray(value) && value.some((item) => typeof item === "object" && item !== null);
  for (const record of isListOfRecords ? value : [value]) {
    const row = tried(() => rowOf(flatCells(record), options.columnNames), { ...options, line: 1 });
    if (row !== undefined) yield row;
  }
}

/** It has to be in memory as a whole. */
const longestDocument = 256 * 1024 * 1024;

async function* capturedRows(
  chunks: TextChunks,
  options: ReadOptions & Parameters<typeof captureRows>[1],
): AsyncGenerator<Row> {
  for await (const { text, line } of linesOf(chunks)) {
    const { records, problems } = parseCaptures(text);
    for (const { message } of problems) options.onProblem?.(problemAt(message, { ...options, line }));
    for (const record of records) yield* tried(() => captureRows(record, options), { ...options, line }) ?? [];
  }
}

function tried<Value>(read: () => Value, place: ReadOptions & { line: number }): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    place.onProblem?.(problemAt(error.message, place));
    return undefined;
  }
}

/** What JSON, its depth or a captured body is to blame for. */
function isUnreadable(error: unknown): error is Error {
  return error instanceof SyntaxError || error instanceof RangeError || error instanceof CaptureBodyError;
}

function problemAt(message: string, { file, line }: { file?: string; line: number }): RowProblem {
  return { ...(file !== undefined && { file }), line, message };
}
