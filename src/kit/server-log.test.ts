import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogFormat, serverLog } from "./server-log.ts";

test("as JSON every line is an object with a time, a level and an event", () => {
  const lines = logged("json").map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ error, ...line }) => ({ ...line, hasError: typeof error })),
    [
      { time: "2026-01-02T00:00:00.000Z", level: "error", event: "the store", hasError: "string" },
      { time: "2026-01-02T00:00:00.000Z", level: "info", event: "endpoint", endpoint: "birds", hasError: "undefined" },
    ],
  );
});

test("as text people read what went wrong and nothing else", () => {
  const lines = logged("text");
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^scones: the store: Error: disk full\n/);
});

function logged(format: LogFormat): string[] {
  const lines: string[] = [];
  const log = serverLog({ format, write: (text) => void lines.push(text), now: () => Date.UTC(2026, 0, 2) });
  log.report("the store", new Error("disk full"));
  log.event("endpoint", { endpoint: "birds" });
  return lines;
}
