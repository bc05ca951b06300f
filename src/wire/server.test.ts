import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Fault } from "../kit/fault.ts";
import type { WireReport } from "./exchange.ts";
import { createWireServer, type WireServer } from "./server.ts";
import type { Call, Service } from "./service.ts";

const reports: WireReport[] = [];
const aborted = openPromise();
const entered = openPromise();
let wire: WireServer;

const services: Service[] = [
  {
    name: "s3",
    handlers: {
      PutObject: async ({ Bucket, Body }: { Bucket: string; Body: Readable }) => {
        // Refused without a look at the body, as a bucket that does not exist is.
        if (Bucket === "missing")
          throw new Fault("NoSuchBucket", "The specified bucket does not exist", { status: 404 });
        for await (const _ of Body);
        return {};
      },
      GetObject: ({ Key }: { Key: string }) => {
        if (Key === "breaks") return { Body: Readable.from(breaking()), ContentLength: 100_000 };
        if (Key === "breaks-soon") return { Body: Readable.from(breaking()), ContentLength: 100 };
        if (Key === "short") return { Body: Readable.from([Buffer.from("abc")]), ContentLength: 100 };
        return { Body: Readable.from([Buffer.from("abc")]), Metadata: { "not a header": "x" } };
      },
    },
  },
  {
    name: "states",
    handlers: {
      StartSyncExecution: async (_input: object, { signal }: Call) => {
        signal.addEventListener("abort", () => aborted.resolve());
        entered.resolve();
        await aborted.promise;
        return {};
      },
      ListStateMachines: (input: object) => ({ stateMachines: [], nextToken: JSON.stringify(input) }),
    },
  },
];

async function* breaking(): AsyncGenerator<Buffer> {
  yield Buffer.from("abc");
  throw new Error("the disk went away");
}

before(async () => {
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  const onRequest: NonNullable<Parameters<typeof createWireServer>[0]["onRequest"]> = (incoming, response) => {
    if (incoming.url !== "/console/") return false;
    response.end("the console");
    return true;
  };
  wire = await createWireServer({ services, port: 0, clock, onRequest, report: (one) => reports.push(one) });
});

after(() => wire.close());

function call(operation: string, body: Buffer | string, headers: Record<string, string> = {}): Promise<Response> {
  const type = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AWSStepFunctions.${operation}` };
  return fetch(wire.url, { method: "POST", body, headers: { ...type, ...headers } });
}

test("a refused upload hears why, however much of it is still on its way", async () => {
  const response = await fetch(`${wire.url}/missing/key`, { method: "PUT", body: Buffer.alloc(20 * 2 ** 20) });
  assert.equal(response.status, 404);
  assert.match(await response.text(), /<Code>NoSuchBucket<\/Code>/);
});

test("a handler's signal says that its caller went away", { timeout: 10_000 }, async () => {
  const gone = new AbortController();
  const body = JSON.stringify({ stateMachineArn: "arn" });
  const headers = { "x-amz-target": "AWSStepFunctions.StartSyncExecution" };
  const answer = fetch(wire.url, { method: "POST", body, headers, signal: gone.signal });
  await entered.promise;
  gone.abort();
  await assert.rejects(answer, { name: "AbortError" });
  await aborted.promise;
});

test("an upload that breaks off is no bug, and the next one is answered", async () => {
  const before = reports.length;
  await new Promise<void>((resolve) => {
    const socket = connect(wire.port, "127.0.0.1", () => {
      socket.write("PUT /bucket/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nabc", () =>
        socket.destroy(),
      );
    });
    socket.on("close", () => resolve());
  });
  const response = await fetch(`${wire.url}/bucket/key`, { method: "PUT", body: "abc" });
  assert.equal(response.status, 200);
  assert.equal(reports.length, before);
});

test("an object whose bytes end early breaks the connection instead of looking whole", async () => {
  const response = await fetch(`${wire.url}/bucket/breaks`);
  await assert.rejects(response.text());
});

test("a small object whose bytes end early is no answer either", async () => {
  await assert.rejects(fetch(`${wire.url}/bucket/breaks-soon`));
  await assert.rejects(fetch(`${wire.url}/bucket/short`));
});

test("an answer that cannot be written is a bug with status 500, not a silence", async () => {
  const response = await fetch(`${wire.url}/bucket/strange`);
  assert.equal(response.status, 500);
  assert.match(String(reports.at(-1)?.error), /no header: not a header/);
});

test("one connection serves many calls", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  for (const key of ["breaks-not", "a", "b"]) {
    await new Promise<void>((resolve, reject) => {
      const sent = request(
        { port: wire.port, host: "127.0.0.1", path: `/bucket/${key}`, method: "PUT", agent },
        (response) => {
          ports.add(sent.socket?.localPort);
          response.resume().on("end", resolve);
        },
      );
      sent.on("error", reject).end("body");
    });
  }
  agent.destroy();
  assert.equal(ports.size, 1);
});

test("compressed bodies are read, and refused when they would become too large", async () => {
  const encoded = { "content-encoding": "gzip" };
  const small = await call("ListStateMachines", gzipSync('{"maxResults":3}'), encoded);
  assert.deepEqual(await small.json(), { stateMachines: [], nextToken: '{"maxResults":3}' });
  const bomb = await call("ListStateMachines", gzipSync(Buffer.alloc(50 * 2 ** 20, 32)), encoded);
  assert.equal(bomb.status, 413);
});

test("a value of the wrong type is the caller's fault", async () => {
  const wrong = await call("ListStateMachines", '{"maxResults":"three"}');
  assert.equal(wrong.status, 400);
  assert.equal(wrong.headers.get("x-amzn-errortype"), "SerializationException");
  const broken = await call("ListStateMachines", "{");
  assert.equal(((await broken.json()) as { __type: string }).__type, "SerializationException");
});

test("a key named __proto__ is a key like any other", async () => {
  const response = await call("ListStateMachines", '{"__proto__":{"maxResults":7}}');
  assert.equal(((await response.json()) as { nextToken: string }).nextToken, "{}");
});

test("what is not AWS is left to its own handler", async () => {
  assert.equal(await (await fetch(`${wire.url}/console/`)).text(), "the console");
  assert.deepEqual(await (await fetch(`${wire.url}/_scones/health`)).json(), { status: "ok", process: process.pid });
});

test("a port in use is said so", async () => {
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  await assert.rejects(createWireServer({ services: [], port: wire.port, clock }), { code: "EADDRINUSE" });
});

test("what is asked on a kept connection after the socket was handed on is the successor's", async () => {
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  const served = (by: string) => ({ name: "states", handlers: { ListStateMachines: () => ({ nextToken: by }) } });
  const first = await createWireServer({ services: [served("first")], port: 0, clock });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const asked = [await listMachines(first.port, agent)];
  await first.close("handed on");
  const second = await createWireServer({ services: [served("second")], port: first.port, clock });
  asked.push(await listMachines(first.port, agent));
  assert.deepEqual(asked, [
    { nextToken: "first", connection: "keep-alive", isReused: false },
    { nextToken: "second", connection: "close", isReused: true },
  ]);
  agent.destroy();
  await Promise.all([first.close(), second.close()]);
});

test("a handler for an operation that AWS does not have is found at the start", async () => {
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  const wrong = { name: "states", handlers: { StartExecutionn: () => ({}) } };
  await assert.rejects(
    createWireServer({ services: [wrong], port: 0, clock }),
    /states has no operation StartExecutionn/,
  );
});

/** Who says what on which connection. */
function listMachines(port: number, agent: Agent): Promise<object> {
  const headers = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "AWSStepFunctions.ListStateMachines",
  };
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method: "POST", agent, headers }, async (response) => {
      const { nextToken } = JSON.parse(Buffer.concat(await response.toArray()).toString()) as { nextToken: string };
      resolve({ nextToken, connection: response.headers.connection, isReused: sent.reusedSocket });
    });
    sent.on("error", reject).end("{}");
  });
}

function openPromise(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

for (const name of ["constructor", "toString", "__proto__"]) {
  test(`"${name}" is a service like any other unknown one`, async () => {
    const response = await fetch(wire.url, { method: "POST", body: "{}", headers: { "x-amz-target": `${name}.List` } });
    assert.equal(response.status, 400);
    assert.equal(response.headers.get("x-amzn-errortype"), "UnknownOperationException");
  });
}
