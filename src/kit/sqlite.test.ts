import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
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

test("an exclusive database refuses a second owner in the same process", (context) => {
  const path = temporaryFile(context);
  const owner = openDatabase(path, { isExclusive: true });
  owner.exec("CREATE TABLE t (a INTEGER)");
  assert.throws(() => openDatabase(path, { isExclusive: true }), /in use by another process/);
  const statement = owner.prepare("SELECT a FROM t");
  statement.all();
  owner.close();
  const next = openDatabase(path, { isExclusive: true });
  next.exec("INSERT INTO t VALUES (1)");
  next.close();
  assert.throws(() => statement.all());
});

test("an exclusive database refuses a second owner in another process, until the first is killed", async (context) => {
  const path = temporaryFile(context);
  const script = `
    const { openDatabase } = await import(${JSON.stringify(import.meta.resolve("./sqlite.ts").replace(/\.ts$/, ".js"))});
    const database = openDatabase(${JSON.stringify(path)}, { isExclusive: true });
    database.exec("CREATE TABLE t (a INTEGER)");
    process.stdout.write("open");
    setInterval(() => database, 1000);`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => owner.kill("SIGKILL"));
  await once(owner.stdout, "data");
  assert.throws(() => openDatabase(path, { isExclusive: true }), /in use by another process/);
  owner.kill("SIGKILL");
  await once(owner, "exit");
  const next = openDatabase(path, { isExclusive: true });
  assert.equal(next.prepare("SELECT count(*) AS n FROM t").get<{ n: number }>()?.n, 0);
  next.close();
});

function temporaryFile(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "scones-sqlite-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "test.sqlite");
}
