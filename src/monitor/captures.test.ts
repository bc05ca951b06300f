import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeImage } from "../images/decode-image.ts";
import { bytesOf, type CaptureRecord } from "./capture-record.ts";
import { captureSummary } from "./capture-summary.ts";
import { parseCaptureFiles, parseCaptures } from "./parse-captures.ts";

const shared = process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "shared");
const captured = join(shared, "data", "captured");
const skip = existsSync(captured) ? false : `no real captures at ${captured}: set SCONES_SHARED`;

function realFiles(): { file: string; text: string }[] {
  const names = readdirSync(captured, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".jsonl"));
  return names.sort().map((file) => ({ file, text: readFileSync(join(captured, file), "utf8") }));
}

/** The largest number of each output, found without the parser. */
function confidencesByPattern(files: { text: string }[]): number[] {
  const outputs = files.flatMap(({ text }) => [...text.matchAll(/"mode":"OUTPUT","data":"\[([^\]]+)\]"/g)]);
  return outputs.map((match) => Math.max(...(match[1] as string).split(", ").map(Number)));
}

test("every line of every real capture file is read", { skip }, () => {
  const files = realFiles();
  const { records, problems } = parseCaptureFiles(files);
  assert.deepEqual([files.length, records.length, problems.length], [68, 103, 0]);
  const types = records.map((record) => record.input?.contentType);
  assert.deepEqual(
    [
      types.filter((type) => type === "image/png").length,
      types.filter((type) => type === "application/x-image").length,
    ],
    [96, 7],
  );
});

test("the summary of real captures agrees with an independent count", { skip }, () => {
  const files = realFiles();
  const expected = confidencesByPattern(files);
  const summary = captureSummary(parseCaptureFiles(files).records, {
    threshold: 0.93,
    labels: ["bicycle", "motorcycle"],
  });
  assert.equal(summary.count, expected.length);
  assert.equal(summary.belowThreshold, expected.filter((confidence) => confidence < 0.93).length);
  assert.equal(summary.belowThreshold, 40);
  assert.equal(summary.confidence?.min, Math.min(...expected));
  assert.deepEqual(
    summary.classes.map(({ name, count }) => [name, count]),
    [
      ["bicycle", 62],
      ["motorcycle", 41],
    ],
  );
});

test("a published set that a first-line reader sees as 12 records has 22, seven of them below .93", { skip }, () => {
  const files = realFiles();
  const byFolder = (folder: string) => parseCaptureFiles(files.filter(({ file }) => file.startsWith(folder))).records;
  const sizes = readdirSync(captured)
    .filter((name) => /^c\d+$/.test(name))
    .map((folder) => captureSummary(byFolder(folder), { threshold: 0.93 }));
  assert.ok(sizes.some((summary) => summary.count === 22 && summary.belowThreshold === 7));
});

test("captured pictures come back as pictures", { skip }, () => {
  const { records } = parseCaptureFiles(realFiles());
  const sizes = new Set(records.map((record) => decodeImage(bytesOf(record.input!)).width));
  assert.deepEqual([...sizes], [32]);
});

const line = (change: object = {}) =>
  JSON.stringify({
    captureData: {
      endpointInput: { observedContentType: "image/png", mode: "INPUT", data: "aGVsbG8=", encoding: "BASE64" },
      endpointOutput: {
        observedContentType: "application/json",
        mode: "OUTPUT",
        data: "[0.25, 0.75]",
        encoding: "JSON",
      },
      ...change,
    },
    eventMetadata: { eventId: "e1", inferenceTime: "2024-10-15T14:05:12Z" },
    eventVersion: "0",
  });

test("a damaged line is reported with its place and the others are read", () => {
  const { records, problems } = parseCaptures(`${line()}\n{"captureData":\n\n${line()}\r\n[]\n`, { file: "a.jsonl" });
  assert.deepEqual(
    records.map((record) => record.line),
    [1, 4],
  );
  assert.deepEqual(
    problems.map((problem) => [problem.file, problem.line]),
    [
      ["a.jsonl", 2],
      ["a.jsonl", 5],
    ],
  );
});

test("captures of the input alone or the output alone are read", () => {
  const { records } = parseCaptures(`${line({ endpointInput: undefined })}\n${line({ endpointOutput: undefined })}`);
  assert.deepEqual(
    records.map((record) => [record.input === undefined, record.confidence]),
    [
      [true, 0.75],
      [false, undefined],
    ],
  );
});

test("predictions are found in CSV, nested lists, objects and base64", () => {
  const outputs = [
    { encoding: "CSV", data: "0.1,0.9\n" },
    { encoding: "JSON", data: "[[0.9, 0.1]]" },
    { encoding: "JSON", data: '{"predictions": [[0.2, 0.3, 0.5]]}' },
    { encoding: "BASE64", data: Buffer.from("[0.6, 0.4]").toString("base64") },
    { encoding: "JSON", data: "no prediction" },
  ];
  const { records } = parseCaptures(
    outputs.map((output) => line({ endpointOutput: { mode: "OUTPUT", ...output } })).join("\n"),
  );
  assert.deepEqual(
    records.map((record) => record.predictedLabel),
    [1, 0, 2, 0, undefined],
  );
});

test("silent hours and a stuck camera are findings", () => {
  const at = (inferenceTime: string, data: string): CaptureRecord => ({
    eventId: inferenceTime,
    inferenceTime,
    inferenceTimeMs: Date.parse(inferenceTime),
    input: { contentType: "image/png", encoding: "BASE64", data },
    line: 1,
  });
  const records = [
    at("2026-01-01T10:59:59Z", "a"),
    at("2026-01-01T14:00:00Z", "b"),
    at("2026-01-01T14:00:01Z", "b"),
    at("2026-01-01T14:00:02Z", "b"),
  ];
  const summary = captureSummary(records, { threshold: 0.9 });
  assert.deepEqual(summary.silentHours, [{ from: "2026-01-01T11:00:00Z", hours: 3 }]);
  assert.deepEqual(
    summary.repeatedPictures.map(({ times, firstTime }) => [times, firstTime]),
    [[3, "2026-01-01T14:00:00Z"]],
  );
});

test("no captures make a summary that says so", () => {
  const summary = captureSummary([], { threshold: 0.9, labels: ["bicycle"] });
  assert.deepEqual([summary.count, summary.confidence, summary.classes[0]?.count], [0, undefined, 0]);
});

test("answers count for every class that they name: the most probable one, or all that are there", () => {
  const answers = ["[0.7, 0.2, 0.1]", '{"prediction": [0.9, 0.8, 0.1]}', "[0.1, 0.2, 0.1]"];
  const line = (data: string) =>
    JSON.stringify({
      captureData: { endpointOutput: { observedContentType: "application/json", encoding: "JSON", data } },
      eventMetadata: { eventId: data, inferenceTime: "2026-01-01T10:00:00Z" },
    });
  const { records } = parseCaptures(answers.map(line).join("\n"));
  const { classes } = captureSummary(records, { threshold: 0.85 });
  assert.deepEqual(
    classes.map(({ count, belowThreshold, meanConfidence }) => [count, belowThreshold, meanConfidence]),
    [
      [2, 1, 0.8],
      [1, 1, 0.8],
      [0, 0, 0],
    ],
  );
});
