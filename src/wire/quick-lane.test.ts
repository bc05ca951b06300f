import assert from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import {
  type InvocationServerOptions,
  invocation,
  invocationServer,
  rawConnection,
  start,
} from "./testing/invocations.ts";
import { requestBytes } from "./testing/signed-request.ts";

const closes: (() => Promise<void>)[] = [];
after(() => Promise.all(closes.map((close) => close())));

test("plain requests are answered one after the other on one connection", async () => {
  const { ask, invoked } = await serving();
  const connection = await ask();
  connection.write(invocation("abc"));
  await connection.answers(1);
  connection.write(invocation("defg"));
  assert.deepEqual(await connection.answers(2), ["200 colours got 3 bytes", "200 colours got 4 bytes"]);
  assert.deepEqual(
    invoked.map(({ Body, ContentType }) => [Body, ContentType]),
    [
      ["abc", "image/png"],
      ["defg", "image/png"],
    ],
  );
});

test("requests that come in one piece are answered in their order", async () => {
  const { ask } = await serving();
  const connection = await ask();
  connection.write(["a", "bb", "ccc", "dddd"].map((body) => invocation(body)).join(""));
  assert.deepEqual(
    await connection.answers(4),
    [1, 2, 3, 4].map((n) => `200 colours got ${n} bytes`),
  );
});

test("a body of megabytes that comes in pieces is one body", async () => {
  const { ask, invoked } = await serving();
  const connection = await ask();
  const body = "0123456789".repeat(400_000);
  connection.write(invocation(body));
  assert.deepEqual(await connection.answers(1), ["200 colours got 4000000 bytes"]);
  assert.equal(invoked[0]?.Body, body);
});

test("a head that comes byte by byte is answered all the same", async () => {
  const { ask } = await serving();
  const connection = await ask();
  for (const byte of invocation("abc")) {
    connection.write(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await connection.answers(1), ["200 colours got 3 bytes"]);
});

test("a JSON call is answered as node:http has it answered, also with characters beyond ASCII", async () => {
  const { ask } = await serving();
  const { ask: askOrdinary } = await serving({ isQuick: false });
  const [quick, ordinary] = await Promise.all([ask(), askOrdinary()]);
  for (const connection of [quick, ordinary]) connection.write(start("a") + start("b"));
  assert.deepEqual(await quick.answers(2), await ordinary.answers(2));
  assert.match((await quick.answers(2))[1] ?? "", /^200 \{"executionArn":"arn:.+:b","startDate":0\}$/);
});

test("after plain requests a connection takes any other request", async () => {
  const { ask } = await serving();
  const connection = await ask();
  connection.write(invocation("abc"));
  connection.write("GET /_scones/health HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const chunked =
    "POST /endpoints/colours/invocations HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
  connection.write(`${chunked}2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n${invocation("defg")}`);
  const [first, health, ...rest] = await connection.answers(4);
  assert.match(health ?? "", /^200 .*"status":"ok"/);
  assert.deepEqual([first, ...rest], ["200 colours got 3 bytes", "200 colours got 5 bytes", "200 colours got 4 bytes"]);
});

test("what is full refuses before the body is there, and the connection goes on", async () => {
  let isFull = true;
  const { ask, invoked } = await serving({ isFull: () => isFull });
  const connection = await ask();
  const text = invocation("x".repeat(100_000));
  connection.write(text.slice(0, 500));
  assert.deepEqual(await connection.answers(1), ["503 full"]);
  isFull = false;
  connection.write(text.slice(500) + invocation("abc"));
  assert.deepEqual(await connection.answers(2), ["503 full", "200 colours got 3 bytes"]);
  assert.equal(invoked.length, 1);
});

test("what is wrong is refused in the words of the ordinary way", async () => {
  const { ask } = await serving();
  const ordinary = await serving({ isQuick: false });
  const bad = invocation("abc", { headers: [`X-Amzn-SageMaker-Inference-Id: ${"x".repeat(65)}`] });
  const [quickly, ordinarily] = [await ask(), await ordinary.ask()];
  quickly.write(bad);
  ordinarily.write(bad);
  const [answer] = await quickly.answers(1);
  assert.match(answer ?? "", /^400 .*Member must have length less than or equal to 64/);
  assert.deepEqual([answer], await ordinarily.answers(1));
});

test("with keys only signed requests reach the handler, and a body that was not signed never does", async () => {
  const credential = { accessKeyId: "AKIDTEST", secretAccessKey: "secret" };
  const { ask, invoked, url } = await serving({ credentials: [credential] });
  const signed = requestBytes(url, { path: "/endpoints/colours/invocations", body: "abc" }, credential);
  const connection = await ask();
  connection.write(signed);
  const [good] = await connection.answers(1);
  connection.write(signed.replace(/abc$/, "abd"));
  const [, changed] = await connection.answers(2);
  const other = await ask();
  other.write(invocation("abc"));
  const [unsigned] = await other.answers(1);
  assert.equal(good, "200 colours got 3 bytes");
  assert.match(changed ?? "", /^403 .*InvalidSignatureException/);
  assert.match(unsigned ?? "", /^403 .*MissingAuthenticationToken/);
  assert.equal(invoked.length, 1);
});

test("a web page of another site is refused", async () => {
  const { ask, invoked } = await serving();
  const connection = await ask();
  connection.write(invocation("abc", { headers: ["Origin: https://evil.example"] }));
  const rebound = await ask();
  rebound.write(invocation("abc").replace("localhost", "evil.example"));
  assert.match((await connection.answers(1))[0] ?? "", /^403 /);
  assert.match((await rebound.answers(1))[0] ?? "", /^403 /);
  assert.equal(invoked.length, 0);
});

test("a caller that goes away aborts its call, and that is no bug", async () => {
  let gone: () => void = () => undefined;
  const isGone = new Promise<void>((resolve) => {
    gone = resolve;
  });
  let entered: () => void = () => undefined;
  const isEntered = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const answer = async ({ signal }: { signal: AbortSignal }): Promise<void> => {
    signal.addEventListener("abort", () => gone());
    entered();
    await isGone;
    throw signal.reason;
  };
  const bugs: unknown[] = [];
  const { ask } = await serving({ answer, report: (bug) => bugs.push(bug) });
  const connection = await ask();
  connection.write(invocation("abc"));
  await isEntered;
  connection.socket.destroy();
  await isGone;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(bugs, []);
});

test("a handler's bug is answered 500 and told, and the server goes on", async () => {
  const answer = async (): Promise<void> => {
    throw new TypeError("oops");
  };
  const { ask } = await serving({ answer });
  const connection = await ask();
  connection.write(invocation("abc") + invocation("abc"));
  const answers = await connection.answers(2);
  assert.match(answers[1] ?? "", /^500 .*InternalFailure/);
});

test("a full disk is answered 507 with a sentence, for it is no bug", async () => {
  const kinds: string[] = [];
  const answer = async (): Promise<void> => {
    throw new Error("database or disk is full");
  };
  const { ask } = await serving({ answer, report: ({ kind }) => kinds.push(kind) });
  const connection = await ask();
  connection.write(invocation("abc"));
  const [first = ""] = await connection.answers(1);
  assert.match(first, /^507 .*InsufficientStorage/);
  assert.match(first, /No space is left on the disk/);
  assert.deepEqual(kinds, ["full-disk"]);
});

test("when the server ends, what is under way is answered and idle connections are closed", async () => {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let entered: () => void = () => undefined;
  const isEntered = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const answer = async (): Promise<void> => {
    entered();
    await released;
  };
  const { ask, close } = await serving({ answer, limits: { farewellMs: 1_000 } });
  const [busy, idle] = [await ask(), await ask()];
  busy.write(invocation("abc"));
  await isEntered;
  const closed = close();
  release();
  assert.deepEqual(await busy.closed(), ["200 colours got 3 bytes"]);
  assert.deepEqual(await idle.closed(), []);
  await closed;
});

test("node's own client keeps its connection over many requests", async () => {
  const { url } = await serving();
  const statuses = new Set<number | undefined>();
  for (let n = 0; n < 20; n++) {
    await new Promise<void>((resolve, reject) => {
      const asked = request(`${url}/endpoints/colours/invocations`, { method: "POST" }, (response) => {
        statuses.add(response.statusCode);
        response.resume().on("end", resolve);
      });
      asked.on("error", reject).setHeader("content-length", 3);
      asked.end("abc");
    });
  }
  assert.deepEqual([...statuses], [200]);
});

test("an answer in pieces goes the ordinary way", async () => {
  const { url } = await serving();
  const path = "/endpoints/colours/invocations-response-stream";
  const answer = await fetch(url + path, { method: "POST", body: "abc" });
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /PayloadPart.*a piece/s);
});

async function serving(options: Partial<InvocationServerOptions> = {}) {
  const server = await invocationServer({ isQuick: true, ...options });
  closes.push(() => server.close());
  return { ...server, ask: () => rawConnection(server.port) };
}
