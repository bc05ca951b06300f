// How long a built Scones takes from its start to its first answered request, and what it holds in memory when idle.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { median, report } from "./report.ts";
import { machine } from "./support/machine.ts";

const rounds = 7;
const settleMs = 2_000;
const program = join(import.meta.dirname, "..", "..", "dist", "main.js");

const bareMs: number[] = [];
const answeredMs: number[] = [];
const idleMegabytes: number[] = [];
for (let round = 0; round < rounds; round++) {
  bareMs.push(await bareNode());
  const measured = await oneStart();
  answeredMs.push(measured.answeredMs);
  idleMegabytes.push(measured.idleMegabytes);
}
const answered = median(answeredMs);
report(
  [
    {
      name: "start to first answered request",
      value: answered,
      unit: "ms",
      target: "< 1000 ms",
      meets: answered < 1_000,
    },
    { name: "same, of which Node alone", value: median(bareMs), unit: "ms" },
    { name: "resident memory when idle", value: median(idleMegabytes), unit: "MB" },
  ],
  machine(),
);

async function bareNode(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ["-e", "0"]), "exit");
  return performance.now() - startedAt;
}

async function oneStart(): Promise<{ answeredMs: number; idleMegabytes: number }> {
  const folder = mkdtempSync(join(tmpdir(), "scones-bench-"));
  const startedAt = performance.now();
  const child = spawn(process.execPath, [program, "up", "--json", "--port", "0", "--data-dir", folder], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.trimEnd().endsWith("}")) break;
  }
  const { endpoint } = JSON.parse(text) as { endpoint: string };
  const answer = await fetch(endpoint, {
    headers: {
      authorization:
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
    },
  });
  if (!answer.ok) throw new Error(`ListBuckets answered ${answer.status}`);
  const answeredAfter = performance.now() - startedAt;
  await sleep(settleMs);
  const residentKilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);
  child.kill("SIGTERM");
  await once(child, "exit");
  rmSync(folder, { recursive: true, force: true });
  return { answeredMs: answeredAfter, idleMegabytes: residentKilobytes / 1024 };
}
