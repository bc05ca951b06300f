import assert from "node:assert/strict";
import { test } from "node:test";
import { initialWeights } from "../initial-weights.ts";
import { type Layer, layoutOf, type Network, runNetwork } from "../network.ts";
import { residualNetwork, resnet9 } from "../networks.ts";
import { fromHalf, toHalf } from "../onnx/half-precision.ts";
import { randomFrom } from "../random.ts";
import { ReferenceOperators, reference } from "../reference/reference-operators.ts";
import { multiLabel } from "../task/multi-label.ts";
import { oneLabel } from "../task/one-label.ts";
import type { Task } from "../task/task.ts";
import { safeBlockSize } from "../training/block-size.ts";
import { floatsOf, floatTensor, openSession } from "../training/runtime.ts";
import { gradientModel } from "./models.ts";
import { toBlockedOrder, toPlainOrder } from "./weight-order.ts";

// The circle is broken here: finite differences judge the float64 reference, the reference judges both forms of the graph.

interface Problem {
  network: Network;
  batch: number;
  height: number;
  width: number;
  /** Absent: one label per picture. */
  task?: Task;
}

const taskOf = ({ task, network }: Problem) => task ?? oneLabel(network.classes);

const everyLayer: Layer[] = [
  { kind: "convolution", name: "a", inputs: 3, outputs: 4, kernel: 3, stride: 1 },
  { kind: "norm", name: "an", channels: 4 },
  { kind: "relu" },
  { kind: "maxPool" },
  {
    kind: "residual",
    body: [
      { kind: "convolution", name: "b", inputs: 4, outputs: 4, kernel: 3, stride: 2 },
      { kind: "norm", name: "bn", channels: 4 },
    ],
    shortcut: [{ kind: "convolution", name: "c", inputs: 4, outputs: 4, kernel: 1, stride: 2 }],
  },
  { kind: "convolution", name: "d", inputs: 4, outputs: 4, kernel: 5, stride: 1 },
  { kind: "globalMax" },
  { kind: "linear", name: "head", inputs: 4, outputs: 3 },
];

const everything = { name: "all", classes: 3, layers: everyLayer };
/** With outcomes that count more and less than others. */
const severalLabels = multiLabel(3, { weights: [2, 0.5, 1, 0.7, 4, 1] });

/** A convolution between several blocks, of channels enough for tiles on sides of up to 12. */
const deepLayers = (block: number): Layer[] => {
  const most = block * Math.ceil(32 / block);
  return [
    { kind: "convolution", name: "a", inputs: 3, outputs: most, kernel: 3, stride: 1 },
    { kind: "norm", name: "an", channels: most },
    { kind: "relu" },
    { kind: "convolution", name: "b", inputs: most, outputs: 2 * block, kernel: 3, stride: 1 },
    { kind: "globalAverage" },
    { kind: "linear", name: "head", inputs: 2 * block, outputs: 3 },
  ];
};

test("the reference's gradients are those of finite differences", () => {
  const worst = worstDifference({ network: everything, batch: 2, height: 7, width: 9 });
  assert.ok(worst < 1e-6, `largest difference ${worst}`);
});

test("the reference's gradients are those of finite differences for several labels per picture", () => {
  const worst = worstDifference({ network: everything, batch: 2, height: 7, width: 9, task: severalLabels });
  assert.ok(worst < 1e-6, `largest difference ${worst}`);
});

/** The largest error of the reference's gradients, relative to the largest of them, or to 1. */
function worstDifference(problem: Problem): number {
  const { layout, parameters, x, target } = given(problem);
  const values = Float64Array.from(parameters);
  const { gradients } = referenceOf(problem, { parameters: values, x, target });
  const step = 1e-6;
  let worst = 0;
  for (let i = 0; i < layout.total; i += 3) {
    const at = (value: number) => {
      const moved = values.slice();
      moved[i] = value;
      return referenceOf(problem, { parameters: moved, x, target }).loss;
    };
    const difference = (at(values[i]! + step) - at(values[i]! - step)) / (2 * step);
    worst = Math.max(worst, Math.abs(difference - gradients[i]!));
  }
  const largest = gradients.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return worst / Math.max(1, largest);
}

test("the graph of standard operators has the reference's gradients for every layer, odd sides among them", async () => {
  assert.ok((await worstError({ network: everything, batch: 3, height: 11, width: 14 }, 0)) < 1e-4);
});

test("the graph has the reference's gradients for several labels per picture", async () => {
  const problem = { network: everything, batch: 3, height: 11, width: 14, task: severalLabels };
  assert.ok((await worstError(problem, 0)) < 1e-4);
});

test("the blocked graph has the reference's gradients for several labels per picture", async (context) => {
  const block = await safeBlockSize();
  if (block === 0) return context.skip("this machine has no blocked convolution");
  const network = resnet9(3, { widths: [block, block, block, 2 * block] });
  const problem = { network, batch: block, height: 8, width: 9, task: severalLabels };
  assert.ok((await worstError(problem, block)) < 1e-4);
});

test("the graph of standard operators has the reference's gradients for the recipe's network", async () => {
  assert.ok(
    (await worstError({ network: resnet9(3, { widths: [8, 8, 16, 16] }), batch: 3, height: 16, width: 16 }, 0)) < 1e-4,
  );
});

test("the blocked graph has the reference's gradients for the recipe's network", async (context) => {
  const block = await safeBlockSize();
  if (block === 0) return context.skip("this machine has no blocked convolution");
  const network = resnet9(2, { widths: [block, block, block, 2 * block] });
  assert.ok((await worstError({ network, batch: block, height: 8, width: 9 }, block)) < 1e-4);
});

test("the blocked graph has the reference's gradients for strides and shortcuts", async (context) => {
  const block = await safeBlockSize();
  if (block === 0) return context.skip("this machine has no blocked convolution");
  assert.ok((await worstError({ network: residualNetwork(8, 2), batch: block, height: 8, width: 7 }, block)) < 1e-4);
});

test("convolutions in tiles and in blocks have the reference's gradients, on sides that end within a tile too", async (context) => {
  const block = await safeBlockSize();
  if (block === 0) return context.skip("this machine has no blocked convolution");
  const network = { name: "deep", classes: 3, layers: deepLayers(block) };
  const errors: number[] = [];
  for (const [height, width, isTiled] of [
    [4, 4, true],
    [8, 12, true],
    [7, 6, true],
    [3, 33, false],
  ] as const) {
    const problem = { network, batch: block, height, width };
    errors.push(await worstError(problem, block));
    const how = { ...problem, task: oneLabel(3), blocking: { batch: block, block } };
    const model = gradientModel(network, layoutOf(network), how);
    assert.equal(Buffer.from(model).includes("FusedMatMul"), isTiled, `${height} x ${width}`);
  }
  assert.ok(Math.max(...errors) < 1e-4, String(errors));
});

test("the networks for large pictures have the reference's gradients, on odd sides too", async () => {
  const block = await safeBlockSize();
  const batch = Math.max(8, block);
  const networks = [resnet9(2, { widths: [8, 8, 16, 16], isLarge: true }), residualNetwork(8, 2, { isLarge: true })];
  const errors: number[] = [];
  for (const network of networks) errors.push(await worstError({ network, batch, height: 21, width: 18 }, block));
  assert.ok(Math.max(...errors) < 1e-4, String(errors));
});

test("channel counts that are no multiple of the block are computed with standard operators", async (context) => {
  const block = await safeBlockSize();
  if (block === 0) return context.skip("this machine has no blocked convolution");
  const network = resnet9(2, { widths: [block - 4, block - 4, block, block] });
  assert.ok((await worstError({ network, batch: block, height: 8, width: 8 }, block)) < 1e-4);
});

test("two runs over the same batch are equal to the last bit", async () => {
  const problem = { network: resnet9(2, { widths: [16, 16, 16, 16] }), batch: 16, height: 8, width: 8 };
  const input = given(problem);
  const blocking = { batch: 16, block: await safeBlockSize() };
  assert.deepEqual(await graphOf(problem, blocking, input), await graphOf(problem, blocking, input));
});

test("in half precision, gradients are those of the rounded weights, to the last bit", async () => {
  const problem = { network: residualNetwork(8, 2), batch: 16, height: 8, width: 7 };
  const input = given(problem);
  const rounded = input.parameters.slice();
  for (const { kind, offset, size } of input.layout.parameters) {
    if (kind === "scale" || kind === "shift") continue;
    rounded.set(fromHalf(toHalf(rounded.slice(offset, offset + size))), offset);
  }
  assert.notDeepEqual(rounded, input.parameters);
  for (const block of [0, await safeBlockSize()]) {
    const blocking = { batch: 16, block };
    const half = await graphOf(problem, blocking, { ...input, layout: layoutOf(problem.network, "float16") });
    assert.deepEqual(half, await graphOf(problem, blocking, { ...input, parameters: rounded }));
  }
});

/** The largest error of any parameter's gradient, relative to the largest gradient of that parameter. */
async function worstError(problem: Problem, block: number): Promise<number> {
  const input = given(problem);
  const expected = referenceOf(problem, { ...input, parameters: Float64Array.from(input.parameters) });
  const actual = await graphOf(problem, { batch: problem.batch, block }, input);
  assert.ok(Math.abs(actual.loss - expected.loss) < 1e-4 * expected.loss);
  const statisticsError = actual.statistics.reduce(
    (worst, value, i) => Math.max(worst, Math.abs(value - expected.statistics[i]!)),
    0,
  );
  assert.ok(statisticsError < 1e-4, `batch statistics differ by ${statisticsError}`);
  let worst = 0;
  for (const one of input.layout.parameters) {
    let most = 1e-3;
    let difference = 0;
    for (let i = one.offset; i < one.offset + one.size; i++) {
      most = Math.max(most, Math.abs(expected.gradients[i]!));
      difference = Math.max(difference, Math.abs(expected.gradients[i]! - actual.gradients[i]!));
    }
    worst = Math.max(worst, difference / most);
  }
  return worst;
}

function given(problem: Problem) {
  const { network, batch, height, width } = problem;
  const layout = layoutOf(network);
  const { parameters } = initialWeights(layout, 3);
  const random = randomFrom(11, batch, height);
  // Scales and shifts away from 1 and 0, some of them negative.
  for (const one of layout.parameters) {
    if (one.kind !== "scale" && one.kind !== "shift" && one.kind !== "bias") continue;
    for (let i = 0; i < one.size; i++) parameters[one.offset + i]! += random.normal() * 0.5;
  }
  const x = Float32Array.from({ length: batch * 3 * height * width }, () => random.normal());
  const { columns, most, outcomes, fillTarget } = taskOf(problem);
  const target = new Float32Array(batch * outcomes);
  for (let n = 0; n < batch; n++) {
    const labels = Array.from({ length: columns }, () => random.integer(most + 1));
    fillTarget(target.subarray(n * outcomes, (n + 1) * outcomes), labels, 0.1);
  }
  return { layout, parameters, x, target };
}

type Given = ReturnType<typeof given>;

function referenceOf(
  problem: Problem,
  { parameters, x, target }: { parameters: Float64Array; x: Float32Array; target: Float32Array },
) {
  const { network, batch, height, width } = problem;
  const layout = layoutOf(network);
  const operators = new ReferenceOperators(parameters, layout.statistics);
  const logits = runNetwork(network, layout, operators, reference(x, [batch, 3, height, width]));
  const loss = taskOf(problem).lossOf(operators, logits, target);
  return { loss, gradients: operators.gradients, statistics: operators.statistics };
}

async function graphOf(
  problem: Problem,
  blocking: { batch: number; block: number },
  { layout, parameters, x, target }: Given,
) {
  const { network, batch, height, width } = problem;
  const task = taskOf(problem);
  const session = await openSession(gradientModel(network, layout, { task, blocking, height, width }));
  const outputs = await session.run({
    x: floatTensor(x, [batch, 3, height, width]),
    target: floatTensor(target, [batch, task.outcomes]),
    P: floatTensor(toBlockedOrder(parameters, layout, blocking), [layout.total]),
  });
  return {
    gradients: toPlainOrder(floatsOf(outputs, "G"), layout, blocking),
    loss: floatsOf(outputs, "loss")[0]!,
    statistics: floatsOf(outputs, "S"),
  };
}
