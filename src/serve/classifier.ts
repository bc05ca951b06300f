import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { centreCrop } from "../images/centre-crop.ts";
import { decodeImage } from "../images/decode-image.ts";
import { type Image, ImageError } from "../images/image.ts";
import { resize } from "../images/resize.ts";
import type { ModelManifest } from "../ports/model-package.ts";
import { bestBatch } from "./best-batch.ts";
import { inferManifest } from "./inferred-manifest.ts";
import { parseManifest } from "./manifest.ts";
import { areProbabilities, networkOf, type Run } from "./network.ts";

/*
 * A network ready to answer: picture bytes in, probabilities out. It blocks its thread while it runs, so it lives in worker
 * processes only.
 *
 * M1. A model is loaded only if its digest matches. The runtime loads damaged weights without complaint, so the digest of the
 *     very bytes that are loaded is the only protection.
 */

export interface Classifier {
  /** How many pictures at once are worth it on this machine. */
  batch: number;
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
  const given = await givenManifest(folder);
  const { file, sha256 } = given?.model ?? (await onlyModel(folder));
  const model = await readFile(join(folder, file));
  const digest = createHash("sha256").update(model).digest("hex");
  if (digest !== sha256) {
    const says = given === undefined ? "it had when it was unpacked" : "model.json says";
    throw new Error(`the model file ${file} is damaged: its SHA-256 is ${digest}, ${says} ${sha256}`);
  }
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Threads that spin while they wait would take the cores from the other workers.
    extra: { session: { set_denormal_as_zero: "1", intra_op: { allow_spinning: "0" } } },
  });
  const manifest = given ?? (await inferred(session, { file, sha256 }));
  const run = networkOf(session, manifest, maxBatch);
  for (const size of [1, maxBatch]) {
    const trial = await run(Array.from({ length: size }, () => middleGrey(manifest)));
    if (trial.some((probabilities) => !areProbabilities(probabilities, manifest.output))) {
      const { kind } = manifest.output;
      const advice =
        kind === "probabilities"
          ? "; if they are logits, set output.kind in model.json, and output.isMultiLabel if classes do not exclude each other"
          : "";
      throw new Error(`the trial inference gave numbers that are no probabilities${advice}`);
    }
  }
  const runGrey = (size: number) => run(new Array(size).fill(middleGrey(manifest)));
  const batch = await bestBatch(maxBatch, { run: runGrey, now: () => performance.now() });
  return { batch, classify: (pictures) => classify(pictures, manifest, run), close: () => session.release() };
}

async function givenManifest(folder: string): Promise<ModelManifest | undefined> {
  try {
    return parseManifest(await readFile(join(folder, "model.json"), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Of a package without a manifest; its digest was taken when it was unpacked. */
async function onlyModel(folder: string): Promise<ModelManifest["model"]> {
  const file = (await readdir(folder)).find((name) => name.endsWith(".onnx"));
  if (file === undefined) throw new Error("the package has neither a model.json nor an ONNX file");
  return { file, sha256: (await readFile(join(folder, `${file}.sha256`), "utf8")).trim() };
}

/** Whether the answers are probabilities already is seen from one of them. */
async function inferred(session: InferenceSession, model: ModelManifest["model"]): Promise<ModelManifest> {
  const manifest = inferManifest(session, model);
  const asProbabilities: ModelManifest = { ...manifest, output: { ...manifest.output, kind: "probabilities" } };
  const [answer] = await networkOf(session, asProbabilities, 1)([middleGrey(manifest)]);
  return answer !== undefined && areProbabilities(answer, asProbabilities.output) ? asProbabilities : manifest;
}

/** What telephones take, 4096 x 3072: decoding one costs a worker at most 90 MB and some 0.2 s, however small its file is. */
const maxPixels = 4096 * 3072;

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
    answers[positions[i] as number] = areProbabilities(probabilities, manifest.output)
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

function middleGrey(manifest: ModelManifest): Image {
  const { width, height } = manifest.input;
  return { width, height, data: new Uint8Array(width * height * 3).fill(128) };
}
