import assert from "node:assert/strict";
import { test } from "node:test";
import type { CaptureRecord } from "../capture-record.ts";
import { parseCaptures } from "../parse-captures.ts";
import { createGroundTruth, groundTruthColumn } from "./ground-truth.ts";
import { type JudgementColumns, judgementIn } from "./judgement.ts";

function captured(eventId: string, data: string, { encoding = "CSV", inferenceId }: Record<string, string> = {}) {
  const eventMetadata = { eventId, inferenceTime: "2026-01-01T00:00:00Z", ...(inferenceId && { inferenceId }) };
  const endpointOutput = { observedContentType: "text/csv", mode: "OUTPUT", data, encoding };
  const [record] = parseCaptures(JSON.stringify({ captureData: { endpointOutput }, eventMetadata })).records;
  return record as CaptureRecord;
}

function label(eventId: string, data: string, encoding = "CSV"): string {
  return JSON.stringify({ groundTruthData: { data, encoding }, eventMetadata: { eventId }, eventVersion: "0" });
}

const columns: JudgementColumns = {
  problemType: "BinaryClassification",
  probabilityAttribute: "0",
  groundTruthAttribute: groundTruthColumn,
};

test("captures meet their labels by event id, of every line of every file", () => {
  const truth = createGroundTruth();
  truth.add(`${label("a", "1")}\n${label("b", "0")}\n`);
  truth.add(`${label("c", "1")}`);
  const rows = ["a", "b", "c", "d"].flatMap((id) => truth.merge(captured(id, "0.7")));
  assert.deepEqual(
    rows.map((row) => judgementIn(row, columns)),
    ["1", "0", "1"].map((actual) => ({ actual, predicted: "1", probability: 0.7 })),
  );
  assert.deepEqual([truth.labelCount, truth.unmatchedCount], [3, 0]);
});

test("an inference id that the caller gave goes before the event id", () => {
  const truth = createGroundTruth();
  truth.add(`${label("mine", "1")}\n${label("event", "0")}`);
  const [row] = truth.merge(captured("event", "0.2", { inferenceId: "mine" }));
  assert.equal(row?.get(groundTruthColumn), "1");
  assert.equal(truth.unmatchedCount, 1);
});

test("a later label replaces an earlier one", () => {
  const truth = createGroundTruth();
  truth.add(`${label("a", "1")}\n${label("a", "0")}`);
  assert.equal(truth.merge(captured("a", "0.5"))[0]?.get(groundTruthColumn), "0");
});

test("a request of several rows has a label for each", () => {
  const truth = createGroundTruth();
  truth.add(label("a", "1\n0"));
  assert.deepEqual(
    truth.merge(captured("a", "0.9\n0.4")).map((row) => judgementIn(row, columns)),
    [
      { actual: "1", predicted: "1", probability: 0.9 },
      { actual: "0", predicted: "0", probability: 0.4 },
    ],
  );
});

test("lines that are no labels are reported and the others are read", () => {
  const truth = createGroundTruth();
  const problems = truth.add(
    `${label("a", "1")}\n{"groundTruthData":{"data":"1"}}\nno JSON\n${label("b", "[1]", "JSON")}`,
    "f",
  );
  assert.deepEqual(
    problems.map(({ file, line }) => [file, line]),
    [
      ["f", 2],
      ["f", 3],
    ],
  );
  assert.equal(truth.labelCount, 2);
});

test("predictions are found by column, by index and by path, and by themselves where a classifier answered", () => {
  const found = (cells: [string, string | number][], change: Partial<JudgementColumns>) => {
    const row = new Map<string, string | number>([...cells, [groundTruthColumn, "1.0"]]);
    const { probabilityAttribute: _, ...rest } = columns;
    const judgement = judgementIn(row, { ...rest, ...change });
    return typeof judgement === "string" ? judgement : judgement.predicted;
  };
  assert.deepEqual(
    [
      found([["label", 1]], { inferenceAttribute: "label" }),
      found([["_c1", "0"]], { inferenceAttribute: "1" }),
      found([["predictions_0.label", "1"]], { inferenceAttribute: "$.predictions[0].label" }),
      found([["predicted_class", "class_1"]], {}),
      found([["p", 0.6]], { probabilityAttribute: "p", probabilityThreshold: 0.8 }),
      found([["p", 0.6]], { probabilityAttribute: "p" }),
    ],
    ["1", "0", "1", "1", "0", "1"],
  );
  assert.match(String(found([], { inferenceAttribute: "label" })), /the prediction label is missing/);
});

test("labels of different writers mean the same", () => {
  const row = new Map([
    ["prediction", "1"],
    [groundTruthColumn, "1.0"],
  ]);
  assert.deepEqual(judgementIn(row, { ...columns, inferenceAttribute: "prediction" }), { actual: "1", predicted: "1" });
});

test("with the names of the classes a number and a name are the same label", () => {
  const row = new Map([
    ["predicted_class", "class_1"],
    [groundTruthColumn, "motorcycle"],
  ]);
  const { probabilityAttribute: _, ...rest } = columns;
  assert.deepEqual(judgementIn(row, { ...rest, classLabels: ["bicycle", "motorcycle"] }), {
    actual: "motorcycle",
    predicted: "motorcycle",
  });
});

test("regression refuses what is no number", () => {
  const row = new Map([
    ["_c0", "high"],
    [groundTruthColumn, "3"],
  ]);
  const regression = {
    problemType: "Regression" as const,
    inferenceAttribute: "0",
    groundTruthAttribute: groundTruthColumn,
  };
  assert.match(String(judgementIn(row, regression)), /regression needs numbers and got "high"/);
});
