import { evaluationOf } from "../evaluation.ts";
import { probabilitiesOf } from "../metrics.ts";
import type { Task } from "./task.ts";

/** Every picture shows one of the classes: the data give its number. */
export function oneLabel(classes: number): Task {
  const task: Task = {
    classes,

    columns: 1,
    most: classes - 1,
    rule: `with num_classes=${classes} labels are 0 to ${classes - 1}`,
    sizesOf(labels) {
      const sizes = new Array<number>(classes).fill(0);
      for (let n = 0; n < labels.length; n++) sizes[labels[n]!]!++;
      return sizes;
    },
    strataOf: (labels) => labels,
    nameOf: (row, names) => names[row[0]!]!,

    outcomes: classes,
    fillTarget(target, row, smoothing) {
      target.fill(smoothing / classes);
      target[row[0]!]! += 1 - smoothing;
    },
    // As on AWS: pictures of rare classes are shown more often instead (`balanceOf`).
    weighted: () => task,
    lossOf: (operators, logits, target) => operators.crossEntropy(logits, target),
    appendLoss(writer, logits, target) {
      const products = writer.node("Mul", [target, writer.node("LogSoftmax", [logits], { attributes: { axis: 1 } })]);
      const sum = writer.node("ReduceSum", [products, writer.integers([0, 1])], { attributes: { keepdims: 0 } });
      const rowWeights = writer.node("ReduceSum", [target, writer.integers([1])], { attributes: { keepdims: 1 } });
      const expected = writer.node("Mul", [writer.node("Softmax", [logits], { attributes: { axis: 1 } }), rowWeights]);
      return { loss: writer.node("Neg", [sum]), gradient: writer.node("Sub", [expected, target]) };
    },

    probabilitiesOf: (logits, temperature) => probabilitiesOf(logits, classes, temperature),
    appendProbabilities(writer, logits) {
      writer.node("Softmax", [logits], { attributes: { axis: 1 }, names: ["probabilities"] });
      writer.output("probabilities", ["N", classes]);
    },
    score(logits, truth, topK) {
      let [right, loss, among] = [0, 0, 0];
      for (let n = 0; n < truth.length; n++) {
        const own = logits[n * classes + truth[n]!]!;
        let most = Number.NEGATIVE_INFINITY;
        let [choice, better] = [0, 0];
        for (let k = 0; k < classes; k++) {
          const value = logits[n * classes + k]!;
          if (value > most) [most, choice] = [value, k];
          if (value > own) better++;
        }
        let sum = 0;
        for (let k = 0; k < classes; k++) sum += Math.exp(logits[n * classes + k]! - most);
        loss += most + Math.log(sum) - own;
        if (choice === truth[n]) right++;
        if (topK !== undefined && better < topK) among++;
      }
      const count = Math.max(1, truth.length);
      return {
        accuracy: right / count,
        loss: loss / count,
        ...(topK === undefined ? {} : { topKAccuracy: among / count }),
      };
    },
    evaluationOf,
  };
  return task;
}
