import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** Takes the lock file for this process and returns what gives it back. A lock whose process is gone is taken over. */
export function takeLock(path: string): () => void {
  // Written aside and linked: a lock is never seen without its owner in it.
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${process.pid}\n${startOf(process.pid) ?? ""}\n`);
  try {
    return link(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

function link(draft: string, path: string): () => void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      linkSync(draft, path);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = ownerOf(path);
    if (owner !== undefined && isAlive(owner)) {
      throw new Error(
        `${path.replace(/\.lock$/, "")} is in use by process ${owner.pid}: stop that one first, or choose another data directory`,
      );
    }
    rmSync(path, { force: true });
  }
  throw new Error(`${path} is being taken by another process: try again`);
}

interface Owner {
  pid: number;
  start: string;
}

function ownerOf(path: string): Owner | undefined {
  try {
    const [pid = "", start = ""] = readFileSync(path, "utf8").split("\n");
    return /^\d+$/.test(pid) ? { pid: Number(pid), start } : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isAlive({ pid, start }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const startNow = startOf(pid);
  return start === "" || startNow === undefined || startNow === start;
}

/** When the process began, where the system tells (Linux): process ids are used again, above all in containers. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
