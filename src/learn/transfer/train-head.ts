import { balanceOf } from "../data/balance.ts";
import { labelsOf, type PictureSet } from "../data/picture-set.ts";
import { randomFrom, shuffled } from "../random.ts";
import type { Scored } from "../risk.ts";
import type { Task } from "../task/task.ts";
import type { ExtractedFeatures } from "./extract-features.ts";
import { type Classifier, logitsOf, regression } from "./logistic-regression.ts";

// The head of a backbone: a logistic regression on its features, whose penalty is chosen by cross-validation on the training pictures.

export interface TrainedHead {
  classifier: Classifier;
  penalty: number;
  /** Answers for training pictures of classifiers that had not seen them: to calibrate by. */
  outOfFold: Scored;
  /** Of each penalty: mean loss and accuracy on pictures that were left out. */
  path: { penalty: number; loss: number; accuracy: number }[];
}

export interface HeadOptions {
  task: Task;
  threads: number;
  seed: number;
  balanceClasses: boolean;
  log(line: string): void;
}

const penalties = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001];
const folds = 5;

/** `features` are of all pictures of the set and then of their mirror images; `indices` are the pictures that are trained on. */
export async function trainHead(
  { features, set, indices }: { features: ExtractedFeatures; set: PictureSet; indices: Uint32Array },
  options: HeadOptions,
): Promise<TrainedHead> {
  const { task, threads, seed, log } = options;
  const { classes } = task;
  const count = indices.length;
  const { width } = features;
  const truth = labelsOf(set, indices);
  const rows = new Float32Array(2 * count * width);
  indices.forEach((index, n) => {
    for (const [row, at] of [
      [index, n],
      [set.count + index, count + n],
    ] as const) {
      rows.set(features.values.subarray(row * width, (row + 1) * width), at * width);
    }
  });
  const labels = Int32Array.from({ length: 2 * truth.length }, (_, i) => truth[i % truth.length]!);
  const problem = await regression({ values: rows, width, labels }, { task, threads });
  const foldOf = stratifiedFolds(task.strataOf(truth), seed);
  const { factors, isNeeded } = balanceOf(truth, classes);
  const weights = Float64Array.from({ length: 2 * count }, (_, row) =>
    options.balanceClasses && isNeeded ? factors[truth[row % count]!]! : 1,
  );
  const plain = rows.subarray(0, count * width);

  const path: (TrainedHead["path"][number] & { logits: Float64Array })[] = [];
  for (const penalty of penalties) {
    const logits = new Float64Array(count * classes);
    for (let fold = 0; fold < folds; fold++) {
      const rowWeights = weights.map((weight, row) => (foldOf[row % count] === fold ? 0 : weight));
      const all = logitsOf(await problem.fit(rowWeights, penalty), { values: plain, width });
      for (let n = 0; n < count; n++) {
        if (foldOf[n] === fold) logits.set(all.subarray(n * classes, (n + 1) * classes), n * classes);
      }
    }
    const { loss, accuracy } = task.score(logits, truth);
    path.push({ penalty, loss, accuracy, logits });
    log(`Cross-validation with a penalty of ${penalty}: loss ${loss.toFixed(4)}, accuracy ${accuracy.toFixed(4)}`);
    // Weaker penalties only fit the training pictures closer once the loss has risen this far.
    if (loss > 1.5 * Math.min(...path.map((one) => one.loss))) break;
  }
  const best = path.reduce((least, one) => (one.loss < least.loss ? one : least));
  const classifier = await problem.fit(weights, best.penalty);
  return {
    classifier,
    penalty: best.penalty,
    outOfFold: { logits: best.logits, truth },
    path: path.map(({ penalty, loss, accuracy }) => ({ penalty, loss, accuracy })),
  };
}

/** Every class spreads evenly over the folds. */
function stratifiedFolds(strata: ArrayLike<number>, seed: number): Uint8Array {
  const foldOf = new Uint8Array(strata.length);
  const seen = new Map<number, number>();
  for (const n of shuffled(strata.length, randomFrom(seed, 6))) {
    const place = seen.get(strata[n]!) ?? 0;
    foldOf[n] = place % folds;
    seen.set(strata[n]!, place + 1);
  }
  return foldOf;
}
