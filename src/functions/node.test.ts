import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { jsonOf, type Machine, machine, textOf } from "./rig.test.ts";

let it: Machine;
before(() => {
  it = machine();
});
after(() => it[Symbol.asyncDispose]());

const run = async (source: string, event: unknown = {}, name = "node") => {
  const spec = it.define(source, { runtime: "nodejs20.x", name });
  return it.call(spec, event);
};

test("a handler that returns a promise answers with its value", async () => {
  assert.equal(
    textOf(await run("export const handler = async (event) => ({ got: event });", { a: [1] })),
    '{"got":{"a":[1]}}',
  );
});

test("a handler that returns nothing answers null", async () => {
  assert.equal(textOf(await run("export const handler = async () => {};")), "null");
});

test("a handler may answer through its callback, after everything it has begun", async () => {
  const source = `export const handler = (event, context, callback) => {
    let done = false;
    setTimeout(() => { done = true; }, 30);
    callback(null, { get done() { return done; } });
  };`;
  assert.equal(textOf(await run(source)), '{"done":true}');
});

test("a handler that neither answers nor waits answers null", async () => {
  assert.equal(textOf(await run("export const handler = () => {};")), "null");
});

test("a thrown error becomes its name, its message and its trace in this order", async () => {
  const outcome = await run(`class Unsure extends Error { name = "THRESHOLD_CONFIDENCE_NOT_MET"; }
export const handler = async () => { throw new Unsure("too low"); };`);
  const error = jsonOf(outcome);
  assert.equal(outcome.isError, true);
  assert.deepEqual(Object.keys(error), ["errorType", "errorMessage", "trace"]);
  assert.deepEqual([error["errorType"], error["errorMessage"]], ["THRESHOLD_CONFIDENCE_NOT_MET", "too low"]);
  assert.match((error["trace"] as string[]).join("\n"), /\/var\/task\/index\.mjs:2:/);
});

test("an unhandled rejection ends the invocation with AWS's error type", async () => {
  const source = `export const handler = () => new Promise(() => { Promise.reject(new Error("loose")); setTimeout(() => {}, 5000); });`;
  const error = jsonOf(await run(source));
  assert.deepEqual([error["errorType"], error["errorMessage"]], ["Runtime.UnhandledPromiseRejection", "Error: loose"]);
});

test("a process that ends after an error it could not catch takes no other call with it", async () => {
  const source = `export const handler = (event) => new Promise((fulfil) => {
    if (!event.isBad) return fulfil("well");
    setTimeout(() => { throw new Error("late"); }, 5);
  });`;
  const spec = it.define(source, { runtime: "nodejs20.x", name: "leaving" });
  for (let round = 0; round < 3; round++) {
    assert.equal(jsonOf(await it.call(spec, { isBad: true }))["errorMessage"], "late");
    assert.equal(textOf(await it.call(spec, {})), '"well"');
  }
});

test("process.exit ends the invocation as the end of a process", async () => {
  const error = jsonOf(await run("export const handler = async () => process.exit(7);"));
  assert.equal(error["errorType"], "Runtime.ExitError");
  assert.match(
    String(error["errorMessage"]),
    /^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 7$/,
  );
});

test("both kinds of modules import the AWS SDK as on Lambda", async () => {
  const source = `import { S3Client } from "@aws-sdk/client-s3";
import { createRequire } from "node:module";
const { SFNClient } = createRequire(import.meta.url)("@aws-sdk/client-sfn");
export const handler = async () => [S3Client.name, SFNClient.name];`;
  assert.equal(textOf(await run(source)), '["S3Client","SFNClient"]');
});

test("the server's other packages are not lent to functions", async () => {
  const source = `export const handler = async () => import("yauzl").then(() => "there", (error) => error.code);`;
  assert.equal(textOf(await run(source)), '"ERR_MODULE_NOT_FOUND"');
});

test("console lines carry time, request and level, and one call is one event", async () => {
  await run(`export const handler = async () => console.warn("two\\nlines", { a: 1 });`, {}, "console");
  const line = it.logs.lines("/aws/lambda/console").find((text) => text.includes("two"));
  assert.match(String(line), /^\d{4}-\d\d-\d\dT[\d:.]+Z\t[0-9a-f-]{36}\tWARN\ttwo\rlines \{ a: 1 \}$/);
});

test("a handler that is not there says so", async () => {
  const source = "export const other = 1;";
  const error = jsonOf(await it.call(it.define(source, { runtime: "nodejs20.x", name: "absent" })));
  assert.deepEqual(
    [error["errorType"], error["errorMessage"]],
    ["Runtime.HandlerNotFound", "index.handler is undefined or not exported"],
  );
  const spec = it.define(source, { runtime: "nodejs20.x", name: "absent", handler: "nothing.handler" });
  assert.equal(jsonOf(await it.call(spec))["errorType"], "Runtime.ImportModuleError");
});

test("a hog of memory is ended, and the next call works", async () => {
  const source = `export const handler = async ({ hog }) => {
    const kept = [];
    while (hog) kept.push(new Array(100000).fill(Math.random()));
    return "fine";
  };`;
  const spec = it.define(source, { runtime: "nodejs20.x", name: "hog", timeoutMs: 30_000 });
  assert.equal(jsonOf(await it.call(spec, { hog: true }))["errorType"], "Runtime.ExitError");
  assert.equal(textOf(await it.call(spec, { hog: false })), '"fine"');
});
