// Requests that are broken in every way we could think of: each gets an answer that is the sender's fault, and the server
// goes on as if nothing had been. `SCONES_FUZZ_COUNT=10000 SCONES_FUZZ_SEED=7` makes more of them, or others.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { mutated, randomFrom, type Sent } from "./fuzz/mutations.ts";
import { type Protocol, pythons, type RawRequest, recordRequests } from "./fuzz/recorded-requests.ts";
import { type Server, startServer } from "./server.ts";

const count = Number(process.env["SCONES_FUZZ_COUNT"] ?? 2000);
const seed = Number(process.env["SCONES_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const inFlight = 32;
/** Longer than any answer takes on a busy machine, shorter than anybody waits. */
const patienceMs = 60_000;
/** Idle it has 90 MB; what the requests ask for is bounded, and what they leave behind must be nothing. */
const mostMemoryBytes = 900 * 2 ** 20;

describe("broken requests", {
  skip: pythons.length === 0 && "no python here has botocore, which makes the requests",
}, () => {
  let recorded: Map<Protocol, RawRequest[]>;
  let open: Server;
  let guarded: Server;

  before(async () => {
    const keys = { SCONES_ACCESS_KEY_ID: "AKIDEXAMPLE", SCONES_SECRET_ACCESS_KEY: "a secret" };
    [recorded, open, guarded] = await Promise.all([recordRequests(), startServer(), startServer(undefined, keys)]);
  });
  after(() => Promise.all([open?.stop(), guarded?.stop()]));

  for (const protocol of ["json", "query", "restJson", "restXml", "cbor"] as const) {
    test(`${count} of ${protocol}, seed ${seed}: none is answered as if it were our fault`, async () => {
      const requests = recorded.get(protocol) ?? [];
      assert.ok(requests.length >= 5, `only ${requests.length} requests of ${protocol} were recorded`);
      const { failures, understood } = await send(open, requests, count);
      assert.deepEqual(failures, []);
      // Were all of them refused at the door, nothing behind it would have been tried.
      assert.ok(understood > count / 100, `only ${understood} of ${count} were understood`);
      assert.deepEqual((await send(guarded, requests, Math.ceil(count / 10))).failures, []);
    });
  }

  test("none of them met a bug", () => {
    const bugs = [open, guarded].flatMap(
      (server) => server.said().match(/^(scones: )?bug in .*(\n +at .*){0,4}/gm) ?? [],
    );
    assert.deepEqual(bugs, []);
  });

  test("afterwards the server answers as before, and has not kept what it was sent", async () => {
    const s3 = new S3Client({ ...open.aws, forcePathStyle: true });
    assert.equal((await s3.send(new ListBucketsCommand({}))).$metadata.httpStatusCode, 200);
    const residentBytes = memoryOf(open.processId);
    assert.ok(residentBytes < mostMemoryBytes, `the server holds ${Math.round(residentBytes / 2 ** 20)} MiB`);
  });
});

interface Outcome {
  failures: string[];
  /** Answered with 2xx. */
  understood: number;
}

async function send(server: Server, requests: readonly RawRequest[], many: number): Promise<Outcome> {
  const failures: string[] = [];
  let understood = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < many && failures.length < 5) {
      // Each has randomness of its own, so that it is the same whatever the others do.
      const random = randomFrom(seed + next++ * 7919);
      const sent = mutated(requests[Math.floor(random() * requests.length)] as RawRequest, random);
      const answer = await ask(server.url, sent.bytes);
      if (answer.startsWith("HTTP/1.1 2")) understood++;
      if (!isTheirFault(answer)) failures.push(describeFailure(sent, answer));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { failures, understood };
}

/** 501 names an operation that nobody has; 503 is a queue that is full. A connection may end without an answer to what was no HTTP. */
function isTheirFault(answer: string): boolean {
  if (answer === "") return true;
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
  return (status >= 200 && status < 500) || status === 501 || status === 503;
}

function ask(url: string, bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let answer = "";
    const timer = setTimeout(() => {
      answer = "no answer in time";
      socket.destroy();
    }, patienceMs);
    socket.on("data", (piece) => {
      if (answer.length < 4000) answer += piece.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answer);
    });
    // The end of the stream tells the server that what a wrong length promised will not come.
    socket.end(bytes);
  });
}

function describeFailure({ bytes, mutations }: Sent, answer: string): string {
  const shown = bytes.length > 3000 ? `${bytes.toString("latin1", 0, 3000)}...` : bytes.toString("latin1");
  return `${answer.slice(0, 600)}\n-- was the answer to (${mutations.join(", ") || "nothing changed"}):\n${shown}`;
}

function memoryOf(processId: number): number {
  const pages = Number(readFileSync(`/proc/${processId}/statm`, "utf8").split(" ")[1]);
  return pages * 4096;
}
