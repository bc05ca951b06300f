import { readdirSync, readFileSync } from "node:fs";

/** Linux counts processor time in ticks of a hundredth of a second. */
const tickMs = 10;

/** Processor time that a process and all below it have used, in milliseconds; of those that still run. */
export function cpuMsOf(rootPid: number): number {
  const all = allProcesses();
  return familyOf(rootPid, all).reduce((sum, { ticks }) => sum + ticks, 0) * tickMs;
}

/** The processes below one, with what they were started as. */
export function childrenOf(rootPid: number): { pid: number; command: string }[] {
  return familyOf(rootPid, allProcesses())
    .filter(({ pid }) => pid !== rootPid)
    .map(({ pid }) => ({ pid, command: read(`/proc/${pid}/cmdline`).replaceAll("\0", " ") }));
}

/** Memory that a process and all below it hold, shared pages counted once each. */
export function residentBytesOf(rootPid: number): number {
  return familyOf(rootPid, allProcesses()).reduce((sum, { pid }) => sum + residentBytes(pid, "Rss"), 0);
}

/** The most memory that one process has held since it began. */
export function highestBytesOf(pid: number): number {
  return residentBytes(pid, "HWM");
}

function residentBytes(pid: number, which: "Rss" | "HWM"): number {
  const name = which === "Rss" ? "VmRSS" : "VmHWM";
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

interface Process {
  pid: number;
  parent: number;
  ticks: number;
}

function allProcesses(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const text = read(`/proc/${name}/stat`);
      if (text === "") return [];
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return [{ pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
    });
}

function familyOf(rootPid: number, all: readonly Process[]): Process[] {
  const below = all.filter(({ parent }) => parent === rootPid).flatMap(({ pid }) => familyOf(pid, all));
  return [...all.filter(({ pid }) => pid === rootPid), ...below];
}

/** Empty for a process that has ended meanwhile. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
