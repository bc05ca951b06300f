import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Database, openDatabase } from "../kit/sqlite.ts";
import { diskReserve, makeRoomToStart } from "./disk-reserve.ts";
import { groupCommit } from "./group-commit.ts";

test("on a full disk what frees room is committed in the reserve's room, and what takes room is refused", async (context) => {
  const { database, reserveBytes, reserve } = setUp(context);
  const full: Database = {
    ...database,
    transaction: (work) => {
      if (reserveBytes() > 0) throw new Error("database or disk is full");
      return database.transaction(work);
    },
  };
  const commits = groupCommit(full, reserve);
  const put = commits.run(() => database.exec("INSERT INTO rows VALUES ('new')"));
  const removal = commits.run(() => database.exec("DELETE FROM rows WHERE name = 'old'"), { freesRoom: true });
  await assert.rejects(put, /disk is full/);
  await removal;
  assert.deepEqual(database.prepare("SELECT name FROM rows").all(), []);
  assert.equal(reserveBytes(), 0);
});

test("the reserve is given up whole, and made again when there is room", (context) => {
  const { reserve, reserveBytes } = setUp(context);
  const atFirst = reserveBytes();
  reserve.giveUp();
  const givenUp = reserveBytes();
  reserve.makeAgain();
  assert.deepEqual([atFirst, givenUp, reserveBytes()], [4 * 2 ** 20, 0, 4 * 2 ** 20]);
});

test("a start gives up nothing where there is room, and asks for no folder", (context) => {
  const { directory, reserveBytes } = setUp(context);
  makeRoomToStart(directory);
  makeRoomToStart(join(directory, "not-there-yet"));
  assert.equal(reserveBytes(), 4 * 2 ** 20);
});

test("another failure than a full disk gives nothing up and fails removals too", async (context) => {
  const { database, reserve, reserveBytes } = setUp(context);
  const commits = groupCommit(database, reserve);
  const removal = commits.run(() => database.exec("DELETE FROM nowhere"), { freesRoom: true });
  await assert.rejects(removal, /no such table/);
  assert.equal(reserveBytes(), 4 * 2 ** 20);
});

function setUp(context: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "scones-reserve-"));
  const database = openDatabase(join(directory, "index.sqlite"), { isExclusive: true });
  context.after(() => {
    database.close();
    rmSync(directory, { recursive: true });
  });
  database.exec("CREATE TABLE rows (name TEXT); INSERT INTO rows VALUES ('old')");
  const reserveBytes = () => statSync(join(directory, "reserve")).size;
  return { directory, database, reserve: diskReserve({ directory, database }), reserveBytes };
}
