import assert from "node:assert/strict";
import { Agent, createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { farewell } from "./farewell.ts";

test("while a server says farewell it answers, asks for the connection to be closed, and then ends", async () => {
  const { ask, leaving, end } = await serving({ farewellMs: 10_000 });
  const before = await ask();
  const ended = leaving.say("closes");
  const during = await ask();
  await ended;
  await assert.rejects(ask(), { code: "ECONNREFUSED" });
  assert.deepEqual([before, during], ["200 keep-alive", "200 close"]);
  end();
});

test("what is under way when the listener closes is answered", async () => {
  const gate = door();
  const { ask, leaving, end } = await serving({ farewellMs: 1, work: gate.promise });
  const asked = ask();
  await leaving.taken;
  const ended = leaving.say("closes");
  await assert.rejects(untilRefused(ask), { code: "ECONNREFUSED" });
  gate.resolve();
  assert.match(await asked, /^200 /);
  await ended;
  end();
});

test("where another process holds the door nobody new is let in, and who only waits is told that it is over", async () => {
  const gate = door();
  const { ask, leaving, end } = await serving({ farewellMs: 10_000, work: gate.promise });
  const asked = ask();
  const patience = leaving.patienceOf(await leaving.taken);
  const ended = leaving.say("held");
  await assert.rejects(ask(), { code: "ECONNREFUSED" });
  assert.ok(patience.aborted);
  gate.resolve();
  assert.equal(await asked, "200 keep-alive");
  await ended;
  end();
});

async function untilRefused(ask: () => Promise<string>): Promise<void> {
  for (;;) await Promise.race([ask(), new Promise((resolve) => setTimeout(resolve, 5))]);
}

async function serving({ farewellMs, work = Promise.resolve() }: { farewellMs: number; work?: Promise<void> }) {
  const taken = door<ServerResponse>();
  const server = createServer((_request, response) => {
    taken.resolve(response);
    leaving.enter(response);
    void work.then(() => void response.end("done")).then(leaving.leave);
  });
  const leaving = { ...farewell(server, { farewellMs, graceMs: 10_000, closeOthers: () => {} }), taken: taken.promise };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port, agent }, (response) => {
        response.resume();
        response.on("end", () => resolve(`${response.statusCode} ${response.headers.connection}`));
      });
      sent.on("error", reject).end();
    });
  return { ask, leaving, end: () => agent.destroy() };
}

function door<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve = (_value: T): void => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
