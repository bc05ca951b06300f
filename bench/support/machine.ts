import { availableParallelism, loadavg } from "node:os";

/** What stands beside every table: numbers of a busy machine are numbers of a busy machine. */
export function machine(): { node: string; cores: number; loadAverage: number } {
  return { node: process.versions.node, cores: availableParallelism(), loadAverage: loadavg()[0] ?? 0 };
}
