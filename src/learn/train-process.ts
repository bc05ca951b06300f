import { availableParallelism, getPriority, setPriority } from "node:os";
import { safeBlockSize } from "./training/block-size.ts";
import { startJob } from "./training-job.ts";

// The built-in image classification algorithm as a program. Plumbing only: the environment names the folder, SIGTERM
// stops, the exit code tells how it went. Its threads are its own; whoever ends the process ends them.

const prefix = process.env["SCONES_ML_PREFIX"] ?? "/opt/ml";
// Serving on the same machine goes first. Who is lower already must not ask to be raised.
const priority = 5;
if (getPriority() < priority) setPriority(priority);
// Whoever starts several jobs at once says how many cores each of them has.
const cores = Number(process.env["SM_NUM_CPUS"]);
console.log("Docker entrypoint called with argument(s): train");
const job = startJob({
  prefix,
  cores: Number.isInteger(cores) && cores > 0 ? cores : availableParallelism(),
  block: safeBlockSize,
  log: (line) => console.log(`[${timeStamp()} INFO ${process.pid}] ${line}`),
});
let hasStopped = false;
process.on("SIGTERM", () => {
  if (hasStopped) process.exit(143);
  hasStopped = true;
  job.stop();
});
process.exitCode = await job.done;

/** 08/27/2024 11:20:17, in UTC. */
function timeStamp(): string {
  const [date, time] = new Date().toISOString().split("T") as [string, string];
  const [year, month, day] = date.split("-");
  return `${month}/${day}/${year} ${time.slice(0, 8)}`;
}
