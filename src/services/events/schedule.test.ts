import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSchedule } from "./schedule.ts";

// A Thursday.
const start = "2026-01-01T00:00:00Z";

function times(schedule: string, count: number, from = start): string[] {
  const { next } = parseSchedule(schedule);
  const found: string[] = [];
  let atMs: number | undefined = Date.parse(from);
  for (let i = 0; i < count; i++) {
    atMs = next(atMs, Date.parse(start));
    if (atMs === undefined) break;
    found.push(new Date(atMs).toISOString().slice(0, 16));
  }
  return found;
}

test("a rate counts from when the rule was put, also after a rest", () => {
  assert.deepEqual(times("rate(5 minutes)", 2), ["2026-01-01T00:05", "2026-01-01T00:10"]);
  assert.deepEqual(times("rate(1 day)", 1, "2026-01-04T13:00:00Z"), ["2026-01-05T00:00"]);
});

test("cron knows lists, ranges, steps and names", () => {
  assert.deepEqual(times("cron(0/20 9,17 ? * MON-FRI *)", 4), [
    "2026-01-01T09:00",
    "2026-01-01T09:20",
    "2026-01-01T09:40",
    "2026-01-01T17:00",
  ]);
  assert.deepEqual(times("cron(15 10 1 FEB,MAR ? 2026-2027)", 5), [
    "2026-02-01T10:15",
    "2026-03-01T10:15",
    "2027-02-01T10:15",
    "2027-03-01T10:15",
  ]);
});

test("cron knows last days, nearest weekdays and the nth weekday of a month", () => {
  assert.deepEqual(times("cron(0 0 L * ? *)", 2), ["2026-01-31T00:00", "2026-02-28T00:00"]);
  assert.deepEqual(times("cron(0 0 1W * ? *)", 2, "2026-01-15T00:00:00Z"), ["2026-02-02T00:00", "2026-03-02T00:00"]);
  assert.deepEqual(times("cron(0 0 ? * 6L *)", 1), ["2026-01-30T00:00"]);
  assert.deepEqual(times("cron(0 0 ? * TUE#2 *)", 1), ["2026-01-13T00:00"]);
  assert.deepEqual(times("cron(0 0 29 2 ? *)", 1), ["2028-02-29T00:00"]);
});

test("what is no schedule is refused, and one of the past is never due", () => {
  const wrong = [
    "rate(1 minutes)",
    "rate(5 minute)",
    "rate(0 minutes)",
    "every minute",
    "cron(0 12 * * * *)",
    "cron(0 12 ? * ? *)",
    "cron(0 12 * * ?)",
    "cron(60 12 * * ? *)",
    "cron(0 12 * FOO ? *)",
    "cron(0/0 12 * * ? *)",
  ];
  for (const schedule of wrong) assert.throws(() => parseSchedule(schedule), { name: "ScheduleError" }, schedule);
  assert.deepEqual(times("cron(0 12 * * ? 2020)", 1), []);
  assert.deepEqual(times("cron(0 0 31 2 ? *)", 1), []);
});
