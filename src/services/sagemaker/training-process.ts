import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { forEachLine } from "../../serve/worker-process.ts";

export interface TrainingProcess {
  /** The exit code; 128 and the signal's number when a signal ended it. */
  ended: Promise<number>;
  /** Asks it to end (SIGTERM). */
  stop(): void;
  /** Ends it and all that it started. */
  kill(): void;
}

export interface TrainingProcessOptions {
  command: string;
  args: readonly string[];
  folder: string;
  environment: Readonly<Record<string, string>>;
  onLine: (line: string) => void;
}

/*
 * The program runs in a process group of its own, below the priority of what serves (its children inherit that), with a watcher
 * beside it: the watcher's pipe closes when the server ends, however it ends, and then the group is killed. So no training
 * goes on without its server, and a restarted server can begin the job again.
 */
const script = `
trap : TERM
nice -n 5 "$@" </dev/null 3<&- &
child=$!
(trap '' TERM; exec >/dev/null 2>&1; read -r _ <&3; kill -KILL 0) &
watcher=$!
wait $child; code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
kill -KILL $watcher 2>/dev/null
exit $code
`;

export function startTraining({ command, args, folder, environment, onLine }: TrainingProcessOptions): TrainingProcess {
  const child = spawn("/bin/sh", ["-c", script, "sh", command, ...args], {
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
  // Whatever the program started and left behind ends with it.
  child.once("exit", () => killGroup(child.pid, "SIGKILL"));
  return {
    ended: new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code ?? 137));
    }),
    stop: () => signal("SIGTERM"),
    kill: () => signal("SIGKILL"),
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
