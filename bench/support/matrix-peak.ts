import { Worker } from "node:worker_threads";

const side = 768;
const rounds = 24;

/** GFLOP/s of ONNX Runtime's matrix product in 32-bit floats: one session of one thread per worker, all at once; the best of the rounds. */
export async function matrixPeak(threads: number): Promise<number> {
  const program = new URL("./matrix-peak-worker.js", import.meta.url);
  const best = await Promise.all(
    Array.from(
      { length: threads },
      () =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(program, { workerData: { side, rounds } });
          worker.once("message", resolve);
          worker.once("error", reject);
        }),
    ),
  );
  return best.reduce((sum, seconds) => sum + (2 * side ** 3) / seconds / 1e9, 0);
}
