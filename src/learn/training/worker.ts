import { parentPort, workerData } from "node:worker_threads";
import { AbortedError, meeting } from "./barrier.ts";
import type { WorkerJob, WorkerMessage } from "./worker-job.ts";
import { workerLoop } from "./worker-loop.ts";

// The thread around `workerLoop`: plumbing only. A failure is told, and lets the other workers go.
const job = workerData as WorkerJob;
const tell = (message: WorkerMessage) => parentPort?.postMessage(message);
try {
  await workerLoop(job, tell);
} catch (error) {
  meeting(job.shared.control, job.plan.workers).abort();
  if (!(error instanceof AbortedError)) tell({ kind: "failed", message: String(error), stack: (error as Error).stack });
}
