import { execFileSync } from "node:child_process";
import { join } from "node:path";

export interface MapMeasured {
  items: number;
  seconds: number;
  cpuMs: number;
  peakMb: number;
}

/** A distributed Map over so many rows, in a process of its own. */
export async function distributedMap(items: number, type: "STANDARD" | "EXPRESS"): Promise<MapMeasured> {
  const program = join(import.meta.dirname, "distributed-map-process.js");
  const answer = execFileSync(process.execPath, [program, String(items), type], { encoding: "utf8" });
  return JSON.parse(answer) as MapMeasured;
}
