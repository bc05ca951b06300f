import { createHash } from "node:crypto";
import { dataFault } from "../data/data-fault.ts";
import { labelsOf, type PictureSet } from "../data/picture-set.ts";
import type { Data } from "../data/read-data.ts";
import type { Hyperparameters } from "../hyperparameters.ts";
import { type Finished, outputOf, refuseDifference } from "../model-folder.ts";
import { fromHalf, toHalf } from "../onnx/half-precision.ts";
import { type ExtractedFeatures, extractFeatures } from "./extract-features.ts";
import { inputName, transferModel } from "./graft.ts";
import { type Classifier, logitsOf } from "./logistic-regression.ts";
import type { Pretrained } from "./pretrained.ts";
import { trainHead } from "./train-head.ts";

/** A job with a backbone: features of all pictures once, a head on them, and both as one model. */
export async function transferJob(
  backbone: Extract<Pretrained, { kind: "backbone" }>,
  data: Data,
  options: {
    asked: Hyperparameters;
    cores: number;
    cacheFolder: string;
    provenance: Record<string, unknown>;
    log(line: string): void;
  },
): Promise<Finished> {
  const { manifest, model } = backbone;
  const { asked, cores, log } = options;
  const { task } = data;
  const threads = Math.min(asked.workers ?? cores, 64);
  const features = (set: PictureSet, hasMirrors: boolean) =>
    extractFeatures(set, { ...backbone, hasMirrors, threads, cacheFolder: options.cacheFolder, log });
  const trainFeatures = await features(data.train, true);
  const validationFeatures = data.validation && (await features(data.validation, false));
  const { split } = data;
  const { penalty, outOfFold, path, ...head } = await trainHead(
    { features: trainFeatures, set: data.train, indices: split.train },
    { task, threads, seed: asked.seed, balanceClasses: asked.balanceClasses, log },
  );
  const isHalf = asked.precision === "float16";
  const classifier = isHalf ? inHalfPrecision(head.classifier) : head.classifier;
  const scored = (set: PictureSet, { values, width }: ExtractedFeatures, indices: ArrayLike<number>) => {
    const rows = new Float32Array(indices.length * width);
    for (let n = 0; n < indices.length; n++) {
      rows.set(values.subarray(indices[n]! * width, (indices[n]! + 1) * width), n * width);
    }
    return { logits: logitsOf(classifier, { values: rows, width }), truth: labelsOf(set, indices) };
  };
  const everything = (set: PictureSet) => Uint32Array.from({ length: set.count }, (_, i) => i);
  const train = scored(data.train, trainFeatures, split.train);
  const validation = data.validation && scored(data.validation, validationFeatures!, everything(data.validation));
  const evaluation = task.evaluationOf({
    labels: data.labels,
    train,
    heldOut: scored(data.train, trainFeatures, split.heldOut),
    validation,
    selection: `logistic regression on features of ${manifest.model.file}; its penalty of ${penalty} was chosen by 5-fold cross-validation on the training pictures`,
    calibration: { ...outOfFold, name: "answers for training pictures in 5-fold cross-validation" },
  });
  // One pass over the pictures, as it were: the service reads its metrics from these lines.
  log(`Epoch[0] Train-accuracy=${evaluation.train.accuracy.toFixed(6)}`);
  log(`Epoch[0] Train-loss=${evaluation.train.loss.toFixed(6)}`);
  if (evaluation.heldOut !== undefined) log(`Epoch[0] Held-out-accuracy=${evaluation.heldOut.accuracy.toFixed(6)}`);
  if (evaluation.validation !== undefined) {
    log(`Epoch[0] Validation-accuracy=${evaluation.validation.accuracy.toFixed(6)}`);
    log(`Epoch[0] Validation-loss=${evaluation.validation.loss.toFixed(6)}`);
  }
  const { temperature } = evaluation.calibration;
  const { height, width } = data.train;
  const served = transferModel(manifest, model, {
    head: { ...classifier, isHalf, task, temperature },
    height,
    width,
  });
  await refuseDifference(served, data.validation ?? data.train, {
    input: inputName(manifest),
    indices: (validation === undefined ? split.train : everything(data.validation!)).subarray(0, mostCompared),
    expected: task.probabilitiesOf((validation ?? train).logits, temperature),
  });
  return {
    evaluation,
    model: served,
    manifest: {
      format: "scones.image-classifier/1",
      model: { file: "model.onnx", sha256: createHash("sha256").update(served).digest("hex") },
      input: {
        name: inputName(manifest),
        ...(data.crop && { crop: data.crop }),
        width,
        height,
        mean: [0, 0, 0],
        deviation: [1, 1, 1],
      },
      output: outputOf(task),
      labels: data.labels,
      provenance: {
        ...options.provenance,
        network: "backbone with a logistic regression",
        backbone: manifest,
        precision: asked.precision,
        penalty,
        crossValidation: path,
        seed: asked.seed,
        selection: evaluation.selection,
        temperature,
        accuracy: {
          train: evaluation.train.accuracy,
          heldOut: evaluation.heldOut?.accuracy,
          validation: evaluation.validation?.accuracy,
        },
      },
    },
  };
}

/** What is measured is what will be stored. */
function inHalfPrecision({ weights, biases }: Classifier): Classifier {
  const [halves, halfBiases] = [fromHalf(toHalf(weights)), fromHalf(toHalf(biases))];
  if ([...halves, ...halfBiases].some((value) => !Number.isFinite(value))) {
    throw dataFault("a weight of the head is too large for half precision: use precision_dtype=float32");
  }
  return { weights: halves, biases: halfBiases };
}

/** A backbone is slow: this many pictures show a difference as well as all do. */
const mostCompared = 64;
