import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Clock } from "../ports/clock.ts";
import { forEachLine } from "./worker-process.ts";

/** A program of the user's with all that it starts. */
export interface ProcessGroup {
  /** The exit code; 128 and the signal's number when a signal ended it. */
  ended: Promise<number>;
  /** Of the group's leader; -1 when it could not be started. */
  pid: number;
  /** Asks it to end (SIGTERM), and ends it when it has not after the time it is given. */
  stop(): void;
  /** Ends it and all that it started (SIGKILL). */
  kill(): void;
}

export interface ProcessGroupOptions {
  command: string;
  args: readonly string[];
  folder: string;
  environment: Readonly<Record<string, string>>;
  /** Added to the priority number: what serves goes before what computes. */
  niceness: number;
  clock: Clock;
  /** From SIGTERM to SIGKILL. */
  stopGraceMs: number;
  onLine: (line: string) => void;
}

/*
 * The program runs in a process group of its own (its children inherit its priority), with a watcher beside it: the watcher's
 * pipe closes when the server ends, however it ends, and then the group is killed. So no program goes on without its server,
 * and a restarted server can begin it again.
 */
const script = `
trap : TERM
niceness=$1; shift
nice -n "$niceness" "$@" </dev/null 3<&- &
child=$!
(trap '' TERM; exec >/dev/null 2>&1; read -r _ <&3; kill -KILL 0) &
watcher=$!
exec 2>/dev/null # what the shell has to say about how the program ended is not the program's
wait $child; code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
kill -KILL $watcher 2>/dev/null
exit $code
`;

export function startProcessGroup(options: ProcessGroupOptions): ProcessGroup {
  const { command, args, folder, environment, niceness, clock, stopGraceMs, onLine } = options;
  const child = spawn("/bin/sh", ["-c", script, "sh", String(niceness), command, ...args], {
    cwd: folder,
    env: environment,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  child.stdio[3]?.on("error", () => undefined); // it only has to close
  for (const output of [child.stdout, child.stderr]) forEachLine(output as Readable, onLine);
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) killGroup(child.pid, name);
  };
  const kill = () => signal("SIGKILL");
  let cancelKill: (() => void) | undefined;
  child.once("exit", () => {
    cancelKill?.();
    killGroup(child.pid, "SIGKILL"); // whatever the program started and left behind ends with it
  });
  return {
    ended: new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code ?? 137));
    }),
    pid: child.pid ?? -1,
    stop() {
      signal("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) cancelKill ??= clock.schedule(stopGraceMs, kill);
    },
    kill,
  };
}

function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // nobody is left
  }
}
