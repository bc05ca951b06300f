import type { ModelWriter } from "../onnx/model-writer.ts";

/**
 * Appends the sum of the losses of rows of logits, each class on its own, and its gradient. Target: what it counts that a class is there, and
 * behind that, that it is not.
 */
export function appendBinaryLoss(
  writer: ModelWriter,
  { logits, target, classes }: { logits: string; target: string; classes: number },
): { loss: string; gradient: string } {
  const halves = { attributes: { axis: 1 }, outputs: 2 };
  const [there, absent] = writer.nodes("Split", [target, writer.integers([classes, classes])], halves);
  const either = writer.node("Add", [there!, absent!]);
  // -log(1 - p) is the softplus of the logit, and -log(p) that less the logit.
  const ofAbsence = writer.node("Mul", [either, writer.node("Softplus", [logits])]);
  const losses = writer.node("Sub", [ofAbsence, writer.node("Mul", [there!, logits])]);
  const expected = writer.node("Mul", [either, writer.node("Sigmoid", [logits])]);
  return {
    loss: writer.node("ReduceSum", [losses, writer.integers([0, 1])], { attributes: { keepdims: 0 } }),
    gradient: writer.node("Sub", [expected, there!]),
  };
}
