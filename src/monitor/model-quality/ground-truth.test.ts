import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../data-quality/row.ts";
import { createGroundTruth, type GroundTruth, groundTruthColumn, labelledRows } from "./ground-truth.ts";
import { type JudgementColumns, judgementIn } from "./judgement.ts";

function captured(eventId: string, data: string, inferenceId?: string): string {
  const eventMetadata = { eventId, inferenceTime: "2026-01-01T00:00:00Z", ...(inferenceId && { inferenceId }) };
  const endpointOutput = { observedContentType: "text/csv", mode: "OUTPUT", data, encoding: "CSV" };
  return JSON.stringify({ captureData: { endpointOutput }, eventMetadata, eventVersion: "0" });
}

function label(eventId: string, data: string, encoding = "CSV"): string {
  return JSON.stringify({ groundTruthData: { data, encoding }, eventMetadata: { eventId }, eventVersion: "0" });
}

function groundTruthOf(...lines: string[]): GroundTruth {
  const truth = createGroundTruth();
  for (const line of lines) truth.add(line);
  return truth;
}

/** The rows of a capture with its labels; none when it has none. */
function rowsOf(truth: GroundTruth, line: string): Row[] {
  const joined = truth.join(line);
  return joined === undefined ? [] : labelledRows(joined);
}

const columns: JudgementColumns = {
  problemType: "BinaryClassification",
  probabilityAttribute: "0",
  groundTruthAttribute: groundTruthColumn,
};

test("captures meet their labels by event id, and those without one are left out", () => {
  const truth = groundTruthOf(label("a", "1"), label("b", "0"), label("c", "1"));
  const rows = ["a", "b", "c", "d"].flatMap((id) => rowsOf(truth, captured(id, "0.7")));
  assert.deepEqual(
    rows.map((row) => judgementIn(row, columns)),
    ["1", "0", "1"].map((actual) => ({ actual, predicted: "1", probability: 0.7 })),
  );
  assert.equal(truth.labelCount, 3);
});

test("an inference id that the caller gave goes before the event id", () => {
  const truth = groundTruthOf(label("mine", "1"), label("event", "0"));
  const [row] = rowsOf(truth, captured("event", "0.2", "mine"));
  assert.equal(row?.get(groundTruthColumn), "1");
});

test("a joined line is the captured one with its label, under the id that joined them", () => {
  const joined = JSON.parse(groundTruthOf(label("mine", "1")).join(captured("event", "0.2", "mine")) ?? "");
  assert.deepEqual(joined, {
    ...JSON.parse(captured("mine", "0.2", "mine")),
    groundTruthData: { data: "1", encoding: "CSV" },
  });
});

test("a later label replaces an earlier one", () => {
  const truth = groundTruthOf(label("a", "1"), label("a", "0"));
  assert.equal(rowsOf(truth, captured("a", "0.5"))[0]?.get(groundTruthColumn), "0");
});

test("a request of several rows has a label for each, in whatever way they are written", () => {
  const written = [label("a", "1\n0"), label("a", "[1,0]", "JSON"), label("a", "MQow", "BASE64")];
  const judged = written.map((line) =>
    rowsOf(groundTruthOf(line), captured("a", "0.9\n0.4")).map((row) => judgementIn(row, columns)),
  );
  const expected = [
    { actual: "1", predicted: "1", probability: 0.9 },
    { actual: "0", predicted: "0", probability: 0.4 },
  ];
  assert.deepEqual(judged, [expected, expected, expected]);
});

test("what is no label and no capture is refused with the reason", () => {
  const truth = createGroundTruth();
  assert.throws(() => truth.add('{"groundTruthData":{"data":"1"}}'), /ground truth: eventMetadata is missing/);
  assert.throws(() => truth.add("no JSON"), /ground truth is not JSON/);
  assert.throws(() => truth.add(label("a", "[{}]", "JSON")), /expected a label or a list of labels/);
  assert.throws(() => truth.join("null"), /capture: the file is null, expected a JSON object/);
  assert.throws(() => labelledRows(captured("a", "1")), /joined record: groundTruthData is missing/);
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
      found(
        [
          ["predicted_class", "class_0"],
          ["probability_1", 0.4],
        ],
        { probabilityThreshold: 0.3 },
      ),
      found(
        [
          ["predicted_class", "class_0"],
          ["probability_1", 0.6],
        ],
        { probabilityAttribute: "$[1]" },
      ),
      found(
        [
          ["predicted_class", "class_0"],
          ["probability_1", 0.6],
        ],
        { probabilityAttribute: "$.predictions[0][1]" },
      ),
      found([["p", 0.6]], { probabilityAttribute: "p", probabilityThreshold: 0.8 }),
      found([["p", 0.6]], { probabilityAttribute: "p" }),
    ],
    ["1", "0", "1", "1", "1", "1", "1", "0", "1"],
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

test("a captured classifier's probability of class 1 makes its curve", () => {
  const row = new Map<string, string | number>([
    ["predicted_class", "class_0"],
    ["probability_1", 0.4],
    [groundTruthColumn, "1"],
  ]);
  const { probabilityAttribute: _, ...rest } = columns;
  assert.deepEqual(judgementIn(row, rest), { actual: "1", predicted: "0", probability: 0.4 });
});

test("numbers of classes are not judged by names", () => {
  const row = new Map([
    ["predicted_class", "class_1"],
    [groundTruthColumn, "motorcycle"],
  ]);
  const { probabilityAttribute: _, ...rest } = columns;
  assert.match(String(judgementIn(row, rest)), /ground truth is "motorcycle": write labels as numbers, too/);
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
