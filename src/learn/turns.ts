import { type Layout, type Network, withOutputs } from "./network.ts";
import { oneLabel } from "./task/one-label.ts";
import type { Task } from "./task/task.ts";

// Few pictures teach more when more is asked about each of them. While a network is trained, a picture is shown as it is or turned by
// one, two or three quarters, and the network must tell its class and its turn together; to tell turns it has to learn what is up in
// each class, and what its parts are. Of its outputs only those for pictures as they are stay in the model, which answers as fast as any
// other: "self-supervised label augmentation", Lee, Hwang and Shin, ICML 2020 (arXiv 1910.05872).

/** In how many ways a picture is shown. */
export type Turns = 1 | 4;

/** What a network is trained on, which may be more than it will be asked. */
export interface Lesson {
  /** With an output for each class as it is, then for each class turned once, and so on. */
  network: Network;
  task: Task;
  /** The row of the lesson's task for a picture that is shown with so many quarter turns. */
  rowOf(labels: ArrayLike<number>, turn: number): ArrayLike<number>;
}

/** The lesson from which `network` learns `task`; itself, when pictures are not turned. */
export function lessonOf(network: Network, task: Task, turns: Turns): Lesson {
  if (turns === 1) return { network, task, rowOf: (labels) => labels };
  const { classes } = task;
  return {
    network: withOutputs(network, classes * turns),
    task: oneLabel(classes * turns),
    rowOf: (labels, turn) => [turn * classes + labels[0]!],
  };
}

/** Of the parameters of a lesson's network, in plain order, those that stay: each keeps its first rows. */
export function withoutTurns(parameters: Float32Array, trained: Layout, kept: Layout): Float32Array {
  const result = new Float32Array(kept.total);
  kept.parameters.forEach(({ offset, size }, index) => {
    const from = trained.parameters[index]!.offset;
    result.set(parameters.subarray(from, from + size), offset);
  });
  return result;
}

/** Of rows of a lesson's logits those of the turn that each picture had. */
export function logitsOfTurns(logits: Float32Array, turns: ArrayLike<number>, classes: number): Float32Array {
  const outputs = logits.length / turns.length;
  const result = new Float32Array(turns.length * classes);
  for (let n = 0; n < turns.length; n++) {
    const from = n * outputs + turns[n]! * classes;
    result.set(logits.subarray(from, from + classes), n * classes);
  }
  return result;
}
