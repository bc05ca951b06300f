import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { gradientModel } from "../../src/learn/graph/models.ts";
import { toBlockedOrder } from "../../src/learn/graph/weight-order.ts";
import { initialWeights } from "../../src/learn/initial-weights.ts";
import { layoutOf } from "../../src/learn/network.ts";
import { resnet9 } from "../../src/learn/networks.ts";
import { oneLabel } from "../../src/learn/task/one-label.ts";
import { floatTensor } from "../../src/learn/training/runtime.ts";
import { median } from "../report.ts";

interface ProfileEvent {
  cat: string;
  name: string;
  dur: number;
  args: { op_name?: string };
}

const runs = 20;

/** Milliseconds of one thread in each operator, for forward, backward and gradients of one group of pictures of the recipe's network. */
export async function stepProfile(batch: number, block: number): Promise<Map<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), "scones-bench-"));
  try {
    const network = resnet9(2);
    const layout = layoutOf(network);
    const blocking = { batch, block };
    const session = await InferenceSession.create(
      gradientModel(network, layout, { task: oneLabel(2), blocking, height: 32, width: 32 }),
      {
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        enableProfiling: true,
        profileFilePrefix: join(folder, "step"),
      },
    );
    const feeds = {
      x: floatTensor(
        Float32Array.from({ length: batch * 3072 }, (_, i) => Math.sin(i)),
        [batch, 3, 32, 32],
      ),
      target: floatTensor(new Float32Array(batch * 2).fill(0.5), [batch, 2]),
      P: floatTensor(toBlockedOrder(initialWeights(layout, 1).parameters, layout, blocking), [layout.total]),
    };
    for (let run = 0; run < runs; run++) await session.run(feeds);
    session.endProfiling();
    const events = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]!), "utf8")) as ProfileEvent[];
    return sumsOf(events);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Median over the runs for each node, summed over the nodes of an operator. */
function sumsOf(events: readonly ProfileEvent[]): Map<string, number> {
  const durations = new Map<string, { operator: string; ms: number[] }>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time") || args.op_name === undefined) continue;
    const node = durations.get(name) ?? { operator: args.op_name, ms: [] };
    node.ms.push(dur / 1000);
    durations.set(name, node);
  }
  const sums = new Map<string, number>();
  for (const { operator, ms } of durations.values()) sums.set(operator, (sums.get(operator) ?? 0) + median(ms));
  return new Map([...sums].sort(([, a], [, b]) => b - a));
}
