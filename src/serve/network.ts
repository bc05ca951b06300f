import { type InferenceSession, Tensor } from "onnxruntime-node";
import type { Image } from "../images/image.ts";
import type { ModelManifest } from "../ports/model-package.ts";

/*
 * A graph as its manifest describes it: pictures in, one row of probabilities for each out. What the two say of each other is
 * compared once, when the model is loaded.
 */

/** Pictures of the network's size; answers in their order. */
export type Run = (images: readonly Image[]) => Promise<Float32Array[]>;

/** Throws when the graph is not what the manifest says, with what it is. */
export function networkOf(session: InferenceSession, manifest: ModelManifest, maxBatch: number): Run {
  checkOutput(session, manifest);
  const { width, height } = manifest.input;
  const fitting = Math.max(1, Math.floor(maxInputValues / (width * height * channelsOf(manifest.input))));
  const atOnce = isFixedToOne(checkInput(session, manifest)) ? 1 : Math.min(maxBatch, fitting);
  const run = batchRunner(session, manifest, atOnce);
  return atOnce === maxBatch ? run : inGroups(run, atOnce);
}

/** Of one batch, 200 MB as float32: eight pictures of 1,448 x 1,448, one of 4,096 x 4,096. What the network makes of it comes on top. */
const maxInputValues = 4096 * 4096 * 3;

export function channelsOf({ channels = "RGB" }: ModelManifest["input"]): number {
  return channels === "grey" ? 1 : 3;
}

type Shape = readonly (number | string)[];

function checkInput(session: InferenceSession, { input }: ModelManifest): Shape {
  const found = session.inputMetadata.find(({ name }) => name === input.name);
  if (found === undefined || session.inputNames.length !== 1) {
    const names = session.inputNames.join(", ");
    throw new Error(
      found === undefined
        ? `the network has no input "${input.name}"; it has ${names}`
        : `the network has several inputs (${names}); only networks with one are served`,
    );
  }
  const { height, width, layout = "NCHW", type = "float32" } = input;
  const channels = channelsOf(input);
  const wanted = layout === "NCHW" ? [undefined, channels, height, width] : [undefined, height, width, channels];
  const shape: Shape = found.isTensor ? found.shape : [];
  const fits =
    shape.length === 4 && wanted.every((side, i) => side === undefined || isFree(shape[i]) || shape[i] === side);
  if (!found.isTensor || found.type !== type || !fits) {
    const is = found.isTensor ? `${found.type} [${shape.join(", ")}]` : "no tensor";
    throw new Error(
      `the network's input "${input.name}" is ${is}, and model.json makes it ${type} [N, ${wanted.slice(1).join(", ")}] (${layout}): set input.layout, type, channels, width and height as the network has them`,
    );
  }
  return shape;
}

/** A side that is decided by what is asked. */
function isFree(side: number | string | undefined): boolean {
  return typeof side !== "number" || side < 0;
}

function checkOutput(session: InferenceSession, { output }: ModelManifest): void {
  if (!session.outputNames.includes(output.name)) {
    throw new Error(`the network has no output "${output.name}"; it has ${session.outputNames.join(", ")}`);
  }
}

/** Many networks are exported for one picture at a time; for any other fixed number there is no use here. */
function isFixedToOne([batch]: Shape): boolean {
  if (isFree(batch)) return false;
  if (batch === 1) return true;
  throw new Error(`the network takes exactly ${batch} pictures at once; export it with a free first dimension`);
}

function inGroups(run: Run, atOnce: number): Run {
  return async (images) => {
    const rows: Float32Array[] = [];
    for (let from = 0; from < images.length; from += atOnce)
      rows.push(...(await run(images.slice(from, from + atOnce))));
    return rows;
  };
}

/** Runs batches through one input buffer that is kept, with one view per batch size: nothing large is allocated per request. */
function batchRunner(session: InferenceSession, manifest: ModelManifest, maxBatch: number): Run {
  const { width, height, layout = "NCHW", type = "float32", name } = manifest.input;
  const channels = channelsOf(manifest.input);
  const size = width * height * channels;
  const buffer = type === "uint8" ? new Uint8Array(maxBatch * size) : new Float32Array(maxBatch * size);
  const write = writerOf(manifest.input, buffer);
  const inputs = new Map<number, Tensor>();
  const sides = layout === "NCHW" ? [channels, height, width] : [height, width, channels];
  return async (images) => {
    if (images.length > maxBatch) throw new RangeError(`a batch of ${images.length} is above ${maxBatch}`);
    images.forEach((image, n) => {
      write(image.data, n * size);
    });
    let input = inputs.get(images.length);
    if (input === undefined) {
      const view = buffer.subarray(0, images.length * size);
      const shape = [images.length, ...sides];
      input = view instanceof Uint8Array ? new Tensor("uint8", view, shape) : new Tensor("float32", view, shape);
      inputs.set(images.length, input);
    }
    const outputs = await session.run({ [name]: input }, [manifest.output.name]);
    return rowsOf(outputs[manifest.output.name] as Tensor, images.length, manifest);
  };
}

/** Puts one picture's pixels where and as the network wants them. */
function writerOf(
  { width, height, layout = "NCHW", channels: order = "RGB", mean, deviation }: ModelManifest["input"],
  buffer: Float32Array | Uint8Array,
): (pixels: Uint8Array, at: number) => void {
  const plane = width * height;
  const sources = { RGB: [0, 1, 2], BGR: [2, 1, 0], grey: [0] }[order];
  const channels = sources.length;
  const [betweenPixels, betweenChannels] = layout === "NCHW" ? [1, plane] : [channels, 1];
  const tables = sources.map((_, c) =>
    Float32Array.from({ length: 256 }, (_, value) => (value - (mean[c] as number)) / (deviation[c] as number)),
  );
  if (order === "grey") {
    const [table] = tables as [Float32Array];
    return (pixels, at) => {
      for (let i = 0, from = 0; i < plane; i++, from += 3) buffer[at + i] = table[greyAt(pixels, from)] as number;
    };
  }
  const [first, second, third] = tables as [Float32Array, Float32Array, Float32Array];
  const [ofFirst, ofSecond, ofThird] = sources as [number, number, number];
  // In one pass over the picture: a pass for each channel takes twice the time.
  return (pixels, at) => {
    for (let from = 0, to = at; from < 3 * plane; from += 3, to += betweenPixels) {
      buffer[to] = first[pixels[from + ofFirst] as number] as number;
      buffer[to + betweenChannels] = second[pixels[from + ofSecond] as number] as number;
      buffer[to + 2 * betweenChannels] = third[pixels[from + ofThird] as number] as number;
    }
  };
}

/** As television weighs the colours (ITU-R BT.601), which is what image libraries do. */
function greyAt(pixels: Uint8Array, at: number): number {
  const [red, green, blue] = [pixels[at] as number, pixels[at + 1] as number, pixels[at + 2] as number];
  return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
}

function rowsOf(output: Tensor, count: number, manifest: ModelManifest): Float32Array[] {
  const classes = manifest.labels.length;
  const isNumeric = output.type === "float32" || output.type === "float64";
  if (!isNumeric || output.dims[0] !== count || output.size !== count * classes) {
    throw new Error(
      `the network answers ${output.type} [${output.dims.join(", ")}], expected float32 [${count}, ${classes}]: as many numbers as model.json has labels`,
    );
  }
  const values = output.data as Float32Array | Float64Array;
  return Array.from({ length: count }, (_, n) => {
    const row = Float32Array.from(values.subarray(n * classes, (n + 1) * classes));
    const { kind, temperature = 1, isMultiLabel } = manifest.output;
    if (kind === "probabilities") return row;
    return isMultiLabel ? sigmoid(row, temperature) : softmax(row, temperature);
  });
}

function sigmoid(logits: Float32Array, temperature: number): Float32Array {
  return logits.map((logit) => 1 / (1 + Math.exp(-logit / temperature)));
}

function softmax(logits: Float32Array, temperature: number): Float32Array {
  const highest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return Float32Array.from(powers, (power) => power / total);
}

/** Of classes that exclude each other they add up to 1, else each is one on its own. */
export function areProbabilities(values: Float32Array, { isMultiLabel }: ModelManifest["output"]): boolean {
  if (isMultiLabel) return values.every((value) => value >= 0 && value <= 1);
  const sum = values.reduce((total, value) => total + value, 0);
  return Math.abs(sum - 1) < 1e-3 && values.every((value) => value >= 0);
}
