import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseDatasetFormat } from "./dataset-format.ts";
import { profileOf } from "./profile.ts";
import { type RowProblem, readRows } from "./read-rows.ts";
import { suggestConstraints } from "./suggest-constraints.ts";
import { findViolations } from "./violations.ts";

const shared = process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "..", "shared");
const captured = join(shared, "data", "captured");
const skip = existsSync(captured) ? false : `no real captures at ${captured}: set SCONES_SHARED`;
const format = parseDatasetFormat('{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}');

function realFiles(): string[] {
  const names = readdirSync(captured, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".jsonl"));
  return names.sort().map((name) => readFileSync(join(captured, name), "utf8"));
}

async function* rowsOf(files: string[], problems: RowProblem[]) {
  for (const text of files)
    yield* readRows([Buffer.from(text)], { format, onProblem: (problem) => problems.push(problem) });
}

test("every real capture becomes one row of picture statistics and prediction", { skip }, async () => {
  const files = realFiles();
  const problems: RowProblem[] = [];
  const { statistics, features, rowCount } = await profileOf(rowsOf(files, problems));
  // Counted without any of our readers.
  const lines = files.reduce((count, text) => count + text.split("\n").filter((line) => line !== "").length, 0);
  const outputs = files.flatMap((text) => [...text.matchAll(/"mode":"OUTPUT","data":"\[([^\]]+)\]"/g)]);
  const confidences = outputs.map((match) => Math.max(...(match[1] as string).split(", ").map(Number)));
  assert.deepEqual([rowCount, statistics.dataset.item_count, problems.length], [lines, lines, 0]);
  assert.deepEqual([lines, confidences.length], [103, 103]);
  const confidence = features.get("confidence")?.numbers;
  assert.deepEqual([confidence?.min, confidence?.max], [Math.min(...confidences), Math.max(...confidences)]);
  const complete = [...features.values()]
    .filter(({ present }) => present === lines)
    .map(({ statistics: one }) => one.name);
  assert.equal(complete.filter((name) => name.startsWith("picture_")).length, 10);
  assert.deepEqual(features.get("picture_size")?.categories.counts(), [["32x32", 103]]);
});

test("real captures do not violate the constraints that they suggest themselves", { skip }, async () => {
  const profile = await profileOf(rowsOf(realFiles(), []));
  const constraints = suggestConstraints(profile.statistics);
  assert.ok(constraints.features.length >= 14);
  assert.deepEqual(findViolations({ profile, constraints, baselineStatistics: profile.statistics }).violations, []);
});
