import { Worker } from "node:worker_threads";
import { AbortedError, meeting } from "./barrier.ts";
import type { BatchReport, EpochReport, WorkerJob, WorkerMessage } from "./worker-job.ts";

/** The loss is no number any more: the learning rate is too high, most of the time. In half precision, so is it after a weight became infinite. */
export class DivergedError extends Error {
  override readonly name = "DivergedError";
}

export interface WorkerGroup {
  /** Ends the training after the current step; `done` then resolves. */
  stop(): void;
  done: Promise<{ steps: number; bestEpoch?: number; isStopped: boolean }>;
}

export interface GroupOptions {
  onBatch(report: BatchReport): void;
  onEpoch(report: EpochReport): void;
  log(line: string): void;
  /** The program of a worker; another one only in tests. */
  program?: URL;
}

/**
 * Starts the workers of one training. When one of them fails or dies, the others are let go and `done` rejects with the reason.
 * No thread is ever terminated: one that is inside ONNX Runtime would take the process with it.
 */
export function startWorkers(job: Omit<WorkerJob, "worker">, options: GroupOptions): WorkerGroup {
  const { workers, precision } = job.plan;
  const remedy =
    precision === "float16" ? "a lower learning_rate, or precision_dtype=float32" : "a lower learning_rate";
  const meet = meeting(job.shared.control, workers);
  const program = options.program ?? new URL("./worker.js", import.meta.url);
  const done = new Promise<{ steps: number; bestEpoch?: number; isStopped: boolean }>((resolve, reject) => {
    let reason: Error | undefined;
    let finished: { steps: number; bestEpoch?: number; isStopped: boolean } | undefined;
    let running = workers;
    const fail = (error: Error) => {
      reason ??= error;
      meet.abort();
    };
    for (let worker = 0; worker < workers; worker++) {
      const thread = new Worker(program, { workerData: { ...job, worker } satisfies WorkerJob });
      thread.on("message", (message: WorkerMessage) => {
        switch (message.kind) {
          case "batch":
            return options.onBatch(message.report);
          case "epoch":
            return options.onEpoch(message.report);
          case "checkpoint":
            for (const path of message.paths) options.log(`Saved checkpoint to "${path}"`);
            return;
          case "checkpointFailed":
            return options.log(`Warning: no checkpoint was written, the training goes on: ${message.message}`);
          case "finished":
            finished = message;
            return;
          case "diverged":
            return fail(
              new DivergedError(
                `the loss became ${message.loss} at step ${message.step} (epoch ${message.epoch}): use ${remedy}`,
              ),
            );
          case "failed":
            return fail(new Error(`worker ${worker} failed: ${message.message}`, { cause: message.stack }));
          default:
            message satisfies never;
        }
      });
      thread.on("error", (error) => fail(new Error(`worker ${worker} died: ${error.message}`, { cause: error })));
      thread.on("exit", (code) => {
        running--;
        if (code !== 0) fail(new Error(`worker ${worker} died with exit code ${code}`));
        if (running > 0) return;
        if (reason !== undefined) reject(reason);
        else if (meet.isAborted()) reject(new AbortedError("the training was aborted"));
        else if (finished === undefined) reject(new Error("the workers ended without a result"));
        else resolve(finished);
      });
    }
  });
  return { stop: meet.askToStop, done };
}
