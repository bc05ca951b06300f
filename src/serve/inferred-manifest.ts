import type { InferenceSession } from "onnxruntime-node";
import type { ModelManifest } from "../ports/model-package.ts";

/*
 * What a graph without a manifest says of itself. Sizes and types are in it; how pixels become numbers is not, unless it takes
 * the bytes as they are, and class names never are. What cannot be known is asked for, with the manifest to write.
 */

/** The values most networks are trained with (ImageNet's), to be replaced by the right ones. */
const usualMean = [123.675, 116.28, 103.53];
const usualDeviation = [58.395, 57.12, 57.375];
const shownLabels = 3;

export function inferManifest(
  session: Pick<InferenceSession, "inputMetadata" | "outputMetadata">,
  model: ModelManifest["model"],
): ModelManifest {
  const [input, ...moreInputs] = session.inputMetadata;
  const [output, ...moreOutputs] = session.outputMetadata;
  if (input?.isTensor !== true || output?.isTensor !== true || moreInputs.length > 0) {
    throw new Error(`${model.file} is no image classifier of one input: it has no model.json that says how it is used`);
  }
  const unknown: string[] = [];
  const known = <T>(value: T | undefined, name: string, instead: T): T => {
    if (value === undefined) unknown.push(name);
    return value ?? instead;
  };
  const { layout, channels, height, width } = sidesOf(input.shape);
  const isBytes = input.type === "uint8";
  if (!isBytes && input.type !== "float32")
    throw new Error(`${model.file} takes ${input.type}; float32 and uint8 are served`);
  if (moreOutputs.length > 0) unknown.push("which output has the classes (output.name)");
  const classes = known(numberOf(output.shape[1]), "how many classes there are (labels)", shownLabels);
  const count = channels ?? 3;
  const manifest: ModelManifest = {
    format: "scones.image-classifier/1",
    model,
    input: {
      name: input.name,
      width: known(width, "the width (input.width)", 224),
      height: known(height, "the height (input.height)", 224),
      ...(known(layout, "where the channels are (input.layout)", "NCHW") === "NHWC" && { layout: "NHWC" }),
      ...(count === 1 && { channels: "grey" }),
      ...(isBytes && { type: "uint8" }),
      mean: isBytes ? new Array<number>(count).fill(0) : usualMean.slice(0, count),
      deviation: isBytes ? new Array<number>(count).fill(1) : usualDeviation.slice(0, count),
    },
    output: { name: output.name, kind: "logits" },
    labels: Array.from({ length: classes }, (_, i) => `class ${i}`),
  };
  if (!isBytes) unknown.push("how pixels become numbers (input.mean, input.deviation, input.channels)");
  if (unknown.length === 0) return manifest;
  throw new Error(
    `${model.file} has no model.json beside it, and its graph does not say ${unknown.join(", ")}. Write one, such as ${shown(manifest)}`,
  );
}

function sidesOf(shape: readonly (number | string)[]) {
  const isChannels = (side: number | string | undefined) => side === 3 || side === 1;
  const [, second, third, fourth] = shape;
  if (shape.length === 4 && isChannels(second)) {
    return { layout: "NCHW" as const, channels: Number(second), height: numberOf(third), width: numberOf(fourth) };
  }
  if (shape.length === 4 && isChannels(fourth)) {
    return { layout: "NHWC" as const, channels: Number(fourth), height: numberOf(second), width: numberOf(third) };
  }
  return { layout: undefined, channels: undefined, height: undefined, width: undefined };
}

function numberOf(side: number | string | undefined): number | undefined {
  return typeof side === "number" && side > 0 ? side : undefined;
}

function shown(manifest: ModelManifest): string {
  const { labels } = manifest;
  const few = labels.length > shownLabels ? [...labels.slice(0, shownLabels), `... ${labels.length} in all`] : labels;
  return JSON.stringify({ ...manifest, labels: few });
}
