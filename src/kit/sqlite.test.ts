import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatabase } from "./sqlite.ts";

test("a transaction that throws leaves nothing behind", () => {
  const database = openDatabase(":memory:");
  database.exec("CREATE TABLE t (a INTEGER)");
  const insert = database.prepare("INSERT INTO t VALUES (?)");
  assert.throws(
    () =>
      database.transaction(() => {
        insert.run(1);
        throw new Error("stop");
      }),
    /stop/,
  );
  assert.equal(database.prepare("SELECT count(*) AS n FROM t").get<{ n: number }>()?.n, 0);
  database.close();
});

test("a transaction inside a transaction belongs to the outer one", () => {
  const database = openDatabase(":memory:");
  database.exec("CREATE TABLE t (a INTEGER)");
  const insert = database.prepare("INSERT INTO t VALUES (?)");
  const answer = database.transaction(() => {
    database.transaction(() => insert.run(1));
    insert.run(2);
    return "done";
  });
  assert.equal(answer, "done");
  assert.equal(database.prepare("SELECT count(*) AS n FROM t").get<{ n: number }>()?.n, 2);
  database.close();
});

test("a database may be closed twice", () => {
  const database = openDatabase(":memory:");
  database.close();
  database.close();
});
