// Runs a network over one picture again and again, for as long as its parent says.
import { readFileSync } from "node:fs";
import { floatTensor, openSession } from "../../src/learn/training/runtime.ts";
import { median } from "../report.ts";
import type { RawRun } from "./raw-inference.ts";

const session = await openSession(readFileSync(process.argv[2] ?? ""));
const side = Number(process.argv[3] ?? 32);
const image = Float32Array.from({ length: 3 * side * side }, (_, n) => (n * 37) % 256);
const feeds = { image: floatTensor(image, [1, 3, side, side]) };
for (let n = 0; n < 20; n++) await session.run(feeds);

process.on("message", async (durationMs: number) => {
  const latenciesMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  for (let now = startedAt; now - startedAt < durationMs; ) {
    await session.run(feeds);
    const doneAt = performance.now();
    latenciesMs.push(doneAt - now);
    now = doneAt;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  const result: RawRun = {
    count: latenciesMs.length,
    seconds,
    cpuMs: (user + system) / 1000,
    medianMs: median(latenciesMs),
  };
  process.send?.(result);
});
process.send?.("ready");
