import { availableParallelism, getPriority, setPriority } from "node:os";

// The built-in image classification algorithm as a program. Plumbing only: the environment names the folder, SIGTERM
// stops, the exit code tells how it went. Its threads are its own; whoever ends the process ends them.

const prefix = process.env["SCONES_ML_PREFIX"] ?? "/opt/ml";
// Serving on the same machine goes first. Who is lower already must not ask to be raised.
const priority = 5;
if (getPriority() < priority) setPriority(priority);
// Whoever starts several jobs at once says how many cores each of them has.
const cores = Number(process.env["SM_NUM_CPUS"]);
// Listens before the rest is loaded and before the first line is said: a stop that comes early is one all the same.
let stops = 0;
let stop = () => {};
process.on("SIGTERM", () => {
  if (++stops > 1) process.exit(143);
  stop();
});
console.log("Docker entrypoint called with argument(s): train");
const { startJob } = await import("./training-job.ts");
const { safeBlockSize } = await import("./training/block-size.ts");
const job = startJob({
  prefix,
  cores: Number.isInteger(cores) && cores > 0 ? cores : availableParallelism(),
  block: safeBlockSize,
  log: (line) => console.log(`[${timeStamp()} INFO ${process.pid}] ${line}`),
});
stop = job.stop;
if (stops > 0) stop();
process.exitCode = await job.done;

/** 08/27/2024 11:20:17, in UTC. */
function timeStamp(): string {
  const [date, time] = new Date().toISOString().split("T") as [string, string];
  const [year, month, day] = date.split("-");
  return `${month}/${day}/${year} ${time.slice(0, 8)}`;
}
