import { ModelWriter } from "../../src/learn/onnx/model-writer.ts";
import { randomFrom } from "../../src/learn/random.ts";

/** Expansion, channels, blocks and first stride of each stage, as MobileNetV2 has them. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

interface Convolution {
  inputs: number;
  outputs: number;
  kernel: number;
  stride: number;
  isDepthwise?: boolean;
  isLinear?: boolean;
}

/** A mobile network for pictures of 224 x 224, with random weights: 300 million multiplications. */
export function mobileNetwork(classes: number): Uint8Array {
  const writer = new ModelWriter();
  const random = randomFrom(1);
  const weights = (size: number, fan: number) =>
    Float32Array.from({ length: size }, () => (random.integer(2001) / 1000 - 1) * Math.sqrt(3 / fan));
  const convolve = (
    x: string,
    { inputs, outputs, kernel, stride, isDepthwise = false, isLinear = false }: Convolution,
  ) => {
    const perGroup = isDepthwise ? 1 : inputs;
    const shape = [outputs, perGroup, kernel, kernel];
    const fan = perGroup * kernel * kernel;
    const pad = (kernel - 1) / 2;
    const y = writer.node(
      "Conv",
      [x, writer.floats(weights(outputs * fan, fan), shape), writer.floats(new Float32Array(outputs))],
      {
        attributes: {
          kernel_shape: [kernel, kernel],
          strides: [stride, stride],
          pads: [pad, pad, pad, pad],
          group: isDepthwise ? inputs : 1,
        },
      },
    );
    return isLinear ? y : writer.node("Clip", [y, writer.scalar(0), writer.scalar(6)]);
  };
  const image = writer.input("image", ["N", 3, 224, 224]);
  let x = convolve(image, { inputs: 3, outputs: 32, kernel: 3, stride: 2 });
  let inputs = 32;
  for (const [expansion, outputs, blocks, firstStride] of stages) {
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 ? firstStride : 1;
      const wide = inputs * expansion;
      const expanded = expansion === 1 ? x : convolve(x, { inputs, outputs: wide, kernel: 1, stride: 1 });
      const spread = convolve(expanded, { inputs: wide, outputs: wide, kernel: 3, stride, isDepthwise: true });
      const y = convolve(spread, { inputs: wide, outputs, kernel: 1, stride: 1, isLinear: true });
      x = stride === 1 && inputs === outputs ? writer.node("Add", [x, y]) : y;
      inputs = outputs;
    }
  }
  x = convolve(x, { inputs, outputs: 1280, kernel: 1, stride: 1 });
  const pooled = writer.node("Flatten", [writer.node("GlobalAveragePool", [x])], { attributes: { axis: 1 } });
  const head = writer.floats(weights(classes * 1280, 1280), [classes, 1280]);
  const logits = writer.node("Gemm", [pooled, head, writer.floats(new Float32Array(classes))], {
    attributes: { transB: 1 },
  });
  writer.node("Softmax", [logits], { attributes: { axis: 1 }, names: ["probabilities"] });
  writer.output("probabilities", ["N", classes]);
  return writer.finish();
}
