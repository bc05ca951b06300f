import { parentPort, workerData } from "node:worker_threads";
import { ModelWriter } from "../../src/learn/onnx/model-writer.ts";
import { floatTensor, openSession } from "../../src/learn/training/runtime.ts";

// One worker of the measurement of the peak: tells the shortest time of one product.
const { side, rounds } = workerData as { side: number; rounds: number };
const writer = new ModelWriter();
const inputs = [writer.input("a", [side, side]), writer.input("b", [side, side])];
writer.node("MatMul", inputs, { names: ["product"] });
writer.output("product", [side, side]);
const session = await openSession(writer.finish());
const values = new Float32Array(side * side).fill(0.5);
const feeds = { a: floatTensor(values, [side, side]), b: floatTensor(values.slice(), [side, side]) };
let best = Number.POSITIVE_INFINITY;
for (let round = 0; round < rounds; round++) {
  const startedAt = performance.now();
  await session.run(feeds);
  best = Math.min(best, (performance.now() - startedAt) / 1000);
}
parentPort?.postMessage(best);
