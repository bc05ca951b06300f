import { parentPort, workerData } from "node:worker_threads";
import { decodeBatch, type FileBatch } from "./decode-pictures.ts";
import type { Seen } from "./seen-picture.ts";

// The thread around `decodeBatch`: plumbing only.
const seen = workerData as Seen;
parentPort?.on("message", (batch: FileBatch | undefined) => {
  if (batch === undefined) return parentPort?.close();
  const decoded = decodeBatch(batch, seen);
  parentPort?.postMessage(decoded, [decoded.planes.buffer]);
});
