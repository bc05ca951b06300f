import { type Layout, type Network, runNetwork } from "../network.ts";
import { ModelWriter } from "../onnx/model-writer.ts";
import type { Task } from "../task/task.ts";
import type { View } from "../views.ts";
import { InferenceGraph } from "./inference-graph.ts";
import { TrainingGraph } from "./training-graph.ts";
import type { Blocking } from "./weight-order.ts";

// The three models that are written for a network: gradients of one batch, evaluation with weights that still change, and
// the model that is served.
//
// G1. All three compute with the same weights: in half precision, each rounds those that the layout says.

export interface Sides {
  height: number;
  width: number;
}

/** Inputs x, target, P (all parameters); outputs G (all gradients), loss, logits and S (means and variances of the batch). */
export function gradientModel(
  network: Network,
  layout: Layout,
  { task, blocking, height, width }: { task: Task; blocking: Blocking } & Sides,
): Uint8Array {
  const writer = new ModelWriter();
  const { batch } = blocking;
  const x = writer.input("x", [batch, 3, height, width]);
  const target = writer.input("target", [batch, task.outcomes]);
  const flat = splitParameters(writer, layout);
  const graph = new TrainingGraph(writer, flat, blocking);
  const logits = runNetwork(network, layout, graph, graph.pictures(x, [batch, 3, height, width]));
  const loss = task.lossOf(graph, logits, target);
  graph.backward();
  const gradients = layout.parameters.map((one) => graph.reshape(graph.parameterGradients.get(one.name)!, [one.size]));
  const statistics = layout.norms.flatMap((one) => {
    const { mean, variance } = graph.batchStatistics.get(one.name)!;
    return [mean, variance];
  });
  writer.node("Concat", gradients, { attributes: { axis: 0 }, names: ["G"] });
  writer.node("Concat", statistics, { attributes: { axis: 0 }, names: ["S"] });
  writer.node("Identity", [loss], { names: ["loss"] });
  writer.node("Identity", [logits.name], { names: ["logits"] });
  writer.output("G", [layout.total]);
  writer.output("S", [layout.statistics]);
  writer.output("loss", []);
  writer.output("logits", [batch, network.classes]);
  return writer.finish();
}

/** Inputs x (normalised pictures), P (plain order), S (running means and variances); output logits. */
export function evaluationModel(network: Network, layout: Layout, { height, width }: Sides): Uint8Array {
  const writer = new ModelWriter();
  const x = writer.input("x", ["N", 3, height, width]);
  const flat = splitParameters(writer, layout);
  const statistics = splitVector(writer, {
    name: writer.input("S", [layout.statistics]),
    sizes: layout.norms.flatMap((one) => [one.channels, one.channels]),
  });
  const indexOf = new Map(layout.norms.map((one, index) => [one.name, index]));
  const graph = new InferenceGraph(
    writer,
    (parameter) => writer.node("Reshape", [flat.get(parameter.name)!, writer.integers(parameter.shape)]),
    (norm) => {
      const index = indexOf.get(norm.name)!;
      return { mean: statistics[2 * index]!, variance: statistics[2 * index + 1]! };
    },
  );
  writer.node("Identity", [runNetwork(network, layout, graph, x)], { names: ["logits"] });
  writer.output("logits", ["N", network.classes]);
  return writer.finish();
}

/** In plain order. */
export interface NetworkWeights {
  parameters: Float32Array;
  statistics: Float32Array;
}

export interface ServedWeights {
  /** Networks whose logits are averaged, one or more. */
  members: readonly NetworkWeights[];
  /** What the networks see of each picture; their logits are averaged too. */
  views: readonly View[];
  /** Per channel, on the scale of 0 to 255. */
  mean: readonly number[];
  deviation: readonly number[];
  /** Logits are divided by it before they become probabilities. */
  temperature: number;
}

/** What a weight of one of several networks is called in the model: the first one's weights have their plain names. */
export function nameInModel(name: string, member: number): string {
  return member === 0 ? name : `${name}#${member + 1}`;
}

/** Input `image`, RGB of 0 to 255; output `probabilities`. Everything else is inside. */
export function servedModel(
  network: Network,
  layout: Layout,
  { task, weights, height, width }: { task: Task; weights: ServedWeights } & Sides,
): Uint8Array {
  const writer = new ModelWriter();
  const image = writer.input("image", ["N", 3, height, width]);
  const centred = writer.node("Sub", [image, writer.floats([...weights.mean], [1, 3, 1, 1])]);
  const normalised = writer.node("Div", [centred, writer.floats([...weights.deviation], [1, 3, 1, 1])]);
  const views = weights.views.map((view) => viewIn(writer, { picture: normalised, view, height, width }));
  const x = views.length === 1 ? views[0]! : writer.node("Concat", views, { attributes: { axis: 0 } });
  const logits = weights.members.map(({ parameters, statistics }, member) => {
    const weight = (name: string, values: Float32Array, how: { shape: readonly number[]; isHalf: boolean }) =>
      writer.weight(nameInModel(name, member), values, how);
    const graph = new InferenceGraph(
      writer,
      ({ name, offset, size, shape, isHalf }) =>
        weight(name, parameters.subarray(offset, offset + size), { shape, isHalf }),
      ({ name, offset, channels }) => {
        const how = { shape: [channels], isHalf: false };
        return {
          mean: weight(`${name}.mean`, statistics.subarray(offset, offset + channels), how),
          variance: weight(`${name}.variance`, statistics.subarray(offset + channels, offset + 2 * channels), how),
        };
      },
    );
    return runNetwork(network, layout, graph, x);
  });
  const ofNetworks = logits.length === 1 ? logits[0]! : writer.node("Mean", logits);
  const ofViews =
    views.length === 1
      ? ofNetworks
      : meanOfViews(writer, ofNetworks, { views: views.length, classes: network.classes });
  task.appendProbabilities(writer, writer.node("Div", [ofViews, writer.scalar(weights.temperature)]));
  return writer.finish();
}

/** What `viewed` does, as nodes. */
function viewIn(
  writer: ModelWriter,
  { picture, view: { left, up, isMirrored }, height, width }: { picture: string; view: View } & Sides,
): string {
  const border = Math.max(Math.abs(left), Math.abs(up));
  const moved =
    border === 0
      ? picture
      : slice(
          writer,
          writer.node("Pad", [picture, writer.integers([0, 0, border, border, 0, 0, border, border])], {
            attributes: { mode: "reflect" },
          }),
          {
            starts: [border + up, border + left],
            ends: [border + up + height, border + left + width],
            axes: [2, 3],
            steps: [1, 1],
          },
        );
  // From right to left, to an end before the first column.
  return isMirrored
    ? slice(writer, moved, { starts: [-1], ends: [Number.MIN_SAFE_INTEGER], axes: [3], steps: [-1] })
    : moved;
}

function slice(
  writer: ModelWriter,
  value: string,
  { starts, ends, axes, steps }: Record<"starts" | "ends" | "axes" | "steps", number[]>,
): string {
  return writer.node("Slice", [value, ...[starts, ends, axes, steps].map((one) => writer.integers(one))]);
}

/** Of rows for one view of all pictures, then for the next. */
function meanOfViews(
  writer: ModelWriter,
  logits: string,
  { views, classes }: { views: number; classes: number },
): string {
  const byView = writer.node("Reshape", [logits, writer.integers([views, -1, classes])]);
  return writer.node("ReduceMean", [byView], { attributes: { axes: [0], keepdims: 0 } });
}

/** As the network computes with them. The gradient of what was rounded is taken for that of the parameter. */
function splitParameters(writer: ModelWriter, layout: Layout): Map<string, string> {
  const names = splitVector(writer, {
    name: writer.input("P", [layout.total]),
    sizes: layout.parameters.map((one) => one.size),
  });
  return new Map(
    layout.parameters.map(({ name, isHalf }, index) => [
      name,
      isHalf ? writer.roundedToHalf(names[index]!) : names[index]!,
    ]),
  );
}

function splitVector(writer: ModelWriter, { name, sizes }: { name: string; sizes: readonly number[] }): string[] {
  return writer.nodes("Split", [name, writer.integers(sizes)], { attributes: { axis: 0 }, outputs: sizes.length });
}
