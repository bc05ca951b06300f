import { plot, type TextSeries } from "../../draw/text.ts";
import type { Terminal } from "../terminal.ts";
import type { CurvePoint, TrainedModel } from "./train.ts";

/** Shows where a running job is: the latest epoch's accuracy, or what its log last said before there is one. What it warns of stays in sight. */
export function trainingProgress(terminal: Terminal, line: string, curve: CurvePoint[]): void {
  const text = line.replace(/^\[[^\]]*\]\s*/, "");
  if (text.startsWith("Warning: ")) {
    terminal.note(`    ${text}`);
    return;
  }
  const last = curve.at(-1);
  if (!last) {
    terminal.progress(text);
    return;
  }
  const selection = curve.findLast((point) => point.selectionAccuracy !== undefined)?.selectionAccuracy;
  terminal.progress(
    [
      `epoch ${last.epoch}`,
      `train accuracy ${last.trainAccuracy?.toFixed(3) ?? "-"}`,
      ...(selection === undefined ? [] : [`on kept-away pictures ${selection.toFixed(3)}`]),
      ...(/ETA \d+ s/.exec(line) ?? []),
    ].join("  "),
  );
}

export function describeTraining(model: TrainedModel): string {
  const accuracy = (name: string): string => model.metrics[name]?.toFixed(3) ?? "-";
  return `${model.curve.length} epochs, accuracy ${accuracy("train:accuracy")} in training, ${accuracy("held_out:accuracy")} on kept-away pictures, ${accuracy("validation:accuracy")} on test pictures`;
}

/** The curve as letters, for the summary. */
export function curveInText(curve: CurvePoint[]): string[] {
  const series = (name: string, pick: (point: CurvePoint) => number | undefined): TextSeries => ({
    name,
    isLine: true,
    points: curve.flatMap((point) => {
      const value = pick(point);
      return value === undefined ? [] : [[point.epoch, value] as const];
    }),
  });
  return plot(
    [
      series("train", (point) => point.trainAccuracy),
      series("kept-away train pictures", (point) => point.selectionAccuracy),
    ],
    {
      width: 72,
      height: 12,
      yLabel: "accuracy",
      xLabel: "epoch",
    },
  );
}
