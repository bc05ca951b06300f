import { readdirSync, readFileSync } from "node:fs";

/** Linux counts processor time in ticks of a hundredth of a second. */
const tickMs = 10;

/** Processor time that a process and all below it have used, in milliseconds; of those that still run. */
export function cpuMsOf(rootPid: number): number {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, "utf8");
        const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
        return [{ pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
      } catch {
        return []; // It has ended meanwhile.
      }
    });
  const below = (pid: number): number =>
    processes
      .filter((one) => one.pid === pid || one.parent === pid)
      .reduce((sum, one) => sum + (one.pid === pid ? one.ticks : below(one.pid)), 0);
  return below(rootPid) * tickMs;
}
