import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DatasetFormat } from "../../../../monitor/data-quality/dataset-format.ts";
import { linesOf } from "../../../../monitor/data-quality/lines.ts";
import { type RowProblem, readRows } from "../../../../monitor/data-quality/read-rows.ts";
import type { Row } from "../../../../monitor/data-quality/row.ts";
import { preprocessedRows } from "./user-script.ts";

export interface Dataset {
  /** A file, or a folder of files of any depth, read in the order of their names. */
  source: string;
  format: DatasetFormat;
  columnNames?: readonly string[];
  /** Columns to leave out. */
  excluded: readonly string[];
  /** Of captured records; the others are left out. */
  window?: { startMs: number; endMs: number };
  /** The user's Python script that makes rows of captured records. */
  preprocessor?: string;
  onProblem: (problem: RowProblem) => void;
}

/** Every row of a data set. */
export async function* datasetRows(dataset: Dataset): AsyncGenerator<Row> {
  for await (const row of allRows(dataset)) yield without(row, dataset.excluded);
}

async function* allRows({
  source,
  format,
  preprocessor,
  window,
  columnNames,
  onProblem,
}: Dataset): AsyncGenerator<Row> {
  const files = await filesOf(source);
  if (format.kind === "capture" && preprocessor !== undefined) {
    yield* preprocessedRows(preprocessor, capturedLines(files, window));
    return;
  }
  for (const file of files) {
    const chunks = format.kind === "capture" ? capturedLines([file], window) : createReadStream(file);
    yield* readRows(chunks, { format, file, onProblem, ...(columnNames && { columnNames }) });
  }
}

/** The lines of capture files, each with its end, that were captured in the window. */
export async function* capturedLines(
  files: readonly string[],
  window: Dataset["window"],
): AsyncGenerator<string, void, undefined> {
  for (const file of files) {
    for await (const { text } of linesOf(createReadStream(file))) {
      if (window === undefined || isWithin(text, window)) yield `${text}\n`;
    }
  }
}

/** In the order of their names, which is that of their times. */
export async function filesOf(source: string): Promise<string[]> {
  if ((await stat(source)).isFile()) return [source];
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** A line that cannot be read is not left out: whoever reads it says what is wrong with it. */
function isWithin(line: string, { startMs, endMs }: { startMs: number; endMs: number }): boolean {
  const time = /"inferenceTime":\s*"([^"]+)"/.exec(line.slice(line.lastIndexOf('"eventMetadata"')))?.[1];
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) || (ms >= startMs && ms < endMs);
}

/** Columns are named, or counted from 0. */
function without(row: Row, excluded: readonly string[]): Row {
  if (excluded.length === 0) return row;
  return new Map([...row].filter(([name], i) => !excluded.includes(name) && !excluded.includes(String(i))));
}
