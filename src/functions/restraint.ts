// What a function's process may take from the machine: memory, processes, and nothing that needs rights.
//
// H1. Where Scones runs as root, each environment runs as a user of its own without rights but reading: only then does Linux
//     count its processes against a limit. In an unprivileged user namespace they are counted there.
// H2. The kernel ends functions before the server when memory runs out.
import { spawn } from "node:child_process";
import { release } from "node:os";
import { findProgram } from "./programs.ts";

export interface Restraint {
  /** What to run so that `command` runs restrained. */
  wrap(command: readonly string[], limits: { memoryBytes: number; userId?: number }): string[];
  /** For the next environment; absent where it keeps the server's own user. */
  nextUserId(): number | undefined;
}

/** AWS allows 1,024 processes and threads; fewer suffice here, and a fork bomb of so many leaves the server its share. */
const maxTasks = 256;
/** Users that Debian reserves for programs to pick from; more of them than there are environments. */
const firstUserId = 64_500;
const userIdCount = 400;
const probeTimeoutMs = 5000;
/**
 * Interpreters and code may lie in folders that only root may enter. Containers often keep back the right to read everything;
 * then the right to write everything has to do: as much as the function would have as root, but its processes are counted.
 */
const keptCapabilities = ["dac_read_search", "dac_override"];

export async function findRestraint(options: { searchPath: string; isInUserNamespace: boolean }): Promise<Restraint> {
  const prlimit = process.platform === "linux" ? findProgram("prlimit", options.searchPath) : undefined;
  if (prlimit === undefined) return { wrap: (command) => [...command], nextUserId: () => undefined };
  const setpriv = process.getuid?.() === 0 ? findProgram("setpriv", options.searchPath) : undefined;
  if (setpriv !== undefined && !options.isInUserNamespace) {
    for (const capability of keptCapabilities) {
      const restraint = ofOwnUser({ prlimit, setpriv, capability });
      const probe = restraint.wrap(["/bin/true"], { memoryBytes: 2 ** 30, userId: firstUserId });
      if (await succeeds(probe)) return restraint;
    }
  }
  const counts = options.isInUserNamespace && countsPerNamespace() ? [`--nproc=${maxTasks}`] : [];
  return {
    wrap: (command, { memoryBytes }) => [prlimit, `--data=${memoryBytes}`, ...counts, ...command],
    nextUserId: () => undefined,
  };
}

interface Tools {
  prlimit: string;
  setpriv: string;
  capability: string;
}

function ofOwnUser({ prlimit, setpriv, capability }: Tools): Restraint {
  let count = process.pid; // two servers on one machine should not count their functions together
  const kept = `-all,+${capability}`;
  // Without the bit, access(2) would not see what the capability lets read.
  const caps = [
    "--securebits=+no_setuid_fixup",
    `--inh-caps=${kept}`,
    `--ambient-caps=${kept}`,
    `--bounding-set=${kept}`,
  ];
  return {
    wrap: (command, { memoryBytes, userId }) => [
      ...[prlimit, `--data=${memoryBytes}`, `--nproc=${maxTasks}`],
      ...[setpriv, `--reuid=${userId}`, `--regid=${userId}`, "--clear-groups", "--no-new-privs", ...caps],
      ...command,
    ],
    nextUserId: () => firstUserId + (count++ % userIdCount),
  };
}

/** Before Linux 5.14 all processes of the server's own user would count. */
function countsPerNamespace(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 14);
}

function succeeds([command, ...args]: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command!, args, { stdio: "ignore", timeout: probeTimeoutMs, killSignal: "SIGKILL" });
    child.on("error", () => resolve(false));
    child.on("exit", (code) => resolve(code === 0));
  });
}
