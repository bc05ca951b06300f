import type { Json } from "../../../kit/json.ts";
import { TaskFailure } from "../task-pool.ts";

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
  /** 0: all of them. */
  maxItems: number;
}

/** Rows as objects of texts: missing cells are empty, cells beyond the headers are dropped, as AWS does it. */
export function parseCsv(text: string, options: CsvOptions): Json[] {
  const { headerLocation = "FIRST_ROW", delimiter = "COMMA", maxItems } = options;
  const separator = delimiters[delimiter];
  if (separator === undefined) throw readerFailure(`CSVDelimiter cannot be '${delimiter}'.`);
  const rows = rowsOf(text.replace(/^\ufeff/, ""), separator);
  const headers = headerLocation === "GIVEN" ? options.headers : rows.next().value;
  if (headers === undefined) return [];
  if (!Array.isArray(headers) || !headers.every((header) => typeof header === "string")) {
    throw readerFailure("CSVHeaders must be a list of texts where CSVHeaderLocation is GIVEN.");
  }
  if (new Set(headers).size < headers.length) throw readerFailure("CSV headers cannot contain duplicates.");
  const items: Json[] = [];
  for (const row of rows) {
    items.push(Object.fromEntries(headers.map((header, i) => [header, row[i] ?? ""])));
    if (items.length === maxItems) break;
  }
  return items;
}

/** Cells may stand in quotes, which are doubled inside. Lines with nothing at all are no rows. */
function* rowsOf(text: string, separator: string): Generator<string[], undefined> {
  let at = 0;
  while (at < text.length) {
    const row: string[] = [];
    for (let isMore = true; isMore; ) {
      const cell = text[at] === '"' ? quotedCell(text, at, separator) : plainCell(text, at, separator);
      row.push(cell.value);
      isMore = text[cell.end] === separator;
      at = cell.end + (text.startsWith("\r\n", cell.end) ? 2 : 1);
    }
    if (row.length > 1 || row[0] !== "") yield row;
  }
  return undefined;
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
