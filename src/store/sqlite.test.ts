import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import type { Json } from "../kit/json.ts";
import { openDatabase } from "../kit/sqlite.ts";
import type { NewExecution } from "../ports/store.ts";
import { storeConformance } from "../ports/store-conformance.ts";
import { testClock } from "../ports/test-clock.ts";
import { sqliteStore } from "./sqlite.ts";
import { readStepLog } from "./step-log.ts";

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
  await first.executions.start(newExecution("a"));
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
  const good = executions.start(newExecution("a"));
  // The same event id twice: a journal has no gap and no duplicate.
  const bad = executions.append({ id: "a", sequence: 1, status: "RUNNING", body: {}, events: [{ id: 1 }] });
  await assert.rejects(bad);
  assert.equal((await good).outcome, "created");
  assert.equal(executions.describe("a")?.sequence, 1);
  close();
});

test("after kill -9 everything answered is there: state, history, timers, tokens and messages", async () => {
  const file = newFile();
  const first = open(file);
  const { executions } = first;
  const big = { frames: { "": { items: Array.from({ length: 50 }, (_, n) => n), results: [1] } } };
  await executions.start(newExecution("a", { body: big, tokens: [{ token: "t", effectId: "e" }], outbox: [{ n: 1 }] }));
  const results = [1, 2];
  const body = { frames: { "": { ...big.frames[""], results } } };
  await executions.append({
    id: "a",
    sequence: 1,
    status: "RUNNING",
    body,
    events: [{ id: 2 }, { id: 3 }],
    timers: [{ effectId: "x", dueMs: 5 }],
    outbox: [{ n: 2 }],
  });
  await executions.start(newExecution("b", { outbox: [{ n: 3 }] }));
  await executions.append({ id: "b", sequence: 1, status: "SUCCEEDED", body: undefined, events: [], output: "1" });
  await executions.delivered([executions.outbox(1)[0]?.id as number]);
  const second = open(copyOf(file));
  const found = second.executions;
  assert.deepEqual(found.load("a")?.body, body);
  assert.deepEqual(
    found.history("a", { limit: 9 }).map(({ id }) => id),
    [1, 2, 3],
  );
  assert.deepEqual([found.nextDue(), found.token("t")?.isClosed, found.describe("b")?.output], [5, false, "1"]);
  assert.deepEqual(
    found.outbox(9).map(({ message }) => message),
    [{ n: 2 }, { n: 3 }],
  );
  assert.deepEqual(found.running({ limit: 9 }), ["a"]);
  second.close();
  first.close();
});

test("a step writes what changed in a large continuation, not all of it", async () => {
  const file = newFile();
  const { executions, close } = open(file);
  const items = Array.from({ length: 10_000 }, (_, n) => ({ key: `image-${n}.png` }));
  const results: Json[] = Array.from({ length: 5_000 }, () => ({ label: "bicycle" }));
  await executions.start(newExecution("a", { body: { frames: { "": { items, results } } } }));
  const written = () => [...readStepLog(`${file}.steps`, 1)].map(({ line }) => line.length);
  const [first = 0] = written();
  const body = { frames: { "": { items, results: [...results, { label: "motorcycle" }] } } };
  await executions.append({ id: "a", sequence: 1, status: "RUNNING", body, events: [{ id: 2 }] });
  const second = written().at(-1) ?? first;
  assert.ok(second < 300, `the step wrote ${second} bytes, the start ${first}`);
  close();
});

test("what the tables hold already is not done again from the log", async () => {
  const file = newFile();
  const first = open(file);
  const { executions } = first;
  await executions.start(newExecution("a", { body: { n: [1] } }));
  executions.history("a", { limit: 1 }); // Brings it into the tables.
  const body = { n: [1, 2] };
  await executions.append({ id: "a", sequence: 1, status: "RUNNING", body, events: [{ id: 2 }] });
  await executions.append({ id: "a", sequence: 2, status: "RUNNING", body: { ...body, m: 1 }, events: [{ id: 3 }] });
  const second = open(copyOf(file));
  assert.deepEqual(second.executions.load("a")?.body, { n: [1, 2], m: 1 });
  assert.deepEqual(
    second.executions.history("a", { limit: 9 }).map(({ id }) => id),
    [1, 2, 3],
  );
  second.close();
  first.close();
});

/** As the files lie on the disk now, which is what `kill -9` leaves. */
function copyOf(file: string): string {
  const copy = newFile();
  cpSync(dirname(file), dirname(copy), { recursive: true });
  return copy;
}

function newExecution(id: string, rest: Partial<NewExecution> = {}): NewExecution {
  return {
    id,
    machine: "m",
    definition: { hash: "h", text: "{}" },
    input: "{}",
    startedMs: 1,
    details: { name: id },
    status: "RUNNING",
    body: {},
    events: [{ id: 1 }],
    ...rest,
  };
}
