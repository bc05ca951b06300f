import assert from "node:assert/strict";
import { test } from "node:test";
import { type AlarmRule, evaluateAlarm, type MissingTreatment, reasonOf } from "./evaluate-alarm.ts";

// The tables of CloudWatch's manual: X breaches, 0 does not, - is missing; oldest first, of five periods three count.
const treatments: MissingTreatment[] = ["missing", "ignore", "breaching", "notBreaching"];
const retain = undefined;

function verdicts(text: string, datapointsToAlarm: number) {
  const datapoints = text
    .split(" ")
    .flatMap((sign, index) => (sign === "-" ? [] : [{ startMs: index * 60_000, value: sign === "X" ? 1 : 0 }]));
  return treatments.map(
    (treatMissing) => evaluateAlarm({ ...rule, datapointsToAlarm, treatMissing }, datapoints).state,
  );
}

const rule: AlarmRule = {
  threshold: 1,
  operator: "GreaterThanOrEqualToThreshold",
  evaluationPeriods: 3,
  datapointsToAlarm: 3,
  treatMissing: "missing",
};

test("three of three: late and missing datapoints decide as in the manual", () => {
  assert.deepEqual(
    ["0 - X - X", "0 - - - -", "- - - - -", "0 X X - X", "- - X - -"].map((text) => verdicts(text, 3)),
    [
      ["OK", "OK", "OK", "OK"],
      ["OK", "OK", "OK", "OK"],
      ["INSUFFICIENT_DATA", retain, "ALARM", "OK"],
      ["ALARM", "ALARM", "ALARM", "ALARM"],
      ["ALARM", retain, "ALARM", "OK"],
    ],
  );
});

test("two of three: late and missing datapoints decide as in the manual", () => {
  assert.deepEqual(
    ["0 - X - X", "0 0 X 0 X", "0 - X - -", "- - - - 0", "- - - X -"].map((text) => verdicts(text, 2)),
    [
      ["ALARM", "ALARM", "ALARM", "ALARM"],
      ["ALARM", "ALARM", "ALARM", "ALARM"],
      ["OK", "OK", "ALARM", "OK"],
      ["OK", "OK", "ALARM", "OK"],
      ["ALARM", retain, "ALARM", "OK"],
    ],
  );
});

test("the reason is told in CloudWatch's words", () => {
  const startMs = Date.UTC(2026, 0, 31, 12, 5);
  const one = { ...rule, evaluationPeriods: 1, datapointsToAlarm: 1, operator: "GreaterThanThreshold" } as const;
  const because = (datapoints: { startMs: number; value: number }[], given: AlarmRule = one) =>
    reasonOf(given, evaluateAlarm(given, datapoints));
  assert.deepEqual(
    [
      because([{ startMs, value: 5 }]),
      because([{ startMs, value: 0.5 }]),
      because([]),
      because([], { ...one, treatMissing: "breaching" }),
    ],
    [
      "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (31/01/26 12:05:00)] was greater than the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).",
      "Threshold Crossed: 1 out of the last 1 datapoints [0.5 (31/01/26 12:05:00)] was not greater than the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).",
      "Insufficient Data: 1 datapoint was unknown.",
      "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching].",
    ],
  );
});

test("each comparison breaches on its side of the threshold", () => {
  const operators = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
  ] as const;
  const states = operators.map((operator) =>
    [0, 1, 2].map((value) => {
      const given: AlarmRule = { ...rule, operator, evaluationPeriods: 1, datapointsToAlarm: 1 };
      return evaluateAlarm(given, [{ startMs: 0, value }]).state;
    }),
  );
  assert.deepEqual(states, [
    ["OK", "ALARM", "ALARM"],
    ["OK", "OK", "ALARM"],
    ["ALARM", "OK", "OK"],
    ["ALARM", "ALARM", "OK"],
  ]);
});
