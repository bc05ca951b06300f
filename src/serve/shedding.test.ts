import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { refusals, shedding } from "./shedding.ts";

test("an endpoint that is full refuses before it reads, in AWS's words and with a time to come again", async () => {
  const sheds = shedding(refusals((name) => name === "full"));
  const server = createServer((request, response) => {
    if (!sheds(request, response)) response.end("read");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/endpoints`;
  const full = await fetch(`${url}/full/invocations`, { method: "POST", body: "x".repeat(1e6) });
  const free = await fetch(`${url}/free/invocations`, { method: "POST", body: "x" });
  const answers = [await full.json(), await free.text()];
  server.close();
  server.closeAllConnections();
  assert.deepEqual(
    [full.status, full.headers.get("x-amzn-errortype"), full.headers.get("retry-after")],
    [503, "ServiceUnavailable", "1"],
  );
  assert.deepEqual(answers, [{ Message: "The service is unavailable. Try your call again." }, "read"]);
});
