import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gradientModel } from "../graph/models.ts";
import { toBlockedOrder, toPlainOrder } from "../graph/weight-order.ts";
import { initialWeights } from "../initial-weights.ts";
import { type Layer, layoutOf } from "../network.ts";
import { ModelWriter } from "../onnx/model-writer.ts";
import { randomFrom } from "../random.ts";
import { oneLabel } from "../task/one-label.ts";
import { floatsOf, floatTensor, openSession } from "./runtime.ts";

// The blocked convolution is internal to ONNX Runtime: whether it is there, how wide its blocks are and whether it computes
// what we think is asked of the machine, never assumed. The asking happens in a process of its own, because the
// wrong answer may be a crash.

/** The block that may be used on this machine, or 0: then everything runs on standard operators. */
export async function safeBlockSize(): Promise<number> {
  const program = fileURLToPath(new URL("./block-size-process.js", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [program], { timeout: 30_000 }, (error, stdout) => {
      const block = error === null ? Number(stdout.trim()) : 0;
      resolve(Number.isInteger(block) && block > 0 ? block : 0);
    });
  });
}

/** What the process beside this file does: find the block, then compare blocked with plain gradients. 0 when anything differs. */
export async function probeBlockSize(): Promise<number> {
  const block = await findBlock();
  if (block < 4 || block > 64) return 0;
  return (await agreesWithPlain(block)) ? block : 0;
}

async function findBlock(): Promise<number> {
  const channels = 64;
  const writer = new ModelWriter();
  writer.input("x", [1, channels, 1, 2]);
  writer.node("ReorderInput", ["x"], { domain: "com.microsoft.nchwc", names: ["y"] });
  writer.output("y", [1, channels, 1, 2]);
  const session = await openSession(writer.finish());
  const x = Float32Array.from({ length: channels * 2 }, (_, i) => i);
  const y = floatsOf(await session.run({ x: floatTensor(x, [1, channels, 1, 2]) }), "y");
  return y.indexOf(1);
}

async function agreesWithPlain(block: number): Promise<boolean> {
  const convolution = (name: string, kernel: number, stride: number): Layer => ({
    kind: "convolution",
    name,
    inputs: name === "a" ? 3 : block,
    outputs: block,
    kernel,
    stride,
  });
  const network = {
    name: "probe",
    classes: 2,
    layers: [
      convolution("a", 3, 1),
      { kind: "norm", name: "n", channels: block },
      convolution("b", 3, 1),
      convolution("c", 3, 2),
      convolution("d", 1, 1),
      { kind: "globalAverage" },
      { kind: "linear", name: "head", inputs: block, outputs: 2 },
    ] satisfies Layer[],
  };
  const layout = layoutOf(network);
  const { parameters } = initialWeights(layout, 7);
  const random = randomFrom(7);
  // Too long for tiles, which would not ask the internal convolution for its gradients.
  const [height, width] = [block + 1, 6];
  const x = Float32Array.from({ length: block * 3 * height * width }, () => random.normal());
  const target = Float32Array.from({ length: block * 2 }, (_, i) => (i % 3 === 0 ? 1 : 0));
  const gradientsOf = async (blocking: { batch: number; block: number }) => {
    const session = await openSession(gradientModel(network, layout, { task: oneLabel(2), blocking, height, width }));
    const outputs = await session.run({
      x: floatTensor(x, [block, 3, height, width]),
      target: floatTensor(target, [block, 2]),
      P: floatTensor(toBlockedOrder(parameters, layout, blocking), [layout.total]),
    });
    return toPlainOrder(floatsOf(outputs, "G"), layout, blocking);
  };
  const blocked = await gradientsOf({ batch: block, block });
  const plain = await gradientsOf({ batch: block, block: 0 });
  const largest = plain.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return plain.every((value, i) => Math.abs(value - blocked[i]!) <= 1e-4 * largest);
}
