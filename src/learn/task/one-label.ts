import type { Task } from "./task.ts";

/** Every picture shows one of the classes: the data give its number. */
export function oneLabel(classes: number): Task {
  return {
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
    lossOf: (operators, logits, target) => operators.crossEntropy(logits, target),
  };
}
