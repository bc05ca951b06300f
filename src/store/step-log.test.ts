import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readStepLog, stepLog } from "./step-log.ts";

test("what was appended is read in its order", async (context) => {
  const file = newFile(context);
  const log = stepLog({ file, round: 1, release: () => {} });
  await Promise.all([log.append("one"), log.append("two")]);
  await log.append("three");
  log.close();
  assert.deepEqual(linesOf(file, 1), ["one", "two", "three"]);
});

test("what waits is written at the end", (context) => {
  const file = newFile(context);
  const log = stepLog({ file, round: 1, release: () => {} });
  log.append("one").catch(() => {});
  log.close();
  log.close();
  assert.deepEqual(linesOf(file, 1), ["one"]);
});

test("of a frame that was torn nothing is read, and all before it is", async (context) => {
  const file = newFile(context);
  const log = stepLog({ file, round: 0, release: () => {} });
  await log.append("whole");
  await log.append("torn ".repeat(100));
  log.close();
  truncateSync(`${file}-0`, readFileSync(`${file}-0`).length - 1);
  assert.deepEqual(linesOf(file, 0), ["whole"]);
});

test("a frame whose bytes have changed is not read", async (context) => {
  const file = newFile(context);
  const log = stepLog({ file, round: 0, release: () => {} });
  await log.append("whole");
  await log.append("changed");
  log.close();
  const bytes = readFileSync(`${file}-0`);
  bytes[bytes.length - 1] = 0;
  writeFileSync(`${file}-0`, bytes);
  assert.deepEqual(linesOf(file, 0), ["whole"]);
});

test("bytes of an earlier round behind the present one are not read", async (context) => {
  const file = newFile(context);
  const first = stepLog({ file, round: 0, release: () => {} });
  for (const line of ["a", "b", "c"]) await first.append(line);
  first.close();
  const second = stepLog({ file, round: 2, release: () => {} });
  await second.append("d");
  second.close();
  assert.deepEqual(linesOf(file, 2), ["d"]);
  appendFileSync(`${file}-0`, "rubbish");
  assert.deepEqual(linesOf(file, 2), ["d"]);
});

test("a full file is followed by the other, once the round before is no longer needed", async (context) => {
  const file = newFile(context);
  const released: number[] = [];
  const log = stepLog({ file, round: 5, release: (round) => released.push(round), fileBytes: 100 });
  const rounds: number[] = [];
  for (let n = 0; n < 6; n++) rounds.push(await log.append(`${n} ${"x".repeat(60)}`));
  log.close();
  assert.deepEqual(
    [rounds, released],
    [
      [5, 5, 6, 6, 7, 7],
      [4, 5],
    ],
  );
  assert.deepEqual(
    linesOf(file, 6).map((line) => line[0]),
    ["2", "3", "4", "5"],
  );
});

test("as long as the round before is needed, a full log refuses and loses nothing", async (context) => {
  const file = newFile(context);
  let isNeeded = true;
  const release = () => {
    if (isNeeded) throw new Error("database or disk is full");
  };
  const log = stepLog({ file, round: 1, release, fileBytes: 10 });
  await log.append("one");
  await assert.rejects(log.append("two"), /disk is full/);
  isNeeded = false;
  await log.append("three");
  log.close();
  assert.deepEqual(linesOf(file, 1), ["one", "three"]);
});

test("a disk that is full refuses the line, and what waits with it", async (context) => {
  const file = newFile(context);
  symlinkSync("/dev/full", `${file}-1`);
  const log = stepLog({ file, round: 1, release: () => {} });
  const outcomes = await Promise.allSettled([log.append("one"), log.append("two")]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.code),
    ["ENOSPC", "ENOSPC"],
  );
  log.close();
});

function newFile(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "scones-log-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "log");
}

function linesOf(file: string, round: number): string[] {
  return [...readStepLog(file, round)].map(({ line }) => line);
}
