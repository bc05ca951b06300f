import assert from "node:assert/strict";
import { test } from "node:test";
import { encodePng } from "../../images/png-encode.ts";
import { parseDatasetFormat } from "./dataset-format.ts";
import { type ReadOptions, type RowProblem, readRows } from "./read-rows.ts";
import type { Cell } from "./row.ts";

async function rowsIn(text: string, options: ReadOptions): Promise<Record<string, Cell>[]> {
  const rows: Record<string, Cell>[] = [];
  // In pieces of seven bytes: the cut may fall into a line end, a quote or a character.
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(7 * i, 7 * i + 7));
  for await (const row of readRows(pieces, options)) rows.push(Object.fromEntries(row));
  return rows;
}

const capture = parseDatasetFormat('{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}');

interface Half {
  observedContentType?: string;
  encoding: string;
  data: string;
}

function captured(endpointInput: Half, endpointOutput: Half): string {
  const captureData = { endpointInput, endpointOutput };
  const eventMetadata = { eventId: "e1", inferenceTime: "2026-01-01T00:00:00Z" };
  return `${JSON.stringify({ captureData, eventMetadata, eventVersion: "0" })}\n`;
}

test("CSV with a header names its columns", async () => {
  const rows = await rowsIn('\uFEFFname,"a, b"\r\n"x ""y""",1\r\n\r\nö,\r\n', {
    format: { kind: "csv", hasHeader: true },
  });
  assert.deepEqual(rows, [
    { name: 'x "y"', "a, b": "1" },
    { name: "ö", "a, b": "" },
  ]);
});

test("CSV without a header is named by position, or by the baseline", async () => {
  const format = { kind: "csv", hasHeader: false } as const;
  assert.deepEqual(await rowsIn("1,2\n3,4", { format }), [
    { _c0: "1", _c1: "2" },
    { _c0: "3", _c1: "4" },
  ]);
  assert.deepEqual(await rowsIn("1,2,3\n4", { format, columnNames: ["label", "size"] }), [
    { label: "1", size: "2", _c2: "3" },
    { label: "4", size: undefined },
  ]);
});

test("a quoted CSV field may hold line ends", async () => {
  const rows = await rowsIn('"a\nb",2\n', { format: { kind: "csv", hasHeader: false } });
  assert.deepEqual(rows, [{ _c0: "a\nb", _c1: "2" }]);
});

test("JSON lines become flat columns, and a damaged line is reported", async () => {
  const problems: RowProblem[] = [];
  const rows = await rowsIn('{"a":{"b":1,"c":[true,null]}}\n{"a":\n{"a":"x"}\n', {
    format: { kind: "json", hasLines: true },
    file: "data.jsonl",
    onProblem: (problem) => problems.push(problem),
  });
  assert.deepEqual(rows, [{ "a.b": 1, "a.c_0": true, "a.c_1": undefined }, { a: "x" }]);
  assert.deepEqual(
    problems.map(({ file, line }) => [file, line]),
    [["data.jsonl", 2]],
  );
});

test("a JSON document is one record or a list of them", async () => {
  const format = { kind: "json", hasLines: false } as const;
  assert.deepEqual(await rowsIn('[\n{"a":1},\n{"a":2}\n]', { format }), [{ a: 1 }, { a: 2 }]);
  assert.deepEqual(await rowsIn('{"a":1}', { format }), [{ a: 1 }]);
});

test("captured CSV is joined with the answer in front, and named as the baseline names it", async () => {
  const text = captured({ encoding: "CSV", data: "9,45" }, { encoding: "CSV", data: "0.3\n" });
  assert.deepEqual(await rowsIn(text, { format: capture }), [{ _c0: "0.3", _c1: "9", _c2: "45" }]);
  assert.deepEqual(await rowsIn(text, { format: capture, columnNames: ["churn", "days", "calls"] }), [
    { churn: "0.3", days: "9", calls: "45" },
  ]);
});

test("several CSV lines in one request are as many rows", async () => {
  const text = captured({ encoding: "CSV", data: "1\n2\n" }, { encoding: "CSV", data: "0.1\n0.2\n" });
  assert.deepEqual(await rowsIn(text, { format: capture }), [
    { _c0: "0.1", _c1: "1" },
    { _c0: "0.2", _c1: "2" },
  ]);
});

test("the halves of a capture may be encoded differently", async () => {
  const text = captured({ encoding: "CSV", data: "5" }, { encoding: "JSON", data: '{"score":0.5}' });
  assert.deepEqual(await rowsIn(text, { format: capture }), [{ score: 0.5, _c0: "5" }]);
});

test("a captured picture becomes its statistics, and class probabilities become columns", async () => {
  const picture = encodePng({ width: 16, height: 8, data: new Uint8Array(3 * 16 * 8).fill(102) });
  const input = { observedContentType: "image/png", encoding: "BASE64", data: Buffer.from(picture).toString("base64") };
  const [row] = await rowsIn(captured(input, { encoding: "JSON", data: "[0.25, 0.75]" }), { format: capture });
  const { picture_luminance, ...rest } = row ?? {};
  assert.ok(Math.abs((picture_luminance as number) - 0.4) < 1e-12);
  assert.deepEqual(
    [rest["predicted_class"], rest["confidence"], rest["probability_0"], rest["picture_size"]],
    ["class_1", 0.75, 0.25, "16x8"],
  );
  assert.equal(Object.keys(rest).filter((name) => name.startsWith("picture_")).length, 9);
});

test("probabilities of classes that do not exclude each other are the same columns, whatever they add up to", async () => {
  const input = { encoding: "CSV", data: "5" };
  const columnsOf = async (data: string) =>
    Object.keys((await rowsIn(captured(input, { encoding: "JSON", data }), { format: capture }))[0] ?? {});
  const columns = ["predicted_class", "confidence", "probability_0", "probability_1", "_c0"];
  assert.deepEqual(
    [await columnsOf("[0.9, 0.8]"), await columnsOf("[0.1, 0.05]"), await columnsOf("[0.7, 0.3]")],
    [columns, columns, columns],
  );
  assert.deepEqual((await columnsOf("[0.9, 7]")).includes("probability_0"), false);
});

test("what an answer says beside its probabilities is kept", async () => {
  const answer = '{"probabilities":[[0.9,0.1]],"label":"bicycle","model":{"version":3}}';
  const [row] = await rowsIn(captured({ encoding: "CSV", data: "5" }, { encoding: "JSON", data: answer }), {
    format: capture,
  });
  assert.deepEqual(row, {
    predicted_class: "class_0",
    confidence: 0.9,
    probability_0: 0.9,
    probability_1: 0.1,
    label: "bicycle",
    "model.version": 3,
    _c0: "5",
  });
});

test("a picture that cannot be decoded misses its statistics", async () => {
  const input = { observedContentType: "image/png", encoding: "BASE64", data: "aGVsbG8=" };
  const [row] = await rowsIn(captured(input, { encoding: "JSON", data: "[1]" }), { format: capture });
  assert.deepEqual([row?.["picture_size"], row?.["picture_luminance"], row?.["_c0"]], ["unreadable", undefined, 1]);
});

test("text that was captured in base64 is read by its content type", async () => {
  const half = (observedContentType: string, text: string) => ({
    observedContentType,
    encoding: "BASE64",
    data: Buffer.from(text).toString("base64"),
  });
  const text = captured(half("text/csv; charset=utf-8", "1,2"), half("application/json", '{"p":3}'));
  assert.deepEqual(await rowsIn(text, { format: capture }), [{ p: 3, _c0: "1", _c1: "2" }]);
});

test("captures that cannot be read are reported with their line", async () => {
  const problems: RowProblem[] = [];
  const good = captured({ encoding: "CSV", data: "1" }, { encoding: "CSV", data: "2" });
  const bad = captured({ encoding: "JSON", data: "{" }, { encoding: "CSV", data: "2" });
  const rows = await rowsIn(`${good}no JSON\n${bad}${good}`, {
    format: capture,
    onProblem: (problem) => problems.push(problem),
  });
  assert.equal(rows.length, 2);
  assert.deepEqual(
    problems.map(({ line }) => line),
    [2, 3],
  );
});

test("only the halves that are named are read", async () => {
  const format = parseDatasetFormat('{"sagemakerCaptureJson":{"captureIndexNames":["endpointOutput"]}}');
  const text = captured({ encoding: "CSV", data: "1" }, { encoding: "CSV", data: "2" });
  assert.deepEqual(await rowsIn(text, { format }), [{ _c0: "2" }]);
});

test("dataset formats are read as the SDK writes them", () => {
  assert.deepEqual(
    [
      '{"csv": {"header": true, "output_columns_position": "START"}}',
      '{"csv":{"header":"True"}}',
      '{"json":{"lines":true}}',
    ].map(parseDatasetFormat),
    [
      { kind: "csv", hasHeader: true },
      { kind: "csv", hasHeader: true },
      { kind: "json", hasLines: true },
    ],
  );
  assert.throws(() => parseDatasetFormat('{"parquet":{}}'), /Parquet is not read/);
  assert.throws(
    () => parseDatasetFormat('{"sagemakerCaptureJson":{"captureIndexNames":["input"]}}'),
    /captureIndexNames has input/,
  );
});
