import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { realClock } from "./testing/world.ts";

// A worker that repeats what it is told, ends on "poison" and never answers "silence": what a network could do to its process.
const folder = mkdtempSync(join(tmpdir(), "fleet-"));
after(() => rmSync(folder, { recursive: true }));
const echo = join(folder, "echo.mjs");
writeFileSync(
  echo,
  `import { existsSync } from "node:fs";
import { Socket } from "node:net";
import { writeFrame, frameReader } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "frames.js")).href)};
const pipe = new Socket({ fd: 3 });
pipe.on("close", () => process.exit());
pipe.on("data", frameReader((items) => {
  const texts = items.map((item) => Buffer.from(item).toString());
  if (texts.includes("killed") && !existsSync(${JSON.stringify(join(folder, "spared"))})) process.kill(process.pid, "SIGKILL");
  if (texts.includes("poison")) process.kill(process.pid, "SIGSEGV");
  if (texts.includes("silence")) return;
  const answers = texts.map((text) => Buffer.concat([Buffer.from([0, 200]), Buffer.from(text + " of " + texts.length)]));
  setTimeout(() => writeFrame(pipe, [Buffer.from("answers"), ...answers]), 20);
}));
writeFrame(pipe, [Buffer.from("ready")]);
`,
);

test("what came together is answered as one batch of at most eight", async () => {
  const fleet = await started();
  const answers = await Promise.all(Array.from({ length: 12 }, () => text(fleet, "x")));
  await fleet.close();
  assert.deepEqual(answers, [...Array(8).fill("x of 8"), ...Array(4).fill("x of 4")]);
});

test("an input that ends two workers is quarantined, and its company is answered", async () => {
  const lines: string[] = [];
  const fleet = await started({ onLine: (line) => lines.push(line) });
  const first = text(fleet, "first");
  const batch = await Promise.all([text(fleet, "a"), text(fleet, "poison"), text(fleet, "b")]);
  const again = await text(fleet, "poison");
  const later = await text(fleet, "later");
  await fleet.close();
  const refusal = "500 the model process ended repeatedly on this input; it is not tried again";
  assert.deepEqual([await first, ...batch], ["first of 1", "a of 1", refusal, "b of 1"]);
  assert.deepEqual([again, later], [refusal, "later of 1"]);
  assert.equal(lines.filter((line) => line.includes("SIGSEGV")).length, 2);
});

test("workers that are killed from outside cast less suspicion on what they had than workers that crash", async () => {
  const ended: string[] = [];
  const spare = (line: string) => {
    ended.push(line);
    if (ended.length === 3) writeFileSync(join(folder, "spared"), "");
  };
  const fleet = await started({ onLine: spare });
  const answer = await text(fleet, "killed");
  await fleet.close();
  assert.equal(answer, "killed of 1");
  assert.equal(ended.length, 3);
});

test("a worker that never answers is ended in time, and the fleet goes on", async () => {
  const fleet = await started({ timeoutMs: 300 });
  const silent = await text(fleet, "silence");
  const next = await text(fleet, "next");
  await fleet.close();
  assert.match(silent, /^0 Your invocation timed out/);
  assert.equal(next, "next of 1");
});

test("a caller that goes away frees its place in the queue", async () => {
  const fleet = await started({ maxQueue: 1, maxBatch: 1 });
  const running = text(fleet, "running");
  const leaving = new AbortController();
  const left = fleet.infer(Buffer.from("left"), { signal: leaving.signal });
  leaving.abort();
  const waiting = text(fleet, "waiting");
  await assert.rejects(left, { name: "AbortError" });
  assert.deepEqual(await Promise.all([running, waiting]), ["running of 1", "waiting of 1"]);
  await fleet.close();
});

test("closing answers what was taken and refuses what comes after", async () => {
  const fleet = await started();
  const taken = [text(fleet, "a"), text(fleet, "b")];
  const closed = fleet.close();
  await assert.rejects(fleet.infer(Buffer.from("late")), { code: "ServiceUnavailable", status: 503 });
  assert.deepEqual(await Promise.all(taken), ["a of 2", "b of 2"]);
  await closed;
});

test("a worker that cannot start says why", async () => {
  const options: FleetOptions = { clock: realClock, folder: join(folder, "nowhere"), workers: 2 };
  await assert.rejects(new Fleet(options).start(), /ENOENT.*nowhere/);
});

async function started(options: Partial<FleetOptions> = {}): Promise<Fleet> {
  const fleet = new Fleet({ clock: realClock, folder, workers: 1, command: [process.execPath, echo], ...options });
  await fleet.start();
  return fleet;
}

async function text(fleet: Fleet, input: string): Promise<string> {
  const answer = await fleet.infer(Buffer.from(input));
  return answer.status === 200 ? answer.text : `${answer.status} ${answer.text}`;
}
