import { dataFault } from "../data/data-fault.ts";
import type { Sides } from "../graph/models.ts";
import { namesIn, readModel } from "../onnx/model-reader.ts";
import { ModelWriter } from "../onnx/model-writer.ts";
import type { Task } from "../task/task.ts";
import type { BackboneManifest } from "./pretrained.ts";

// Models around a backbone: its nodes and weights stand unchanged between ours. Pictures of any size come in as RGB of 0 to 255; they
// are enlarged inside the model, so that what is served does exactly what was trained.

/** Our nodes are written for these versions of the standard operators. */
const operatorSets = { least: 13, most: 21 };

export interface Head {
  task: Task;
  /** [classes, features] and [classes], for features as the backbone gives them. */
  weights: Float32Array;
  biases: Float32Array;
  /** Whether they are numbers of half precision, and stored as such. */
  isHalf: boolean;
  temperature: number;
}

/** Input `image`, output `features`. */
export function featureModel(manifest: BackboneManifest, backbone: Uint8Array, sides: Sides): Uint8Array {
  const { writer, features } = grafted(manifest, backbone, sides);
  writer.node("Identity", [features], { names: ["scones_features"] });
  writer.output("scones_features", ["N", "F"]);
  return writer.finish();
}

/** Input `image`, output `probabilities`. */
export function transferModel(
  manifest: BackboneManifest,
  backbone: Uint8Array,
  { head, ...sides }: Sides & { head: Head },
): Uint8Array {
  const { writer, features } = grafted(manifest, backbone, sides);
  const { task, temperature, isHalf } = head;
  const { classes } = task;
  const weights = writer.weight("head", head.weights, { shape: [classes, head.weights.length / classes], isHalf });
  const biases = writer.weight("head.bias", head.biases, { shape: [classes], isHalf });
  const logits = writer.node("Gemm", [features, weights, biases], { attributes: { transB: 1 } });
  task.appendProbabilities(writer, writer.node("Div", [logits, writer.scalar(temperature)]));
  return writer.finish();
}

function grafted(manifest: BackboneManifest, backbone: Uint8Array, { height, width }: Sides) {
  const model = readModel(backbone);
  const { input, output } = manifest;
  const { operatorSet } = model;
  if (operatorSet < operatorSets.least || operatorSet > operatorSets.most) {
    throw dataFault(
      `${manifest.model.file} uses version ${operatorSet} of the ONNX operators; export it with one from ${operatorSets.least} to ${operatorSets.most}`,
    );
  }
  if (model.inputs.length !== 1 || model.inputs[0] !== input.name || !model.outputs.includes(output.name)) {
    throw dataFault(
      `${manifest.model.file} has the inputs ${model.inputs.join(", ")} and outputs ${model.outputs.join(", ")}; its manifest names ${input.name} and ${output.name}`,
    );
  }
  const taken = [...namesIn(model)].find(
    (name) => name === "probabilities" || name === "head" || name.startsWith("scones_"),
  );
  if (taken !== undefined) throw dataFault(`${manifest.model.file} uses the name "${taken}", which the head needs`);
  const writer = new ModelWriter(model);
  // Its input keeps its name; when that is ours, ours is another.
  const image = writer.input(input.name === "image" ? "pictures" : "image", ["N", 3, height, width]);
  const isEnlarged = height !== input.height || width !== input.width;
  const resized = isEnlarged
    ? writer.node(
        "Resize",
        [image, "", writer.floats([1, 1, scale(height, input.height), scale(width, input.width)])],
        {
          attributes: { mode: "cubic", coordinate_transformation_mode: "half_pixel" },
        },
      )
    : image;
  const centred = writer.node("Sub", [resized, writer.floats(input.mean, [1, 3, 1, 1])]);
  writer.node("Div", [centred, writer.floats(input.deviation, [1, 3, 1, 1])], { names: [input.name] });
  writer.graftNodes();
  return { writer, image, features: output.name };
}

/** The operator rounds the new side down: a rounded quotient must not cost a pixel. */
function scale(from: number, to: number): number {
  const quotient = Math.fround(to / from);
  return Math.floor(from * quotient) === to ? quotient : Math.fround((to + 0.01) / from);
}

/** What the models above call their input. */
export function inputName(manifest: BackboneManifest): string {
  return manifest.input.name === "image" ? "pictures" : "image";
}
