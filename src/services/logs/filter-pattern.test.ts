import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern } from "./filter-pattern.ts";

const matching = (pattern: string, lines: readonly string[]) => lines.filter(compilePattern(pattern));

test("terms must occur, unwanted ones must not, and of the optional ones at least one", () => {
  const lines = ["ERROR disk full", "ERROR net down", "WARN disk slow", "INFO all fine"];
  assert.deepEqual(matching("ERROR", lines), lines.slice(0, 2));
  assert.deepEqual(matching("ERROR -disk", lines), [lines[1]]);
  assert.deepEqual(matching("?ERROR ?WARN", lines), lines.slice(0, 3));
  assert.deepEqual(matching('"disk full"', lines), [lines[0]]);
  assert.deepEqual(matching("", lines), lines);
});

test("JSON is compared by selector: text with wildcards, numbers, truth, absence", () => {
  const lines = [
    '{"level":"ERROR","status":500,"user":{"ids":[1,7]},"ok":false,"note":null}',
    '{"level":"WARN","status":404.5,"ok":true}',
    "ERROR in plain text",
    "[1]",
  ];
  const numbers = (pattern: string) => matching(pattern, lines).map((line) => lines.indexOf(line));
  assert.deepEqual(numbers('{ $.level = "ERROR" }'), [0]);
  assert.deepEqual(numbers("{ $.level = *R* }"), [0, 1]);
  assert.deepEqual(numbers('{ $.level != "ERROR" }'), [1]);
  assert.deepEqual(numbers("{ $.status >= 404.5 && $.status < 500 }"), [1]);
  assert.deepEqual(numbers("{ ($.status = 500 || $.ok IS TRUE) && $.level = * }"), [0, 1]);
  assert.deepEqual(numbers("{ $.user.ids[1] = 7 }"), [0]);
  assert.deepEqual(numbers("{ $.user.ids[*] = 1 }"), [0]);
  assert.deepEqual(numbers("{ $.user NOT EXISTS }"), [1]);
  assert.deepEqual(numbers("{ $.note IS NULL }"), [0]);
  assert.deepEqual(numbers("{ $.ok IS FALSE }"), [0]);
});

test("columns are words, or what quotes and brackets hold together", () => {
  const lines = [
    '127.0.0.1 - frank [10/Oct/2026:13:25:15] "GET /index.html" 404 1534',
    '127.0.0.1 - anna [10/Oct/2026:13:25:16] "PUT /x" 200 5',
  ];
  assert.deepEqual(matching("[ip, id, user, time, request, status = 4*, size]", lines), [lines[0]]);
  assert.deepEqual(matching("[ip, ..., status = 200 || status = 404, size > 100]", lines), [lines[0]]);
  assert.deepEqual(matching('[..., request = "PUT*", status, size]', lines), [lines[1]]);
  assert.deepEqual(matching("[ip, user]", lines), []);
});

test("what cannot be read is refused with its reason", () => {
  const unreadable = [
    "{ $.a = }",
    "{ $.a }",
    "{ a = 1 }",
    "{ $.a = 1",
    "[a, b = ]",
    "[a",
    "[..., ...]",
    "%ERR.*%",
    "{ $.a = 1 } x",
  ];
  for (const pattern of [...unreadable, `{ ${"(".repeat(60)}$.a = 1${")".repeat(60)} }`]) {
    assert.throws(() => compilePattern(pattern), { code: "InvalidParameterException" }, pattern);
  }
});
