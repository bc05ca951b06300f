import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What `scones up` leaves in its data directory for whoever wants to restart it. */
export interface RunningServer {
  url: string;
  /** The process that answers. */
  process: number;
  /** The process to send signals to: the first one that was started, whoever serves in its place by now. */
  front: number;
  /** Why the last restart did not happen; the server that was to be replaced goes on. */
  failure?: { reason: string; atMs: number };
}

export function readRunningServer(dataDirectory: string): RunningServer | undefined {
  try {
    return JSON.parse(readFileSync(fileIn(dataDirectory), "utf8")) as RunningServer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function writeRunningServer(dataDirectory: string, server: RunningServer): void {
  const draft = `${fileIn(dataDirectory)}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(server), { mode: 0o600 });
  renameSync(draft, fileIn(dataDirectory));
}

export function forgetRunningServer(dataDirectory: string): void {
  rmSync(fileIn(dataDirectory), { force: true });
}

function fileIn(dataDirectory: string): string {
  return join(dataDirectory, "server.json");
}
