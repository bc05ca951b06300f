import { spawn } from "node:child_process";
import { join } from "node:path";
import { firstJson } from "./server.ts";

/** What a bare node:http route does for each request, once it has read the body. */
export type RouteWork =
  | { kind: "constant"; body: string }
  /** Reads one row of the product's own store, as an operation that describes something does, and answers a constant. */
  | { kind: "readRow"; body: string; folder: string }
  /** Sends a file. */
  | { kind: "readFile"; file: string }
  /** Writes the body aside, waits for the disk, renames it, waits for its folder. */
  | { kind: "writeFile"; folder: string }
  /** Asks the product's own model gateway, without anything of AWS around it; appends what it saw to a file when one is named. */
  | { kind: "infer"; modelFolder: string; workers: number; captureFile?: string };

/** Starts the route in a process of its own. */
export async function rawRoute(work: RouteWork): Promise<{ url: string; pid: number; stop(): void }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "raw-route-process.js"), JSON.stringify(work)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill());
  const { url } = (await firstJson(child.stdout)) as { url: string };
  return { url, pid: child.pid ?? 0, stop: () => void child.kill("SIGTERM") };
}
