// What people write first, and what they write after reading about it: fastify, sharp and ONNX Runtime. Nothing is signed and
// nothing is captured. Run as: node peer-process.js MODEL.onnx SIDE MEAN DEVIATION plain|tuned
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { availableParallelism } from "node:os";
import { fastify } from "fastify";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";

const [, , modelFile = "", sideText = "32", mean = "0", deviation = "1", kind] = process.argv;
const side = Number(sideText);
const isTuned = kind === "tuned";

if (isTuned && cluster.isPrimary) {
  // One process per core, each with one thread for everything.
  for (let n = 0; n < availableParallelism(); n++) cluster.fork();
  let ready = 0;
  cluster.on("listening", (_worker, { port }) => {
    if (++ready === availableParallelism()) announce(port);
  });
  process.on("SIGTERM", () => process.exit());
} else {
  if (isTuned) sharp.concurrency(1);
  const threads = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: "sequential" as const };
  const session = await InferenceSession.create(readFileSync(modelFile), isTuned ? threads : {});
  const server = fastify({ bodyLimit: 6_291_456 });
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.post("/invocations", async (request) => {
    const pixels = await sharp(request.body as Buffer)
      .resize(side, side)
      .removeAlpha()
      .raw()
      .toBuffer();
    const plane = side * side;
    const input = new Float32Array(3 * plane);
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) {
        input[c * plane + i] = ((pixels[i * 3 + c] as number) - Number(mean)) / Number(deviation);
      }
    }
    const outputs = await session.run({ image: new Tensor("float32", input, [1, 3, side, side]) });
    return Array.from((outputs["probabilities"] as Tensor).data as Float32Array);
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
  if (!isTuned) announce((server.server.address() as AddressInfo).port);
}

function announce(port: number): void {
  process.stdout.write(JSON.stringify({ url: `http://127.0.0.1:${port}` }));
}
