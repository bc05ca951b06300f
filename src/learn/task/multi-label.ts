import { multiLabelEvaluationOf } from "../evaluation.ts";
import { appendBinaryLoss } from "../graph/binary-loss.ts";
import { labelProbabilities, lossOfLabels } from "../multi-label-metrics.ts";
import type { MultiLabel, Task } from "./task.ts";

/** Nothing counts more: a few pictures of a very rare class would drown all others. */
const mostWeight = 20;

/** A picture shows any number of the classes, or none: the data give a 0 or a 1 for each of them. */
export function multiLabel(classes: number, given: MultiLabel = {}): Task {
  const { weights } = given;
  const sizesOf = (labels: ArrayLike<number>) => {
    const sizes = new Array<number>(classes).fill(0);
    for (let i = 0; i < labels.length; i++) sizes[i % classes]! += labels[i]!;
    return sizes;
  };
  return {
    classes,
    multiLabel: given,

    columns: classes,
    most: 1,
    rule: `with multi_label=1 there is a 0 or a 1 for each of the ${classes} classes`,
    sizesOf,
    // A picture counts for the rarest of its classes: few pictures can be spared of that one. Those without any are a kind of their own.
    strataOf(labels) {
      const sizes = sizesOf(labels);
      return Int32Array.from({ length: labels.length / classes }, (_, n) => {
        let rarest = classes;
        for (let k = 0; k < classes; k++) {
          if (labels[n * classes + k] === 1 && !(sizes[rarest]! <= sizes[k]!)) rarest = k;
        }
        return rarest;
      });
    },
    nameOf: (row, names) => names.filter((_, k) => row[k] === 1).join(" and ") || "none",

    outcomes: 2 * classes,
    fillTarget(target, row, smoothing) {
      for (let k = 0; k < classes; k++) {
        const isThere = row[k] === 1;
        const weight = weights?.[isThere ? k : classes + k] ?? 1;
        target[k] = weight * (isThere ? 1 - smoothing / 2 : smoothing / 2);
        target[classes + k] = weight - target[k]!;
      }
    },
    // The pictures with a class count as much as those without it, and both together as much as without weights.
    weighted(labels) {
      const there = sizesOf(labels);
      const pictures = labels.length / classes;
      const sizes = [...there, ...there.map((size) => pictures - size)];
      return multiLabel(classes, { weights: sizes.map((size) => Math.min(mostWeight, pictures / (2 * size))) });
    },
    lossOf: (operators, logits, target) => operators.binaryCrossEntropy(logits, target),
    appendLoss: (writer, logits, target) => appendBinaryLoss(writer, { logits, target, classes }),

    probabilitiesOf: labelProbabilities,
    appendProbabilities(writer, logits) {
      writer.node("Sigmoid", [logits], { names: ["probabilities"] });
      writer.output("probabilities", ["N", classes]);
    },
    score(logits, truth) {
      const pictures = Math.max(1, truth.length / classes);
      let right = 0;
      for (let i = 0; i < truth.length; i++) if (logits[i]! >= 0 === (truth[i] === 1)) right++;
      const loss = lossOfLabels(logits, truth, { classes, weights });
      return { accuracy: right / (pictures * classes), loss: loss / pictures };
    },
    evaluationOf: (input) => multiLabelEvaluationOf(input, { classes, weights }),
  };
}
