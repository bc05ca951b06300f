import type { Json } from "../../../kit/json.ts";
import { TaskFailure } from "../task-pool.ts";
import type { Piecewise } from "./piecewise.ts";

const delimiters: Readonly<Record<string, string>> = {
  COMMA: ",",
  PIPE: "|",
  SEMICOLON: ";",
  SPACE: " ",
  TAB: "\t",
};

export interface CsvOptions {
  headerLocation?: string;
  headers?: Json;
  delimiter?: string;
}

/** Longer rows are refused: a row lies in memory until its end is seen. */
const maxRowLength = 8 * 2 ** 20;

/** Rows as objects of texts: missing cells are empty, cells beyond the headers are dropped, as AWS does it. */
export function csvRows(options: CsvOptions): Piecewise<string, Json> {
  const { headerLocation = "FIRST_ROW", delimiter = "COMMA" } = options;
  const separator = delimiters[delimiter];
  if (separator === undefined) throw readerFailure(`CSVDelimiter cannot be '${delimiter}'.`);
  let headers = headerLocation === "GIVEN" ? checkedHeaders(options.headers) : undefined;
  let waiting = "";
  const itemsOf = (rows: Iterable<string[]>): Json[] => {
    const items: Json[] = [];
    for (const row of rows) {
      if (headers === undefined) headers = checkedHeaders(row);
      else items.push(itemOf(headers, row));
    }
    return items;
  };
  return {
    take(text) {
      waiting += text;
      const { rows, end } = wholeRows(waiting, separator);
      waiting = waiting.slice(end);
      if (waiting.length > maxRowLength) {
        throw readerFailure(`A row of the file is longer than ${maxRowLength} characters.`);
      }
      return itemsOf(rows);
    },
    rest: () => itemsOf(rowsOf(waiting, separator)),
  };
}

function itemOf(headers: string[], row: string[]): Json {
  return Object.fromEntries(headers.map((header, index) => [header, row[index] ?? ""]));
}

function checkedHeaders(headers: Json | undefined): string[] {
  if (!Array.isArray(headers) || !headers.every((header) => typeof header === "string")) {
    throw readerFailure("CSVHeaders must be a list of texts where CSVHeaderLocation is GIVEN.");
  }
  if (new Set(headers).size < headers.length) throw readerFailure("CSV headers cannot contain duplicates.");
  return headers;
}

/** The rows whose ends are seen, and where the next one begins. */
function wholeRows(text: string, separator: string): { rows: string[][]; end: number } {
  const rows: string[][] = [];
  let end = 0;
  for (const { row, next, isWhole } of placedRows(text, separator)) {
    if (!isWhole) break;
    end = next;
    if (!isBlank(row)) rows.push(row);
  }
  return { rows, end };
}

function* rowsOf(text: string, separator: string): Generator<string[]> {
  for (const { row } of placedRows(text, separator)) if (!isBlank(row)) yield row;
}

/** Lines with nothing at all are no rows. */
function isBlank(row: string[]): boolean {
  return row.length === 1 && row[0] === "";
}

/** Cells may stand in quotes, which are doubled inside. */
function* placedRows(text: string, separator: string): Generator<{ row: string[]; next: number; isWhole: boolean }> {
  let at = 0;
  while (at < text.length) {
    const row: string[] = [];
    let isWhole = false;
    for (let isMore = true; isMore; ) {
      const cell = text[at] === '"' ? quotedCell(text, at, separator) : plainCell(text, at, separator);
      row.push(cell.value);
      isMore = text[cell.end] === separator;
      isWhole = cell.end < text.length;
      at = cell.end + (text.startsWith("\r\n", cell.end) ? 2 : 1);
    }
    yield { row, next: at, isWhole };
  }
}

function plainCell(text: string, start: number, separator: string): { value: string; end: number } {
  let end = start;
  while (end < text.length && text[end] !== separator && text[end] !== "\n" && !text.startsWith("\r\n", end)) end++;
  return { value: text.slice(start, end), end };
}

function quotedCell(text: string, start: number, separator: string): { value: string; end: number } {
  let value = "";
  for (let at = start + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return { value: value + text.slice(at), end: text.length };
    value += text.slice(at, quote);
    if (text[quote + 1] !== '"') {
      const rest = plainCell(text, quote + 1, separator);
      return { value: value + rest.value, end: rest.end };
    }
    value += '"';
    at = quote + 2;
  }
}

export function readerFailure(reason: string): TaskFailure {
  return new TaskFailure("States.ItemReaderFailed", reason);
}
