import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ModelManifest } from "../ports/model-package.ts";
import { openPictures, type PictureSet } from "./data/picture-set.ts";
import type { Data } from "./data/read-data.ts";
import type { Evaluation, MultiLabelEvaluation } from "./evaluation.ts";
import { servedModel } from "./graph/models.ts";
import type { Task } from "./task/task.ts";
import { type Answers, answering } from "./training/answers.ts";
import { floatsOf, floatTensor, openSession } from "./training/runtime.ts";
import type { Trained } from "./training/train.ts";
import type { EpochReport } from "./training/worker-job.ts";
import { viewsOf } from "./views.ts";

// From trained weights to what a job leaves behind: measured, calibrated, exported, compared with itself, and only then stored.
//
// X2. No model is stored whose exported file answers differently from the network that was measured.
// X3. Everything is written to drafts and renamed when all of it is written: a model folder is whole or empty.

export interface Finished {
  evaluation: Evaluation | MultiLabelEvaluation;
  manifest: ModelManifest;
  model: Uint8Array;
}

const largestDifference = 1e-4;
/** One by one, as they are served: a model of many networks and views is compared on fewer pictures, which takes as long. */
const forComparison = { answers: 2048, least: 64, most: 512 };
/** Of a large set this many training pictures tell as much about the fit as all do, and take seconds. */
const forThresholds = { answers: 10_000, least: 250, most: 5000 };

/** Measures and exports the networks of a job as one model; throws when the exported model differs from the measured networks. */
export async function finishModel(
  members: readonly Trained[],
  data: Data,
  provenance: Record<string, unknown>,
): Promise<Finished> {
  const { plan, layout, normalisation, heldOutIndices } = members[0]!;
  const { task } = data;
  const sides = { height: plan.height, width: plan.width };
  const everything = (set: PictureSet) => Uint32Array.from({ length: set.count }, (_, i) => i);
  const trainIndices = spread(members[0]!.trainIndices, picturesFor(forThresholds, members));
  const answersOf = await answering(members);
  const train = await answersOf(data.train, trainIndices);
  const heldOut = await answersOf(data.train, heldOutIndices);
  const validation = data.validation && (await answersOf(data.validation, everything(data.validation)));

  const evaluation = task.evaluationOf({
    labels: data.labels,
    train,
    heldOut,
    validation,
    selection: selectionOf(members),
    selectedBy: members.some(({ bestEpoch }) => bestEpoch !== undefined) ? plan.selectedBy : undefined,
  });
  const { temperature } = evaluation.calibration;
  const weights = { members, views: viewsOf(plan.views), ...normalisation, temperature };
  const model = servedModel(plan.network, layout, { task, weights, ...sides });
  // First what the network has not seen, then what it has.
  const compared = validation === undefined ? { set: data.train, ...train } : { set: data.validation!, ...validation };
  const indices = validation === undefined ? trainIndices : everything(data.validation!);
  await refuseDifference(model, compared.set, {
    indices: indices.subarray(0, picturesFor(forComparison, members)),
    expected: task.probabilitiesOf(compared.logits, temperature),
  });
  const manifest: ModelManifest = {
    format: "scones.image-classifier/1",
    model: { file: "model.onnx", sha256: createHash("sha256").update(model).digest("hex") },
    input: {
      name: "image",
      ...(data.crop && { crop: data.crop }),
      width: plan.width,
      height: plan.height,
      mean: [0, 0, 0],
      deviation: [1, 1, 1],
    },
    output: outputOf(task),
    labels: data.labels,
    provenance: {
      ...provenance,
      network: plan.network.name,
      precision: plan.precision,
      seed: plan.seed,
      views: plan.views,
      workers: plan.workers,
      group: plan.group,
      epochs: plan.epochs,
      steps: members.reduce((sum, { steps }) => sum + steps, 0),
      stopped: members.length < plan.members || members.some(({ isStopped }) => isStopped),
      members: members.map((one, member) => ({
        seed: one.plan.seed,
        steps: one.steps,
        heldOutAccuracy: accuracyOf(heldOut, { member, task }),
        validationAccuracy: validation && accuracyOf(validation, { member, task }),
      })),
      selection: evaluation.selection,
      temperature,
      normalisation,
      accuracy: {
        train: evaluation.train.accuracy,
        heldOut: evaluation.heldOut?.accuracy,
        validation: evaluation.validation?.accuracy,
      },
    },
  };
  return { evaluation, manifest, model };
}

/** What the output of every model is that we write. */
export function outputOf({ multiLabel }: Task): ModelManifest["output"] {
  return { name: "probabilities", kind: "probabilities", ...(multiLabel && { isMultiLabel: true }) };
}

/** As many pictures as need so many answers of single networks for single views. */
function picturesFor(
  { answers, least, most }: { answers: number; least: number; most: number },
  members: readonly Trained[],
): number {
  return Math.min(most, Math.max(least, Math.floor(answers / (members.length * members[0]!.plan.views))));
}

/** Up to `most` of them, evenly from the first to the last. */
function spread(indices: Uint32Array, most: number): Uint32Array {
  const count = Math.min(indices.length, most);
  return Uint32Array.from({ length: count }, (_, i) => indices[Math.floor((i * indices.length) / count)]!);
}

function accuracyOf({ byMember, truth }: Answers, { member, task }: { member: number; task: Task }) {
  return truth.length === 0 ? undefined : task.score(byMember[member]!, truth).accuracy;
}

function selectionOf(members: readonly Trained[]): string {
  const which = members.length === 1 ? "" : `mean of ${members.length} networks: `;
  const best = members.flatMap(({ bestEpoch, curve }) => (bestEpoch === undefined ? [] : [curve[bestEpoch]!.epoch]));
  if (best.length === 0) return `${which}averaged weights after the last step; no epoch was selected`;
  const epochs = best.length === 1 ? `epoch ${best[0]}` : `epochs ${best.join(", ")}`;
  const how =
    members[0]!.plan.selectedBy === "validation"
      ? "the validation channel (select_by_validation), whose accuracy is therefore too good"
      : "the held-out pictures (early stopping)";
  return `${which}averaged weights of ${epochs}, selected by ${how}`;
}

/** X2. */
export async function refuseDifference(
  model: Uint8Array,
  set: PictureSet,
  { input = "image", indices, expected }: { input?: string; indices: Uint32Array; expected: Float64Array },
): Promise<void> {
  const session = await openSession(model);
  const pictures = openPictures(set);
  try {
    for (let n = 0; n < indices.length; n++) {
      const image = Float32Array.from(pictures.at(indices[n]!));
      const feeds = { [input]: floatTensor(image, [1, 3, set.height, set.width]) };
      const actual = floatsOf(await session.run(feeds), "probabilities");
      actual.forEach((value, k) => {
        const difference = Math.abs(value - expected[n * actual.length + k]!);
        if (!(difference < largestDifference)) {
          throw new Error(
            `the exported model differs from the trained network by ${difference} (picture ${n}): it is not stored`,
          );
        }
      });
    }
  } finally {
    pictures.close();
  }
}

export interface Stored extends Finished {
  curve: readonly EpochReport[];
  /** Models of single epochs, to be stored beside the final one. */
  checkpoints: readonly string[];
}

/** Writes everything or nothing into the job's model folder. */
export function writeModelFolder(folder: string, { model, manifest, evaluation, curve, checkpoints }: Stored): void {
  const files: [string, Uint8Array | string][] = [
    ...checkpoints.map((path): [string, Uint8Array] => [basename(path), readFileSync(path)]),
    ["model.onnx", model],
    ["labels.json", json(manifest.labels)],
    ["metrics/evaluation.json", json(evaluation)],
    ["metrics/training-curve.json", json(curve)],
    ["model.json", json(manifest)],
  ];
  const draft = (name: string) => join(folder, `${name}.draft`);
  try {
    for (const [name, content] of files) {
      mkdirSync(dirname(draft(name)), { recursive: true });
      writeFileSync(draft(name), content, { flush: true });
    }
    for (const [name] of files) renameSync(draft(name), join(folder, name));
  } catch (error) {
    for (const [name] of files) {
      rmSync(draft(name), { force: true });
      rmSync(join(folder, name), { force: true });
    }
    throw error;
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
