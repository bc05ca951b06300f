import { dataFault } from "../data/data-fault.ts";
import { nameInModel } from "../graph/models.ts";
import { type Layout, layoutOf, type Network } from "../network.ts";
import { residualNetwork, resnet9 } from "../networks.ts";
import { readWeights } from "../onnx/model-reader.ts";
import type { Normalisation } from "../training/augmentation.ts";
import type { Pretrained } from "./pretrained.ts";

// What a model that Scones trained knows already: its network for another number of classes, all its weights except the head's, and the
// mean and deviation of the pictures that they were made for.

export interface KnownWeights {
  network: Network;
  normalisation: Normalisation;
  /** Writes the known weights over the initial ones of one of the job's networks, in plain order. */
  fill(parameters: Float32Array, statistics: Float32Array, member: number): void;
}

export function knownWeights(
  { manifest, model }: Extract<Pretrained, { kind: "classifier" }>,
  classes: number,
): KnownWeights {
  const weights = readWeights(model);
  const network = networkOf(String(manifest.provenance?.["network"]), { weights, classes });
  const normalisation = manifest.provenance?.["normalisation"] as Normalisation | undefined;
  if (network === undefined || normalisation === undefined)
    throw unusable("it was not trained from its first layer on");
  const layout = layoutOf(network);
  const first = layout.parameters[0]!.name;
  let members = 1;
  while (weights.has(nameInModel(first, members))) members++;
  for (let member = 0; member < members; member++) refuseOtherShapes(layout, weights, member);
  return {
    network,
    normalisation,
    fill(parameters, statistics, member) {
      // Several networks begin with those of the given model, in turn.
      const valuesOf = (name: string) => weights.get(nameInModel(name, member % members))!.values;
      for (const { name, offset } of layout.parameters) {
        if (!isHead(name)) parameters.set(valuesOf(name), offset);
      }
      for (const { name, offset, channels } of layout.norms) {
        statistics.set(valuesOf(`${name}.mean`), offset);
        statistics.set(valuesOf(`${name}.variance`), offset + channels);
      }
    },
  };
}

type Weights = ReturnType<typeof readWeights>;

function networkOf(name: string, { weights, classes }: { weights: Weights; classes: number }): Network | undefined {
  const [, depth, large] = /^resnet(\d+)(-large)?$/.exec(name) ?? [];
  const isLarge = large !== undefined;
  if (depth === undefined) return undefined;
  if (depth !== "9") return residualNetwork(Number(depth), classes, { isLarge });
  const widths = ["stem", "stage1", "stage2", "stage3"].map((one) => weights.get(`${one}.convolution`)?.shape[0] ?? 0);
  return widths.includes(0) ? undefined : resnet9(classes, { widths, isLarge });
}

function refuseOtherShapes(layout: Layout, weights: Weights, member: number): void {
  for (const { name, shape } of layout.parameters) {
    const found = weights.get(nameInModel(name, member))?.shape;
    if (!isHead(name) && found?.join() !== shape.join())
      throw unusable(`its weights "${name}" have the shape ${found}`);
  }
  for (const { name, channels } of layout.norms) {
    const found = weights.get(nameInModel(`${name}.mean`, member))?.shape;
    if (found?.join() !== String(channels)) throw unusable(`it has no statistics "${name}"`);
  }
}

function isHead(name: string): boolean {
  return name === "head" || name === "head.bias";
}

function unusable(reason: string): Error {
  return dataFault(`the model in channel "model" cannot be trained on: ${reason}`);
}
