// Functions that do harm: each is ended in AWS's words, while another function of the same server goes on answering.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DeleteFunctionCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { createFunction } from "./functions.ts";
import { type Server, startServer } from "./server.ts";

const python = "/usr/bin/python3";
const isLinux = process.platform === "linux";

describe("functions that do harm", { skip: !existsSync(python) && "python3 is not installed" }, () => {
  let server: Server;
  let lambda: LambdaClient;

  before(async () => {
    server = await startServer();
    lambda = new LambdaClient(server.aws);
    await createFunction(lambda, {
      ...{ name: "neighbour", runtime: "nodejs20.x", file: "index.mjs" },
      source: "export const handler = async (event) => event.n;",
    });
  });
  after(() => server?.stop());

  async function call(FunctionName: string, event: object = {}, LogType?: "Tail") {
    const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType }));
    return {
      isError: answer.FunctionError !== undefined,
      value: JSON.parse(Buffer.from(answer.Payload ?? []).toString()),
      log: Buffer.from(answer.LogResult ?? "", "base64").toString(),
    };
  }

  /** Calls the function; meanwhile, again and again, its neighbour, which must answer each time. */
  async function callBesideNeighbour(name: string, event: object = {}) {
    let isOver = false;
    const harm = call(name, event, "Tail").finally(() => {
      isOver = true;
    });
    let calls = 0;
    do {
      calls++;
      assert.equal((await call("neighbour", { n: calls })).value, calls);
    } while (!isOver);
    return { ...(await harm), calls };
  }

  const node = (name: string, source: string, timeoutSeconds = 20) =>
    createFunction(lambda, { name, runtime: "nodejs20.x", file: "index.mjs", source, timeoutSeconds });
  const py = (name: string, source: string, timeoutSeconds = 20) =>
    createFunction(lambda, { name, runtime: "python3.11", file: "index.py", source, timeoutSeconds });

  test("an endless loop ends at its timeout", async () => {
    await node("loop", "export const handler = async () => { for (;;) {} };", 1);
    const { value, calls } = await callBesideNeighbour("loop");
    assert.equal(value.errorType, "Sandbox.Timedout");
    assert.match(value.errorMessage, /^RequestId: \S{36} Error: Task timed out after 1\.00 seconds$/);
    assert.ok(calls > 5, `${calls} calls of the neighbour`);
  });

  test("a flood of output is cut off, and the log says so", async () => {
    await py("flood", "def handler(event, context):\n    while True:\n        print('x' * 4000)\n", 1);
    const { value, log, calls } = await callBesideNeighbour("flood");
    assert.equal(value.errorType, "Sandbox.Timedout");
    assert.match(log, /\[scones\] \d+ bytes of output beyond 1048576 were dropped/);
    assert.ok(calls > 5, `${calls} calls of the neighbour`);
  });

  test("a function that allocates without end is killed, in either language", async () => {
    const hog =
      "import os\ndef handler(event, context):\n    kept = []\n    while True:\n        kept.append(os.urandom(8 << 20))\n";
    await py("hog-python", hog);
    await node(
      "hog-buffers",
      "export const handler = async () => { const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1)); };",
    );
    const python = (await callBesideNeighbour("hog-python")).value;
    const buffers = (await callBesideNeighbour("hog-buffers")).value;
    assert.deepEqual([python.errorType, buffers.errorType], ["Runtime.ExitError", "Runtime.ExitError"]);
    assert.match(python.errorMessage, /Error: Runtime exited with error: signal: killed$/);
    // V8 may be refused memory for itself before the function is: then it is V8 that ends the process.
    assert.match(buffers.errorMessage, /Error: Runtime exited with error: signal: (killed|aborted)$/);
  });

  test("a function that forks gets no more processes than it may have", {
    skip: !isLinux && "Linux limits them",
  }, async () => {
    // It stops by itself: without the limit this test would harm its machine.
    const source = `
import os, time
def handler(event, context):
    count = 0
    try:
        while count < 2000:
            if os.fork() == 0:
                time.sleep(300)
                os._exit(0)
            count += 1
    except OSError as error:
        return {"count": count, "errno": error.errno}
    return {"count": count}
`;
    await py("forks", source);
    const { value } = await callBesideNeighbour("forks");
    assert.equal(value.errno, 11); // EAGAIN
    assert.ok(value.count < 300, `${value.count} processes`);
    await lambda.send(new DeleteFunctionCommand({ FunctionName: "forks" }));
    await untilNoneKnows("AWS_LAMBDA_FUNCTION_NAME=forks");
  });

  test("a full /tmp is a full disk to the function that filled it, and to nobody else", {
    skip: !isLinux && "Linux limits it",
  }, async () => {
    const source = `
import os
def handler(event, context):
    if event.get("isSmall"):
        open("/tmp/small", "w").write("fits")
        return "fits"
    written = 0
    try:
        with open("/tmp/big", "wb", buffering=0) as big:
            while written < 2000:
                big.write(b"x" * (1 << 20))
                written += 1
    except OSError as error:
        os.remove("/tmp/big")
        return {"megabytes": written, "errno": error.errno, "text": os.strerror(error.errno)}
`;
    await py("fills", source);
    const { value } = await callBesideNeighbour("fills");
    assert.deepEqual([value.errno, value.text], [28, "No space left on device"]);
    assert.ok(value.megabytes > 400 && value.megabytes <= 512, `${value.megabytes} MB`);
    assert.equal((await call("fills", { isSmall: true })).value, "fits");
  });

  test("a function that closes its output goes on answering", async () => {
    await py(
      "closes",
      "import os\ndef handler(event, context):\n    os.close(1)\n    os.close(2)\n    return 'closed'\n",
    );
    assert.equal((await callBesideNeighbour("closes")).value, "closed");
  });

  test("a rejection that nobody handles ends the call in AWS's words", async () => {
    await node(
      "rejects",
      "export const handler = () => new Promise(() => { Promise.reject(new Error('loose')); setTimeout(() => {}, 9000); });",
    );
    const { value } = await callBesideNeighbour("rejects");
    assert.deepEqual([value.errorType, value.errorMessage], ["Runtime.UnhandledPromiseRejection", "Error: loose"]);
  });

  test("a process that a function leaves behind ends with the function", {
    skip: !isLinux && "read from /proc",
  }, async () => {
    const source = `
import os, time
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)
    return "left"
`;
    await py("leaves", source);
    assert.equal((await callBesideNeighbour("leaves")).value, "left");
    await lambda.send(new DeleteFunctionCommand({ FunctionName: "leaves" }));
    await untilNoneKnows("AWS_LAMBDA_FUNCTION_NAME=leaves");
  });

  test("many calls at once get each its own answer", async () => {
    await py("echo", "import time\ndef handler(event, context):\n    time.sleep(0.01)\n    return event['n']\n");
    const numbers = Array.from({ length: 200 }, (_, n) => n);
    const answers = await Promise.all(
      numbers.map(async (n) => (await call(n % 2 ? "echo" : "neighbour", { n })).value),
    );
    assert.deepEqual(answers, numbers);
  });
});

async function untilNoneKnows(variable: string): Promise<void> {
  for (let attempt = 0; attempt < 200 && processesThatKnow(variable) > 0; attempt++) await sleep(50);
  assert.equal(processesThatKnow(variable), 0);
}

function processesThatKnow(variable: string): number {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.filter((id) => {
    try {
      return readFileSync(`/proc/${id}/environ`, "latin1").split("\0").includes(variable);
    } catch {
      return false; // it ended meanwhile, or is somebody else's
    }
  }).length;
}
