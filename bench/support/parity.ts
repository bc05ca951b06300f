import { readFileSync } from "node:fs";
import { decodeImage } from "../../src/images/decode-image.ts";
import { nameInModel } from "../../src/learn/graph/models.ts";
import { layoutOf, runNetwork } from "../../src/learn/network.ts";
import { resnet9 } from "../../src/learn/networks.ts";
import { readWeights } from "../../src/learn/onnx/model-reader.ts";
import { ReferenceOperators, reference } from "../../src/learn/reference/reference-operators.ts";
import type { Normalisation } from "../../src/learn/training/augmentation.ts";
import { floatsOf, floatTensor, openSession } from "../../src/learn/training/runtime.ts";
import { type ViewCount, viewed, viewsOf } from "../../src/learn/views.ts";
import type { ModelManifest } from "../../src/ports/model-package.ts";
import type { Labelled } from "./training-run.ts";

const sides = { height: 32, width: 32 };

/** The largest difference, over some pictures, between the logits of an exported model of two classes and those of the float64 reference. */
export async function largestDifference(
  { model, manifest }: { model: Uint8Array; manifest: ModelManifest },
  pictures: readonly Labelled[],
): Promise<number> {
  const { normalisation, temperature, members, views } = manifest.provenance as {
    normalisation: Normalisation;
    temperature: number;
    members: unknown[];
    views: ViewCount;
  };
  const { mean, deviation } = normalisation;
  const networks = members.map((_, member) => referenceNetwork(model, member));
  const session = await openSession(model);
  let largest = 0;
  for (const { path } of pictures) {
    const picture = decodeImage(readFileSync(path)).data;
    const image = Float32Array.from({ length: 3072 }, (_, i) => picture[(i % 1024) * 3 + Math.floor(i / 1024)]!);
    let expected = 0;
    for (const view of viewsOf(views)) {
      const x = Float64Array.from(
        viewed(image, view, sides),
        (value, i) => (value - mean[i >> 10]!) / deviation[i >> 10]!,
      );
      for (const logitsOf of networks) {
        const [first, second] = logitsOf(x) as [number, number];
        expected += (second - first) / (networks.length * views);
      }
    }
    const answers = await session.run({ image: floatTensor(image, [1, 3, 32, 32]) });
    const probabilities = floatsOf(answers, "probabilities");
    // A difference of logits is all that probabilities show.
    const served = (Math.log(probabilities[1]!) - Math.log(probabilities[0]!)) * temperature;
    largest = Math.max(largest, Math.abs(served - expected));
  }
  return largest;
}

function referenceNetwork(model: Uint8Array, member: number): (x: Float64Array) => number[] {
  const weights = readWeights(model);
  const valuesOf = (name: string) => weights.get(nameInModel(name, member))!.values;
  const network = resnet9(2);
  const layout = layoutOf(network);
  const parameters = new Float64Array(layout.total);
  const running = new Float64Array(layout.statistics);
  for (const { name, offset } of layout.parameters) parameters.set(valuesOf(name), offset);
  for (const { name, offset, channels } of layout.norms) {
    running.set(valuesOf(`${name}.mean`), offset);
    running.set(valuesOf(`${name}.variance`), offset + channels);
  }
  return (x) => {
    const operators = new ReferenceOperators(parameters, layout.statistics, running);
    return [...runNetwork(network, layout, operators, reference(x, [1, 3, 32, 32])).values];
  };
}
