import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openDatabase } from "../kit/sqlite.ts";
import { storeConformance } from "../ports/store-conformance.ts";
import { testClock } from "../ports/test-clock.ts";
import { sqliteStore } from "./sqlite.ts";

const folder = mkdtempSync(join(tmpdir(), "scones-store-"));
after(() => rmSync(folder, { recursive: true }));

let count = 0;
const newFile = () => join(folder, `${++count}`, "scones.db");
const open = (file = newFile()) => sqliteStore({ file, clock: testClock() });

storeConformance("sqlite", () => open());

test("what was committed is there when the store is opened again", async () => {
  const file = newFile();
  const first = open(file);
  first.resources.put("model", "m", { a: 1 });
  first.logs.append("g", "s", [{ timestampMs: 1, message: "one" }]);
  await first.executions.start({
    id: "a",
    machine: "m",
    definition: { hash: "h", text: "{}" },
    input: "{}",
    startedMs: 1,
    details: {},
    status: "RUNNING",
    body: "{}",
    events: [{ id: 1 }],
  });
  first.close();
  const second = open(file);
  assert.deepEqual(second.resources.get("model", "m")?.value, { a: 1 });
  assert.equal(second.logs.read("g", "s", { from: 0, limit: 1 })[0]?.message, "one");
  assert.deepEqual(second.executions.running({ limit: 1 }), ["a"]);
  second.close();
});

test("a store that is open cannot be opened a second time", () => {
  const file = newFile();
  const store = open(file);
  assert.throws(() => open(file), /scones\.db is in use by another process/);
  store.close();
  open(file).close();
});

test("a file of a newer program is refused", () => {
  const file = newFile();
  open(file).close();
  const database = openDatabase(file);
  database.exec("PRAGMA user_version=99");
  database.close();
  assert.throws(() => open(file), /schema version 99/);
});

test("a write that fails does not take down those of the same turn", async () => {
  const { executions, close } = open();
  const good = executions.start({
    id: "a",
    machine: "m",
    definition: { hash: "h", text: "{}" },
    input: "{}",
    startedMs: 1,
    details: {},
    status: "RUNNING",
    body: "{}",
    events: [{ id: 1 }],
  });
  // The same event id twice breaks the journal's primary key.
  const bad = executions.append({ id: "a", sequence: 1, status: "RUNNING", body: "{}", events: [{ id: 1 }] });
  await assert.rejects(bad);
  assert.equal((await good).outcome, "created");
  assert.equal(executions.describe("a")?.sequence, 1);
  close();
});
