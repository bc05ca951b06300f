import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Capture, type CaptureSettings } from "./capture.ts";
import { captureKey, captureLine, type Exchange } from "./capture-record.ts";
import { CaptureSpool } from "./capture-spool.ts";
import { pythonList } from "./python-float.ts";
import { handClock, memoryBlobs, settled } from "./testing/world.ts";

const shared = process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "shared");
const captured = join(shared, "data", "captured");
const skip = existsSync(captured) ? false : `there are no captured files in ${captured}`;

const settings: CaptureSettings = {
  destination: "bucket/data_capture",
  samplingPercentage: 100,
  capturesInput: true,
  capturesOutput: true,
  csvContentTypes: ["text/csv"],
  jsonContentTypes: ["application/json"],
};
const exchange: Exchange = {
  input: { contentType: "image/png", body: Buffer.from("picture") },
  output: { contentType: "application/json", body: Buffer.from("[0.5, 0.5]") },
};
const noon = Date.UTC(2026, 0, 2, 12, 34, 56, 789);

test("records that AWS wrote come out of the same values byte for byte", { skip }, () => {
  const lines = capturedLines();
  const written = lines.map(({ line }) => {
    const { captureData, eventMetadata } = JSON.parse(line);
    const { endpointInput, endpointOutput } = captureData;
    return captureLine(
      {
        input: { contentType: endpointInput.observedContentType, body: Buffer.from(endpointInput.data, "base64") },
        output: { contentType: endpointOutput.observedContentType, body: Buffer.from(endpointOutput.data) },
      },
      { eventId: eventMetadata.eventId, timeMs: Date.parse(eventMetadata.inferenceTime) },
      settings,
    );
  });
  assert.ok(lines.length >= 100);
  assert.deepEqual(
    written,
    lines.map(({ line }) => `${line}\n`),
  );
});

test("probabilities that AWS printed come out of their numbers byte for byte", { skip }, () => {
  const printed = capturedLines().map(({ line }) => JSON.parse(line).captureData.endpointOutput.data as string);
  assert.ok(printed.length >= 100);
  assert.deepEqual(
    printed.map((text) => pythonList(Float32Array.from(JSON.parse(text)))),
    printed,
  );
});

test("a file is named by its first record's time, in that record's hour", () => {
  const key = captureKey("bucket/data_capture/birds/AllTraffic", noon, "0b1e");
  assert.equal(key, "bucket/data_capture/birds/AllTraffic/2026/01/02/12/34-56-789-0b1e.jsonl");
});

test("input and output can be captured alone, and ids of the request are kept", () => {
  const line = captureLine(
    { ...exchange, inferenceId: "mine", customAttributes: "trace=1" },
    { eventId: "e", timeMs: noon },
    { ...settings, capturesInput: false },
  );
  assert.deepEqual(JSON.parse(line), {
    captureData: {
      endpointOutput: { observedContentType: "application/json", mode: "OUTPUT", data: "[0.5, 0.5]", encoding: "JSON" },
    },
    eventMetadata: {
      eventId: "e",
      customAttributes: ["trace=1"],
      inferenceId: "mine",
      inferenceTime: "2026-01-02T12:34:56Z",
    },
    eventVersion: "0",
  });
});

test("a content type that no list names is kept as base64, also an answer", () => {
  const line = captureLine(exchange, { eventId: "e", timeMs: noon }, { ...settings, jsonContentTypes: [] });
  assert.equal(JSON.parse(line).captureData.endpointOutput.encoding, "BASE64");
});

test("a record can be read about a second later, and the file grows until it is 60 seconds old", async () => {
  const { clock, blobs, capture } = world();
  capture.record(exchange);
  await clock.advance(1_000);
  const afterOne = linesOf(blobs);
  await clock.advance(40_000);
  capture.record(exchange);
  await clock.advance(19_000);
  const afterSixty = linesOf(blobs);
  capture.record(exchange);
  await clock.advance(60_000);
  assert.deepEqual([afterOne, afterSixty, linesOf(blobs)], [[1], [2], [2, 1]]);
});

test("a growing file is written again at growing intervals, and not when nothing was added", async () => {
  const { clock, blobs, capture } = world();
  for (let second = 0; second < 60; second++) {
    capture.record(exchange);
    await clock.advance(1_000);
  }
  capture.record(exchange);
  await clock.advance(60_000);
  assert.equal(blobs.puts.length, 7); // after 1, 3, 7, 15, 31 and 60 seconds; then one more file, written once
  assert.deepEqual(linesOf(blobs), [60, 1]);
});

test("closing writes what there is", async () => {
  const { blobs, capture } = world();
  capture.record(exchange);
  await capture.close();
  assert.deepEqual(linesOf(blobs), [1]);
});

test("records of one file are in the order of their inferences", async () => {
  const { blobs, capture } = world();
  const many = Array.from({ length: 100 }, (_, i) => ({ ...exchange, inferenceId: `id-${i}` }));
  for (const one of many) capture.record(one);
  await settled();
  await capture.close();
  const lines = linesIn(blobs);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).eventMetadata.inferenceId),
    many.map(({ inferenceId }) => inferenceId),
  );
});

test("a share of the requests is captured when the sampling says so", () => {
  const { capture, blobs } = world({ samplingPercentage: 50 }); // this clock's dice always show 0.5
  capture.record(exchange);
  const generous = world({ samplingPercentage: 51 });
  generous.capture.record(exchange);
  return Promise.all([capture.close(), generous.capture.close()]).then(() => {
    assert.deepEqual([linesOf(blobs), linesOf(generous.blobs)], [[], [1]]);
  });
});

test("a disk that fails for a while loses no record", async () => {
  const { clock, blobs, capture } = world();
  blobs.failPuts = true;
  capture.record(exchange);
  await clock.advance(60_500);
  blobs.failPuts = false;
  await clock.advance(5_000);
  assert.deepEqual([linesOf(blobs), capture.dropped], [[1], 0]);
});

test("a disk that keeps failing drops records and says how many", async () => {
  const { clock, blobs, capture, problems } = world();
  blobs.failPuts = true;
  capture.record(exchange);
  capture.record(exchange);
  await clock.advance(70_000);
  assert.equal(capture.dropped, 2);
  assert.ok(problems.some((problem) => problem.includes("disk full")));
});

test("records that an earlier writing of the file has brought into its object are not counted as dropped", async () => {
  const { clock, blobs, capture } = world();
  capture.record(exchange);
  await clock.advance(1_000);
  blobs.failPuts = true;
  capture.record(exchange);
  capture.record(exchange);
  await clock.advance(70_000);
  assert.deepEqual([linesOf(blobs), capture.dropped], [[1], 2]);
});

test("a capture says that it drops until a file can be written again", async () => {
  const { clock, blobs, capture } = world();
  blobs.failPuts = true;
  capture.record(exchange);
  await clock.advance(70_000);
  const failing = capture.isFailing;
  blobs.failPuts = false;
  capture.record(exchange);
  await clock.advance(2_000);
  assert.deepEqual([failing, capture.isFailing], [true, false]);
});

test("a capture that fails says so from the first failed writing on", async () => {
  const { clock, blobs, capture } = world();
  blobs.failPuts = true;
  capture.record(exchange);
  await clock.advance(1_000);
  assert.deepEqual([capture.isFailing, capture.dropped], [true, 0]);
});

test("closing waits for no timer when the disk refuses, and says how many records are given up", async () => {
  const { clock, blobs, capture, problems, drops } = world();
  capture.record(exchange);
  blobs.failPuts = true;
  await clock.advance(60_000); // its file is done, and waits to be tried again
  capture.record(exchange);
  capture.record(exchange);
  await capture.close(); // nobody moves the clock any more
  assert.deepEqual([capture.dropped, drops.sort()], [3, [1, 2]]);
  assert.match(problems.join("\n"), /drops records: 2 of .*\.jsonl cannot be written: disk full/);
});

test("records beyond the memory limit are dropped and counted", () => {
  const { capture } = world({}, 2_000);
  for (let i = 0; i < 10; i++) capture.record(exchange);
  assert.equal(capture.dropped, 7);
});

test("lines that were in no object when the process was killed are in one after the next start", async () => {
  const root = mkdtempSync(join(tmpdir(), "spool-"));
  const killed = world({}, undefined, new CaptureSpool(root, "killed"));
  for (const inferenceId of ["a", "b"]) killed.capture.record({ ...exchange, inferenceId });
  await killed.clock.advance(100);
  const [file] = await eventually(() => filesWithLines(root, 3));
  appendFileSync(file as string, '{"captureData":');
  const blobs = memoryBlobs();
  const keys = await new CaptureSpool(root, "next").recover(blobs);
  assert.equal(keys.length, 1);
  assert.match(keys[0] as string, /^bucket\/data_capture\/birds\/AllTraffic\/2026\/01\/02\/12\/.*\.jsonl$/);
  assert.deepEqual(
    linesIn(blobs).map((line) => JSON.parse(line).eventMetadata.inferenceId),
    ["a", "b"],
  );
  assert.deepEqual(readdirSync(root), []);
  rmSync(root, { recursive: true });
});

test("nothing stays in the spool once a file is written", async () => {
  const root = mkdtempSync(join(tmpdir(), "spool-"));
  const { capture, blobs } = world({}, undefined, new CaptureSpool(root, "run"));
  capture.record(exchange);
  await capture.close();
  assert.deepEqual([linesOf(blobs), readdirSync(join(root, "run"))], [[1], []]);
  rmSync(root, { recursive: true });
});

test("records that only the spool could take are not dropped: they wait for the next start", async () => {
  const root = mkdtempSync(join(tmpdir(), "spool-"));
  const full = world({}, undefined, new CaptureSpool(root, "full"));
  full.blobs.failPuts = true;
  for (const inferenceId of ["a", "b"]) full.capture.record({ ...exchange, inferenceId });
  await full.capture.close();
  assert.deepEqual([full.capture.dropped, full.capture.isFailing], [0, true]);
  assert.match(
    full.problems.join(),
    /^captured records wait for the next start: 2 of .* cannot be written: disk full$/,
  );
  const blobs = memoryBlobs();
  await new CaptureSpool(root, "next").recover(blobs);
  assert.deepEqual(linesOf(blobs), [2]);
  rmSync(root, { recursive: true });
});

function filesWithLines(root: string, count: number): string[] | undefined {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => join(root, name));
  return files.some((file) => readFileSync(file, "utf8").split("\n").length > count) ? files : undefined;
}

async function eventually<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await settled();
  }
}

function world(changes: Partial<CaptureSettings> = {}, maxBytes?: number, spool?: CaptureSpool) {
  const clock = handClock(noon);
  const blobs = memoryBlobs();
  const problems: string[] = [];
  const drops: number[] = [];
  const capture = new Capture({
    blobs,
    clock,
    endpointName: "birds",
    variantName: "AllTraffic",
    settings: { ...settings, ...changes },
    onProblem: (problem) => problems.push(problem),
    onDrop: (records) => drops.push(records),
    spool,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  return { clock, blobs, capture, problems, drops };
}

function linesIn(blobs: ReturnType<typeof memoryBlobs>): string[] {
  return [...blobs.contents.values()].flatMap((bytes) => bytes.toString().trim().split("\n"));
}

function linesOf(blobs: ReturnType<typeof memoryBlobs>): number[] {
  return [...blobs.contents.values()].map((bytes) => bytes.toString().split("\n").length - 1);
}

function capturedLines(): { line: string }[] {
  return readdirSync(captured, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(captured, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => ({ line: line.replace(/\r$/, "") }));
}
