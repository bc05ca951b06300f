import { join } from "node:path";
import { type Balance, balanceOf } from "./data/balance.ts";
import type { Data } from "./data/read-data.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import type { Measurement } from "./metrics.ts";
import type { Finished } from "./model-folder.ts";
import type { MultiLabelMeasurement } from "./multi-label-metrics.ts";
import type { Plan } from "./recipe.ts";
import { smallestGuaranteedRisk } from "./risk.ts";
import type { BatchReport, EpochReport } from "./training/worker-job.ts";

// What a training job says, in the form of AWS's own algorithm: the service reads its metrics from these lines
// (`metricDefinitions`), and people read the rest.

export function logPlan(
  plan: Plan,
  {
    asked,
    strings,
    pictures,
    log,
  }: {
    asked: Hyperparameters;
    strings: Record<string, string>;
    pictures: { train: number; heldOut: number };
    log: (line: string) => void;
  },
): void {
  log("---- Parameters ----");
  const lines: [string, unknown][] = [
    ["asked for", pythonDictionary(strings)],
    ["preset", asked.preset],
    ["network", plan.network.name],
    ["ensemble_size", plan.members],
    ["views", plan.views],
    ["image_shape", `3,${plan.height},${plan.width}`],
    ["precision_dtype", plan.precision],
    ["training pictures", pictures.train],
    ["held-out pictures", `${pictures.heldOut} (of the training channel; the validation channel is only measured)`],
    ["epochs", plan.epochs],
    ["mini_batch_size", plan.batch],
    ["steps per epoch", plan.stepsPerEpoch],
    ["workers", `${plan.workers} for ${plan.batch / plan.group} groups of ${plan.group} pictures`],
    ["convolutions", plan.block > 0 ? `in blocks of ${plan.block}` : "standard operators"],
    ["optimizer", pythonDictionary(plan.optimizer)],
    ["learning rate", pythonDictionary(plan.schedule)],
    ["augmentation", pythonDictionary(plan.augmentation)],
    ["rotation_labels", plan.turns > 1],
    ["label_smoothing", plan.labelSmoothing],
    ["max_seconds", plan.maxSeconds ?? "no limit"],
    ["seed", plan.seed],
  ];
  for (const [name, value] of lines) log(`${name}: ${value}`);
}

/** How many pictures show each class, and what is done about it. */
export function logClassSizes(
  { task, train, labels }: Data,
  { asked, log }: { asked: Hyperparameters; log: (line: string) => void },
): void {
  if (task.multiLabel === undefined) {
    logBalance(balanceOf(train.labels, task.classes), { asked, labels, log });
    return;
  }
  const sizes = task.sizesOf(train.labels);
  log(
    `Of ${train.count} training pictures so many show each class: ${labels.map((name, k) => `${name} ${sizes[k]}`).join(", ")}.`,
  );
  const { weights } = task.multiLabel;
  if (weights === undefined) return;
  const said = labels.map(
    (name, k) => `${name} ${weights[k]!.toFixed(2)} and ${weights[labels.length + k]!.toFixed(2)}`,
  );
  log(`use_weighted_loss: presence and absence count ${said.join(", ")}.`);
}

function logBalance(
  { factors, isNeeded }: Balance,
  { asked, labels, log }: { asked: Hyperparameters; labels: readonly string[]; log: (line: string) => void },
): void {
  if (!isNeeded) return;
  const said = labels.map((label, k) => `${label} ${factors[k]!.toFixed(2)}`).join(", ");
  log(
    asked.balanceClasses
      ? `Classes differ in size: pictures of rare ones count more (${said}); balance_classes=False turns that off.`
      : `Warning: classes differ in size, and balance_classes is off; it would have counted pictures ${said}.`,
  );
}

/** `curve` is of the network at hand. */
export function logEpoch(
  curve: readonly EpochReport[],
  { plan, member, log }: { plan: Plan; member: number; log: (line: string) => void },
): void {
  const report = curve.at(-1)!;
  const { epoch } = report;
  log(`Epoch[${epoch}] Train-accuracy=${report.trainAccuracy.toFixed(6)}`);
  const topK = (name: string, share: number | undefined) => {
    if (share !== undefined) log(`Epoch[${epoch}] ${name}-top_k_accuracy_${plan.topK}=${share.toFixed(6)}`);
  };
  topK("Train", report.trainTopKAccuracy);
  topK("Held-out", report.heldOut?.topKAccuracy);
  topK("Validation", report.validation?.topKAccuracy);
  log(`Epoch[${epoch}] Train-loss=${report.trainLoss.toFixed(6)}`);
  log(`Epoch[${epoch}] Time cost=${report.seconds.toFixed(3)}`);
  log(`Epoch[${epoch}] Speed=${report.imagesPerSecond.toFixed(1)} samples/sec`);
  if (report.heldOut !== undefined) log(`Epoch[${epoch}] Held-out-accuracy=${report.heldOut.accuracy.toFixed(6)}`);
  if (report.validation !== undefined) {
    log(`Epoch[${epoch}] Validation-accuracy=${report.validation.accuracy.toFixed(6)}`);
    log(`Epoch[${epoch}] Validation-loss=${report.validation.loss.toFixed(6)}`);
  }
  const left = plan.epochs - curve.length;
  if (curve.length === 1 || left % Math.max(1, Math.round(plan.epochs / 10)) === 0) {
    logTimeLeft(report, { plan, member, epochs: curve.length, seconds: secondsOf(curve), log });
  }
}

/** As AWS's algorithm says it, `#011` for a tab. */
export function logBatch(
  report: BatchReport,
  {
    plan,
    member,
    curve,
    log,
  }: { plan: Plan; member: number; curve: readonly EpochReport[]; log: (line: string) => void },
): void {
  const { epoch, batch, imagesPerSecond, trainAccuracy } = report;
  log(
    `Epoch[${epoch}] Batch [${batch}]#011Speed: ${imagesPerSecond.toFixed(1)} samples/sec#011accuracy=${trainAccuracy.toFixed(6)}`,
  );
  const seconds = secondsOf(curve) + ((batch + 1) * plan.batch) / imagesPerSecond;
  logTimeLeft(report, { plan, member, epochs: curve.length + (batch + 1) / plan.stepsPerEpoch, seconds, log });
}

function secondsOf(curve: readonly EpochReport[]): number {
  return curve.reduce((sum, one) => sum + one.seconds, 0);
}

/** `epochs` of this network were done in so many seconds. */
function logTimeLeft(
  { imagesPerSecond }: { imagesPerSecond: number },
  done: { plan: Plan; member: number; epochs: number; seconds: number; log: (line: string) => void },
): void {
  const { plan, member, epochs } = done;
  const left = plan.epochs - epochs;
  const later = plan.members - member - 1;
  if (left + later === 0) return;
  const perEpoch = (plan.stepsPerEpoch * plan.batch) / imagesPerSecond;
  const limit = plan.maxSeconds ?? Number.POSITIVE_INFINITY;
  const seconds =
    Math.min(left * perEpoch, Math.max(0, limit - done.seconds)) + later * Math.min(plan.epochs * perEpoch, limit);
  const more = Math.ceil(seconds / perEpoch - 1e-9);
  done.log(`ETA ${seconds.toFixed(0)} s for ${more} more epochs at ${imagesPerSecond.toFixed(0)} samples/sec`);
}

export function logResult({ evaluation }: Finished, folder: string, log: (line: string) => void): void {
  for (const [name, one] of [
    ["Held-out", evaluation.heldOut],
    ["Validation", evaluation.validation],
  ] as const) {
    if (one === undefined) continue;
    const [low, high] = one.accuracyInterval95.map((value) => value.toFixed(4));
    // An epoch's lines are of one network and one view; these are of the model that is stored, and of its metrics the last.
    log(`Final ${name}-accuracy=${one.accuracy.toFixed(6)}`);
    log(`Final ${name}-loss=${one.loss.toFixed(6)}`);
    log(
      `${saidOf(one, name.toLowerCase())} pictures are right: an accuracy between ${low} and ${high}, with a confidence of 0.95.`,
    );
    if ("exactMatch" in one) logMatches(name, one, log);
    logClasses(name, one, log);
  }
  for (const [name, one] of [
    ["Held-out", evaluation.heldOut],
    ["Validation", evaluation.validation],
  ] as const) {
    if (one !== undefined) log(`${name}-calibration-error=${one.expectedCalibrationError.toFixed(6)}`);
  }
  logCalibration(evaluation, log);
  if (evaluation.task === undefined) logGuarantees(evaluation, log);
  else log(`Not measured: ${evaluation.notMeasured}.`);
  log(`Stored: ${evaluation.selection}.`);
  log(`Saved model to "${join(folder, "model.onnx")}"`);
}

function saidOf(one: Measurement | MultiLabelMeasurement, name: string): string {
  if (!("exactMatch" in one)) return `${one.correct} of ${one.pictures} ${name}`;
  const labels = one.pictures * one.perClass.length;
  return `${Math.round(one.accuracy * labels)} of ${labels} labels of ${one.pictures} ${name}`;
}

function logMatches(name: string, one: MultiLabelMeasurement, log: (line: string) => void): void {
  log(`${name}-exact-match=${one.exactMatch.toFixed(6)}`);
  if (one.meanAveragePrecision !== null) log(`${name}-mean-average-precision=${one.meanAveragePrecision.toFixed(6)}`);
  const [low, high] = one.exactMatchInterval95.map((value) => value.toFixed(4));
  log(
    `${one.correct} of ${one.pictures} ${name.toLowerCase()} pictures are right in all labels: a share between ${low} and ${high}.`,
  );
}

/** How many classes are named; of more of them, those that are found worst. */
const mostClasses = 10;

function logClasses(
  name: string,
  { perClass }: Measurement | MultiLabelMeasurement,
  log: (line: string) => void,
): void {
  const mean = (values: (number | null)[]) => values.reduce<number>((sum, one) => sum + (one ?? 0), 0) / values.length;
  log(`${name}-precision=${mean(perClass.map(({ precision }) => precision)).toFixed(6)}`);
  log(`${name}-recall=${mean(perClass.map(({ recall }) => recall)).toFixed(6)}`);
  const shown = (value: number | null) => value?.toFixed(4) ?? "none";
  const worst = [...perClass].sort((one, other) => (one.recall ?? 0) - (other.recall ?? 0)).slice(0, mostClasses);
  for (const { label, pictures, precision, recall } of perClass.length > mostClasses ? worst : perClass) {
    log(`${name} ${label}: precision ${shown(precision)}, recall ${shown(recall)} of ${pictures} pictures`);
  }
}

function logCalibration({ calibration }: Finished["evaluation"], log: (line: string) => void): void {
  const { temperature, fittedOn, pictures, expectedCalibrationError: error } = calibration;
  if (error === undefined) return;
  log(
    `Temperature ${temperature.toFixed(4)}, fitted on ${pictures === 0 ? "" : `${pictures} `}${fittedOn}: a calibration error of ${error.before.toFixed(6)} before and ${error.after.toFixed(6)} after.`,
  );
}

/** What the held-out pictures prove, for the goal that they can prove at all: the threshold is chosen, not guessed. */
function logGuarantees({ guarantees: { heldOut } }: Evaluation, log: (line: string) => void): void {
  if (heldOut === undefined || heldOut.unsoundBecause !== undefined) return;
  const confidence = 0.95;
  const found = smallestGuaranteedRisk(heldOut, confidence);
  if (found === undefined) {
    log(`The ${heldOut.pictures} held-out pictures prove nothing about any threshold.`);
    return;
  }
  log(`Guaranteed-risk=${found.risk.toFixed(6)}`);
  log(`Guaranteed-threshold=${found.threshold.toFixed(6)}`);
  log(
    `At this threshold ${found.accepted} of ${heldOut.pictures} held-out pictures pass, ${found.wrong} of them wrong: with a confidence of ${confidence} at most ${(100 * found.risk).toFixed(2)} % of what passes is wrong.`,
  );
}

/** As AWS prints dictionaries: {'a': 1, 'b': 'c'}. */
export function pythonDictionary(value: object): string {
  const shown = (one: unknown): string => {
    if (typeof one === "string") return `'${one.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
    if (typeof one === "boolean") return one ? "True" : "False";
    // Python uses an exponent below 1e-4, of two digits at least.
    if (typeof one === "number" && one !== 0 && Math.abs(one) < 1e-4) {
      return one.toExponential().replace(/-(\d)$/, "-0$1");
    }
    if (Array.isArray(one)) return `[${one.map(shown).join(", ")}]`;
    return one === undefined || one === null ? "None" : String(one);
  };
  return `{${Object.entries(value)
    .map(([name, one]) => `'${name}': ${shown(one)}`)
    .join(", ")}}`;
}
