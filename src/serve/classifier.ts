import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { centreCrop } from "../images/centre-crop.ts";
import { decodeImage } from "../images/decode-image.ts";
import { type Image, ImageError } from "../images/image.ts";
import { resize } from "../images/resize.ts";
import type { ModelManifest } from "../ports/model-package.ts";
import { parseManifest } from "./manifest.ts";

/*
 * A network ready to answer: picture bytes in, probabilities out. It blocks its thread while it runs, so it lives in worker
 * processes only.
 *
 * M1. A model is loaded only if its digest matches. The runtime loads damaged weights without complaint, so the digest of the
 *     very bytes that are loaded is the only protection.
 */

export interface Classifier {
  /** One answer per picture, in order; a bad picture spoils only its own answer. */
  classify(pictures: readonly Uint8Array[]): Promise<Classification[]>;
  close(): Promise<void>;
}

export type Classification =
  | { probabilities: Float32Array }
  /** `status` as a container would answer it: 400 for a bad picture, 500 for a failing network. */
  | { status: 400 | 500; message: string };

/** Loads the unpacked package in `folder`, warms it up for batches of 1 and `maxBatch`, and checks a trial inference. */
export async function loadClassifier(
  folder: string,
  { maxBatch, threads }: { maxBatch: number; threads: number },
): Promise<Classifier> {
  const manifest = parseManifest(await readFile(join(folder, "model.json"), "utf8"));
  const model = await readFile(join(folder, manifest.model.file));
  const digest = createHash("sha256").update(model).digest("hex");
  if (digest !== manifest.model.sha256) {
    throw new Error(
      `the model file ${manifest.model.file} is damaged: its SHA-256 is ${digest}, model.json says ${manifest.model.sha256}`,
    );
  }
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Threads that spin while they wait would take the cores from the other workers.
    extra: { session: { set_denormal_as_zero: "1", intra_op: { allow_spinning: "0" } } },
  });
  checkNames(session, manifest);
  const run = isFixedToOne(session, manifest)
    ? oneByOne(batchRunner(session, manifest, 1))
    : batchRunner(session, manifest, maxBatch);
  for (const size of [1, maxBatch]) {
    const trial = await run(Array.from({ length: size }, () => middleGrey(manifest)));
    if (trial.some((probabilities) => !isDistribution(probabilities))) {
      throw new Error("the trial inference gave numbers that are no probabilities");
    }
  }
  return { classify: (pictures) => classify(pictures, manifest, run), close: () => session.release() };
}

function checkNames(session: InferenceSession, manifest: ModelManifest): void {
  if (!session.inputNames.includes(manifest.input.name)) {
    throw new Error(`the network has no input "${manifest.input.name}"; it has ${session.inputNames.join(", ")}`);
  }
  if (!session.outputNames.includes(manifest.output.name)) {
    throw new Error(`the network has no output "${manifest.output.name}"; it has ${session.outputNames.join(", ")}`);
  }
}

/** Many networks are exported for one picture at a time; for any other fixed number there is no use here. */
function isFixedToOne(session: InferenceSession, manifest: ModelManifest): boolean {
  const input = session.inputMetadata.find(({ name }) => name === manifest.input.name);
  const batch = input?.isTensor ? input.shape[0] : undefined;
  if (typeof batch !== "number" || batch < 0) return false;
  if (batch === 1) return true;
  throw new Error(`the network takes exactly ${batch} pictures at once; export it with a free first dimension`);
}

function oneByOne(run: Run): Run {
  return async (images) => {
    const rows: Float32Array[] = [];
    for (const image of images) rows.push(...(await run([image])));
    return rows;
  };
}

/** What telephones take, 4096 x 3072: decoding one costs a worker at most 90 MB and some 0.2 s, however small its file is. */
const maxPixels = 4096 * 3072;

type Run = (images: readonly Image[]) => Promise<Float32Array[]>;

async function classify(pictures: readonly Uint8Array[], manifest: ModelManifest, run: Run): Promise<Classification[]> {
  const answers: Classification[] = new Array(pictures.length);
  const images: Image[] = [];
  const positions: number[] = [];
  pictures.forEach((picture, i) => {
    try {
      images.push(shrunk(picture, manifest));
      positions.push(i);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      answers[i] = { status: 400, message: error.message };
    }
  });
  if (images.length === 0) return answers;
  const results = await run(images);
  results.forEach((probabilities, i) => {
    answers[positions[i] as number] = isDistribution(probabilities)
      ? { probabilities }
      : { status: 500, message: "the network gave numbers that are no probabilities" };
  });
  return answers;
}

/** Pixels of a picture above this are given back at once: waiting for a collection would keep three of the largest in memory. */
const manyPixels = 2_000_000;

function shrunk(picture: Uint8Array, { input }: ModelManifest): Image {
  const { image, isLarge } = decoded(picture, input);
  if (isLarge) globalThis.gc?.(); // the pixels belong to nobody by now
  return image;
}

function decoded(
  picture: Uint8Array,
  { crop, width, height }: ModelManifest["input"],
): { image: Image; isLarge: boolean } {
  const whole = decodeImage(picture, { maxPixels });
  const seen = crop === undefined ? whole : centreCrop(whole, crop);
  return { image: resize(seen, width, height), isLarge: whole.width * whole.height > manyPixels };
}

/** Runs batches through one input buffer that is kept, with one view per batch size: nothing large is allocated per request. */
function batchRunner(session: InferenceSession, manifest: ModelManifest, maxBatch: number): Run {
  const { width, height, mean, deviation, name } = manifest.input;
  const plane = width * height;
  const buffer = new Float32Array(maxBatch * 3 * plane);
  const inputs = new Map<number, Tensor>();
  const normalised = [0, 1, 2].map((c) =>
    Float32Array.from({ length: 256 }, (_, value) => (value - (mean[c] as number)) / (deviation[c] as number)),
  );
  return async (images) => {
    if (images.length > maxBatch) throw new RangeError(`a batch of ${images.length} is above ${maxBatch}`);
    images.forEach((image, n) => {
      for (let c = 0; c < 3; c++) {
        const table = normalised[c] as Float32Array;
        const to = (n * 3 + c) * plane;
        for (let i = 0; i < plane; i++) buffer[to + i] = table[image.data[i * 3 + c] as number] as number;
      }
    });
    let input = inputs.get(images.length);
    if (input === undefined) {
      const view = buffer.subarray(0, images.length * 3 * plane);
      input = new Tensor("float32", view, [images.length, 3, height, width]);
      inputs.set(images.length, input);
    }
    const outputs = await session.run({ [name]: input }, [manifest.output.name]);
    return rowsOf(outputs[manifest.output.name] as Tensor, images.length, manifest);
  };
}

function rowsOf(output: Tensor, count: number, manifest: ModelManifest): Float32Array[] {
  const classes = manifest.labels.length;
  const isExpected = output.type === "float32" && output.dims[0] === count && output.size === count * classes;
  if (!isExpected) {
    throw new Error(
      `the network answers ${output.type} [${output.dims.join(", ")}], expected float32 [${count}, ${classes}]`,
    );
  }
  const values = output.data as Float32Array;
  return Array.from({ length: count }, (_, n) => {
    const row = values.slice(n * classes, (n + 1) * classes);
    return manifest.output.kind === "logits" ? softmax(row, manifest.output.temperature ?? 1) : row;
  });
}

function softmax(logits: Float32Array, temperature: number): Float32Array {
  const highest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return Float32Array.from(powers, (power) => power / total);
}

function isDistribution(probabilities: Float32Array): boolean {
  const sum = probabilities.reduce((total, value) => total + value, 0);
  return Math.abs(sum - 1) < 1e-3 && probabilities.every((value) => value >= 0);
}

function middleGrey(manifest: ModelManifest): Image {
  const { width, height } = manifest.input;
  return { width, height, data: new Uint8Array(width * height * 3).fill(128) };
}
