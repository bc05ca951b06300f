import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { constants, copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { maxOutputBytes } from "./invocation-log.ts";
import { jsonOf, machine, textOf } from "./rig.test.ts";

const node = { runtime: "nodejs20.x" };
const echo = "export const handler = async (event) => event;";
const spin = "export const handler = async ({ spin }) => { while (spin) {} return 1; };";
const wait = "export const handler = ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, process.pid));";

test("an endless loop ends at its timeout, and the function works again", async () => {
  await using it = machine();
  const spec = it.define(spin, { ...node, timeoutMs: 1000 });
  const outcome = await it.call(spec, { spin: true });
  const text = textOf(outcome);
  assert.match(
    text,
    /^\{"errorType":"Sandbox\.Timedout","errorMessage":"RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds"\}$/,
  );
  assert.equal(outcome.isError, true);
  assert.match(outcome.logTail, /Task timed out after 1\.00 seconds\nEND RequestId/);
  assert.equal(textOf(await it.call(spec, { spin: false })), "1");
});

test("a slow start is not charged to the timeout", async () => {
  await using it = machine();
  const source = `await new Promise((resolve) => setTimeout(resolve, 700)); ${echo}`;
  assert.equal(textOf(await it.call(it.define(source, { ...node, timeoutMs: 300 }), 5)), "5");
});

test("a start without end is ended too", async () => {
  await using it = machine({ limits: { initMs: 300 } });
  const outcome = await it.call(it.define("while (true) {}", { ...node, timeoutMs: 200 }));
  assert.equal(jsonOf(outcome)["errorType"], "Sandbox.Timedout");
});

test("many calls at once that write the same path in /tmp never see each other's files", async () => {
  await using it = machine();
  const source = `import { existsSync, readFileSync, writeFileSync } from "node:fs";
export const handler = async ({ mine }) => {
  writeFileSync("/tmp/scones-image.png", mine);
  await new Promise((resolve) => setTimeout(resolve, 5));
  return readFileSync("/tmp/scones-image.png", "utf8");
};`;
  const spec = it.define(source, node);
  const calls = Array.from({ length: 100 }, (_, i) => it.call(spec, { mine: `image ${i}` }));
  const answers = (await Promise.all(calls)).map((outcome) => JSON.parse(textOf(outcome)));
  assert.deepEqual(
    answers,
    Array.from({ length: 100 }, (_, i) => `image ${i}`),
  );
  if ((await it.environments.warnings()).length > 0) return; // /tmp is shared here, and calls came one by one
  assert.equal(existsSync("/tmp/scones-image.png"), false);
  assert.ok(it.environments.processIds().length > 1);
});

test("without private mounts calls come one by one, and the log says why", async () => {
  await using it = machine({ isolation: "none" });
  const source = `import { S3Client } from "@aws-sdk/client-s3";
let running = 0;
export const handler = async () => {
  running += 1;
  await new Promise((resolve) => setTimeout(resolve, 10));
  return [process.pid, running--, typeof S3Client, process.env.TMPDIR.includes("environment-")];
};`;
  const spec = it.define(source, node);
  const answers = await Promise.all(Array.from({ length: 5 }, () => it.call(spec)));
  const texts = new Set(answers.map((outcome) => textOf(outcome)));
  assert.deepEqual(
    [...texts].map((text) => JSON.parse(text).slice(1)),
    [[1, "function", true]],
  );
  const warnings = await it.environments.warnings();
  assert.match(String(warnings[0]), /share \/tmp/);
  assert.ok(it.logs.lines(spec.logGroup).some((line) => line.includes(String(warnings[0]))));
});

test("what a function writes to /tmp is bounded by its ephemeral storage", async (context) => {
  await using it = machine();
  if ((await it.environments.warnings()).length > 0) return context.skip("no private mounts here");
  const source = `import { writeFileSync } from "node:fs";
export const handler = async () => writeFileSync("/tmp/big", Buffer.alloc(4 << 20));`;
  const error = jsonOf(await it.call(it.define(source, { ...node, ephemeralStorageMb: 2 })));
  assert.match(String(error["errorMessage"]), /ENOSPC/);
});

test("a process that is killed in the middle of a call answers with an error, and the next call works", async () => {
  await using it = machine();
  const spec = it.define(wait, node);
  await it.call(spec, { ms: 0 });
  const call = it.call(spec, { ms: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const pid of it.environments.processIds()) process.kill(pid, "SIGKILL");
  const error = jsonOf(await call);
  assert.equal(error["errorType"], "Runtime.ExitError");
  assert.match(String(error["errorMessage"]), /Runtime exited with error: signal: killed$/);
  assert.equal((await it.call(spec, { ms: 0 })).isError, false);
});

test("a flood of output is bounded in the log and does not stop the server", async () => {
  await using it = machine();
  const source = `import { writeSync } from "node:fs";
const line = "x".repeat(999) + "\\n";
export const handler = async () => { for (let i = 0; i < 20000; i++) writeSync(1, line); return "survived"; };`;
  const spec = it.define(source, { ...node, timeoutMs: 30_000 });
  const outcome = await it.call(spec);
  assert.equal(textOf(outcome), '"survived"');
  const lines = it.logs.lines(spec.logGroup);
  const keptBytes = lines.reduce((sum, line) => sum + line.length, 0);
  assert.ok(keptBytes > maxOutputBytes / 2 && keptBytes < maxOutputBytes + 10_000, `${keptBytes}`);
  assert.ok(lines.some((line) => /\d+ bytes of output beyond 1048576 were dropped/.test(line)));
  assert.ok(Buffer.byteLength(outcome.logTail) <= 4096);
  assert.match(outcome.logTail, /END RequestId.*\nREPORT RequestId/);
});

test("a result above the limit is refused with AWS's text", async () => {
  await using it = machine();
  const source = `export const handler = async ({ n }) => "x".repeat(n);`;
  const spec = it.define(source, node);
  assert.equal((await it.call(spec, { n: 6_291_554 })).isError, false);
  const outcome = await it.call(spec, { n: 6_291_555 });
  assert.equal(
    textOf(outcome),
    '{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}',
  );
});

test("the log of a call begins with START and ends with END and REPORT", async () => {
  await using it = machine();
  const spec = it.define(`export const handler = async () => process.stdout.write("hello\\nunfinished");`, node);
  const { logTail } = await it.call(spec);
  await it.call(spec);
  assert.match(
    logTail,
    /^START RequestId: \S{36} Version: \$LATEST\nhello\nunfinished\nEND RequestId: \S{36}\nREPORT RequestId: \S{36}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t\n$/,
  );
  const reports = it.logs.lines(spec.logGroup).filter((line) => line.startsWith("REPORT"));
  assert.deepEqual(
    reports.map((line) => line.includes("Init Duration")),
    [true, false],
  );
});

test("a log in JSON is JSON line by line, the platform's and the function's, from its level on", async () => {
  await using it = machine();
  const log = { format: "JSON", applicationLevel: "WARN", systemLevel: "INFO" } as const;
  const js = `export const handler = async () => { console.info("quiet"); console.warn("loud", 1); throw new RangeError("far"); };`;
  const py = `import logging
def lambda_handler(event, context):
    logging.getLogger("shop").info("quiet")
    logging.getLogger("shop").warning("loud %d", 1)
    raise ValueError("far")
`;
  await it.call(it.define(js, { ...node, log, name: "json-node" }));
  await it.call(it.define(py, { log, name: "json-python" }));
  const kinds = (name: string) =>
    it.logs
      .lines(`/aws/lambda/${name}`)
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .map(({ type, level, log_level, message, errorType }) => type ?? `${level ?? log_level} ${errorType ?? message}`);
  const around = (...between: string[]) => ["platform.initStart", "platform.start", ...between, "platform.report"];
  assert.deepEqual(kinds("json-python"), around("WARNING loud 1", "ERROR ValueError"));
  assert.match(
    kinds("json-node").join(),
    /^platform\.initStart,platform\.start,WARN loud 1,ERROR .*,platform\.report$/,
  );
});

test("nothing of the server's environment reaches a function, and what is asked for does", async () => {
  process.env["SCONES_SECRET_OF_THE_SERVER"] = "1";
  await using it = machine({ environmentOf: (name) => ({ AWS_ENDPOINT_URL: `http://for.${name}` }) });
  const spec = it.define("export const handler = async () => process.env;", {
    ...node,
    variables: { THRESHOLD: ".9" },
  });
  const seen = jsonOf(await it.call(spec));
  assert.equal(seen["SCONES_SECRET_OF_THE_SERVER"], undefined);
  assert.equal(seen["AWS_ENDPOINT_URL"], "http://for.under-test");
  assert.equal(seen["THRESHOLD"], ".9");
  assert.equal(seen["AWS_LAMBDA_FUNCTION_NAME"], "under-test");
});

test("new code serves new calls while the old code ends the one it runs", async () => {
  await using it = machine();
  const slow = it.define(
    `export const handler = () => new Promise((resolve) => setTimeout(resolve, 300, "old"));`,
    node,
  );
  const running = it.call(slow);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const fresh = it.define(`export const handler = async () => "new";`, node);
  assert.equal(textOf(await it.call(fresh)), '"new"');
  assert.equal(textOf(await running), '"old"');
});

test("a reserved concurrency refuses what is above it, and zero refuses everything", async () => {
  await using it = machine();
  const one = it.define(wait, { ...node, reservedConcurrency: 1 });
  const first = it.call(one, { ms: 200 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const throttled = { code: "TooManyRequestsException", status: 429, message: "Rate Exceeded." };
  await assert.rejects(it.call(one, { ms: 0 }), throttled);
  assert.equal((await first).isError, false);
  await assert.rejects(it.call(it.define(wait, { ...node, reservedConcurrency: 0 }), {}), throttled);
});

test("an environment that was started ahead serves the first call", async () => {
  await using it = machine();
  const spec = it.define("export const handler = async () => process.pid;", node);
  await it.environments.warm(spec);
  for (let i = 0; i < 100 && it.environments.processIds().length === 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const ahead = it.environments.processIds();
  assert.equal(ahead.length, 1);
  await it.call(spec);
  assert.deepEqual(it.environments.processIds(), ahead);
});

test("idle environments end by themselves", async () => {
  await using it = machine({ limits: { idleMs: 50 } });
  await it.call(it.define(echo, node), 1);
  for (let i = 0; i < 100 && it.environments.processIds().length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(it.environments.processIds(), []);
});

test("functions give way to each other when the machine is full", async () => {
  await using it = machine({ limits: { total: 2 } });
  for (const name of ["a", "b", "c", "d"]) {
    assert.equal(textOf(await it.call(it.define(echo, { ...node, name }), { name })), `{"name":"${name}"}`);
  }
  assert.ok(it.environments.processIds().length <= 2);
});

test("closing leaves no process, no open port and no folder behind", async () => {
  const it = machine({ isolation: "none" });
  const source = `import { spawn } from "node:child_process";
export const handler = async () => {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  return { own: process.pid, child: child.pid, api: process.env.AWS_LAMBDA_RUNTIME_API };
};`;
  const { own, child, api } = jsonOf(await it.call(it.define(source, node))) as {
    own: number;
    child: number;
    api: string;
  };
  await it.environments.close();
  assert.equal(isRunning(own), false);
  assert.equal(isRunning(child), false);
  await assert.rejects(connect(Number(api.split(":")[1])), { code: "ECONNREFUSED" });
  assert.deepEqual(readdirSync(join(it.folder, "run", "tmp")), []);
  await it[Symbol.asyncDispose]();
});

test("with private mounts even a process that has left the group ends with its environment", async (context) => {
  const it = machine();
  if ((await it.environments.warnings()).length > 0) {
    await it[Symbol.asyncDispose]();
    return context.skip("no private mounts here");
  }
  const marker = `${process.pid}.4321`;
  const source = `import { spawn } from "node:child_process";
export const handler = async () => { spawn("sleep", ["${marker}"], { stdio: "ignore", detached: true }).unref(); };`;
  await it.call(it.define(source, node));
  assert.equal(processesWith(marker), 1);
  await it[Symbol.asyncDispose]();
  for (let i = 0; i < 50 && processesWith(marker) > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(processesWith(marker), 0);
});

test("functions run on a Node that lies below /tmp, which they do not see", async () => {
  await using it = machine();
  const node = join(mkdtempSync("/tmp/scones-node-"), "node");
  copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
  const server = `
    const { machine } = await import(${JSON.stringify(new URL("rig.test.js", import.meta.url).href)});
    const it = machine();
    const spec = it.define("export const handler = async () => process.execPath;", { runtime: "nodejs20.x" });
    process.stdout.write(Buffer.from((await it.call(spec)).payload).toString());
    await it[Symbol.asyncDispose]();`;
  const ran = spawnSync(node, ["--input-type=module", "-e", server], { env: { ...process.env, TMPDIR: it.folder } });
  rmSync(dirname(node), { recursive: true });
  assert.equal(ran.stdout.toString(), JSON.stringify(node), ran.stderr.toString());
});

test("with private mounts even an endless loop ends when the server is killed", async (context) => {
  await using it = machine();
  if ((await it.environments.warnings()).length > 0) return context.skip("no private mounts here");
  const marker = `${process.pid}.8765`;
  const server = `
    const { machine } = await import(${JSON.stringify(new URL("rig.test.js", import.meta.url).href)});
    const it = machine();
    const source = \`import { spawn } from "node:child_process";
      export const handler = async () => { spawn("sleep", ["${marker}"], { stdio: "ignore" }); while (true) {} };\`;
    await it.call(it.define(source, { runtime: "nodejs20.x", timeoutMs: 600000 }));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", server], {
    stdio: "ignore",
    env: { ...process.env, TMPDIR: it.folder },
  });
  const until = async (count: number) => {
    for (let i = 0; i < 300 && processesWith(marker) !== count; i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(processesWith(marker), count);
  };
  await until(1);
  child.kill("SIGKILL");
  await until(0);
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function processesWith(text: string): number {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.filter((id) => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8").includes(`sleep\0${text}`);
    } catch {
      return false; // it ended meanwhile
    }
  }).length;
}

function connect(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    createConnection(port, "127.0.0.1", resolve).on("error", reject);
  });
}
