import assert from "node:assert/strict";
import { test } from "node:test";
import { dueAfter, dueBefore, offsetMsOf, onceWindow, type Timetable, timetableOf, windowOf } from "./timetable.ts";

const at = (text: string) => Date.parse(`2026-11-20T${text}Z`);

function hourly(expression: string): Timetable & { type: "hours" } {
  const timetable = timetableOf({ ScheduleExpression: expression });
  assert.equal(timetable.type, "hours");
  return timetable as Timetable & { type: "hours" };
}

test("an hourly schedule is due at every full hour and looks at the hour before", () => {
  const timetable = hourly("cron(0 * ? * * *)");
  assert.equal(dueAfter(timetable, at("10:00:00.000")), at("11:00:00"));
  assert.equal(dueAfter(timetable, at("10:59:59.999")), at("11:00:00"));
  assert.equal(dueBefore(timetable, at("11:00:00")), at("10:00:00"));
  assert.deepEqual(windowOf(timetable, {}, at("11:00:00")), { startMs: at("10:00:00"), endMs: at("11:00:00") });
});

test("a daily schedule looks at the day before its hour; so does one that says no time, at midnight", () => {
  const timetable = hourly("cron(0 17 ? * * *)");
  assert.equal(dueAfter(timetable, at("17:00:00")), Date.parse("2026-11-21T17:00:00Z"));
  assert.deepEqual(windowOf(timetable, {}, at("17:00:00")), {
    startMs: Date.parse("2026-11-19T17:00:00Z"),
    endMs: at("17:00:00"),
  });
  assert.deepEqual(timetableOf(undefined), { type: "hours", hours: [0] });
});

test("every ten hours from midnight is midnight, ten and twenty o'clock, and each looks at what came since the one before", () => {
  const timetable = hourly("cron(0 0/10 ? * * *)");
  assert.deepEqual(timetable.hours, [0, 10, 20]);
  assert.deepEqual(windowOf(timetable, {}, at("00:00:00")), {
    startMs: Date.parse("2026-11-19T20:00:00Z"),
    endMs: at("00:00:00"),
  });
});

test("offsets move the window to where labels have come", () => {
  const window = windowOf(
    hourly("cron(0 * ? * * *)"),
    { StartTimeOffset: "-P8D", EndTimeOffset: "-P1D" },
    at("13:00:00"),
  );
  assert.deepEqual(window, {
    startMs: Date.parse("2026-11-12T13:00:00Z"),
    endMs: Date.parse("2026-11-19T13:00:00Z"),
  });
});

test("a schedule that runs once says its window itself", () => {
  const config = { ScheduleExpression: "NOW", DataAnalysisStartTime: "-PT5H", DataAnalysisEndTime: "-PT0H" };
  assert.deepEqual(timetableOf(config), { type: "once" });
  assert.deepEqual(onceWindow(config, at("12:00:00")), { startMs: at("07:00:00"), endMs: at("12:00:00") });
  assert.throws(
    () => timetableOf({ ScheduleExpression: "NOW" }),
    /needs DataAnalysisStartTime and DataAnalysisEndTime/,
  );
  assert.throws(() => timetableOf({ ...config, DataAnalysisStartTime: "-P2D" }), /by at most 24 hours/);
  assert.throws(() => timetableOf({ ...config, DataAnalysisEndTime: "-PT5H" }), /must be before/);
});

test("other expressions are refused with those that are taken", () => {
  for (const ScheduleExpression of [
    "rate(1 hour)",
    "cron(5 * ? * * *)",
    "cron(0 24 ? * * *)",
    "cron(0 0/25 ? * * *)",
    "now",
  ]) {
    assert.throws(
      () => timetableOf({ ScheduleExpression }),
      /is none of NOW, cron\(0 \* \? \* \* \*\)/,
      ScheduleExpression,
    );
  }
});

test("durations are read to the second, and only those of the past", () => {
  assert.equal(offsetMsOf("m", "-P1DT2H3M4S"), -(((26 * 60 + 3) * 60 + 4) * 1000));
  assert.equal(offsetMsOf("m", "PT0H"), 0);
  for (const text of ["-P", "-PT", "PT1H", "-1H", "-P1Y", "-P40D", ""])
    assert.throws(() => offsetMsOf("m", text), text);
});
