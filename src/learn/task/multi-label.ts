import type { Task } from "./task.ts";

/** A picture shows any number of the classes, or none: the data give a 0 or a 1 for each of them. `weights` are of the outcomes; absent: 1. */
export function multiLabel(classes: number, weights?: readonly number[]): Task {
  const sizesOf = (labels: ArrayLike<number>) => {
    const sizes = new Array<number>(classes).fill(0);
    for (let i = 0; i < labels.length; i++) sizes[i % classes]! += labels[i]!;
    return sizes;
  };
  return {
    classes,
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
      for (let outcome = 0; outcome < 2 * classes; outcome++) {
        const isTrue = row[outcome % classes] === (outcome < classes ? 1 : 0);
        target[outcome] = (weights?.[outcome] ?? 1) * (smoothing / 2 + (isTrue ? 1 - smoothing : 0));
      }
    },
    lossOf: (operators, logits, target) => operators.binaryCrossEntropy(logits, target),
  };
}
