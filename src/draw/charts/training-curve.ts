import { classColours, ink, mutedInk } from "../palette.ts";
import { type ChartSpec, schema, theme } from "./chart.ts";

/** One epoch of a training; what was not measured is absent. */
export interface TrainingEpoch {
  epoch: number;
  trainAccuracy?: number;
  heldOutAccuracy?: number;
  trainLoss?: number;
  heldOutLoss?: number;
}

export interface TrainingChart {
  title?: string;
  /** What the held-out pictures are called, such as `validation`. */
  heldOutName?: string;
  /** The epoch whose weights were kept; when absent, the first with the best held-out accuracy. */
  keptEpoch?: number;
}

/** Accuracy above, loss below, over the same epochs; the kept epoch is marked in both. */
export function trainingCurve(
  epochs: readonly TrainingEpoch[],
  { title = "Training", heldOutName = "held out", keptEpoch }: TrainingChart = {},
): ChartSpec {
  const kept = epochs.find((row) => row.epoch === keptEpoch) ?? bestOf(epochs);
  const names: [string, string] = ["train", heldOutName];
  const accuracy = epochs.flatMap((row) => [
    ...(row.trainAccuracy === undefined ? [] : [{ epoch: row.epoch, series: names[0], value: row.trainAccuracy }]),
    ...(row.heldOutAccuracy === undefined ? [] : [{ epoch: row.epoch, series: names[1], value: row.heldOutAccuracy }]),
  ]);
  const loss = epochs.flatMap((row) => [
    ...(row.trainLoss === undefined ? [] : [{ epoch: row.epoch, series: names[0], value: row.trainLoss }]),
    ...(row.heldOutLoss === undefined ? [] : [{ epoch: row.epoch, series: names[1], value: row.heldOutLoss }]),
  ]);
  return {
    $schema: schema,
    config: theme,
    title: { text: title, subtitle: numbers(epochs, kept, heldOutName) },
    vconcat: [
      ...(accuracy.length > 0
        ? [panel(accuracy, { names, yTitle: "accuracy", height: 240, kept, isPercent: true })]
        : []),
      ...(loss.length > 0 ? [panel(loss, { names, yTitle: "loss", height: 150, kept, isPercent: false })] : []),
    ],
    spacing: 22,
  } as unknown as ChartSpec;
}

interface Value {
  epoch: number;
  series: string;
  value: number;
}

function panel(
  values: Value[],
  look: {
    names: [string, string];
    yTitle: string;
    height: number;
    kept: TrainingEpoch | undefined;
    isPercent: boolean;
  },
) {
  const { names, yTitle, height, kept, isPercent } = look;
  const [dots, top] = [values.length <= 80, Math.max(...values.map(({ value }) => value))];
  const low = Math.min(...values.map(({ value }) => value));
  const domain = isPercent
    ? [Math.floor(low * 20) / 20, Math.min(1, Math.ceil(top * 20 + 0.2) / 20)]
    : [0, top * 1.08 || 1];
  const x = {
    field: "epoch",
    type: "quantitative",
    title: "epoch",
    axis: { tickMinStep: 1, grid: false, format: "d" },
    scale: { nice: false, zero: false },
  };
  // Both panels carry the same legend, so that it is drawn once; the dashes tell the lines apart without colour.
  const legend = { title: null, symbolType: "stroke", symbolSize: 420, symbolStrokeWidth: 2.4 };
  const color = {
    field: "series",
    type: "nominal",
    scale: { domain: names, range: [classColours[0], classColours[1]] },
    legend,
  };
  const strokeDash = {
    field: "series",
    type: "nominal",
    scale: {
      domain: names,
      range: [
        [5, 3],
        [1, 0],
      ],
    },
    legend,
  };
  return {
    width: 700,
    height,
    data: { values },
    layer: [
      ...(kept
        ? [
            {
              data: { values: [{ epoch: kept.epoch }] },
              mark: { type: "rule", color: mutedInk, strokeDash: [2, 3] },
              encoding: { x },
            },
            ...(isPercent
              ? [
                  {
                    data: { values: [{ epoch: kept.epoch, label: `kept: epoch ${kept.epoch}` }] },
                    mark: {
                      type: "text",
                      align: "right",
                      dx: -6,
                      baseline: "bottom",
                      dy: -6,
                      color: ink,
                      fontSize: 11,
                    },
                    encoding: { x, y: { value: height }, text: { field: "label" } },
                  },
                ]
              : []),
          ]
        : []),
      {
        mark: { type: "line", strokeWidth: 2.2, interpolate: "linear" },
        encoding: {
          x,
          y: {
            field: "value",
            type: "quantitative",
            title: yTitle,
            scale: { domain, zero: !isPercent, nice: false },
            axis: isPercent ? { format: ".0%" } : {},
          },
          color,
          strokeDash,
        },
      },
      ...(dots
        ? [
            {
              mark: { type: "point", filled: true, size: 26, opacity: 1 },
              encoding: {
                x,
                y: { field: "value", type: "quantitative" },
                color,
              },
            },
          ]
        : []),
    ],
  };
}

function bestOf(epochs: readonly TrainingEpoch[]): TrainingEpoch | undefined {
  const measured = epochs.filter((row) => row.heldOutAccuracy !== undefined);
  return measured.reduce<TrainingEpoch | undefined>(
    (best, row) =>
      best === undefined || (row.heldOutAccuracy as number) > (best.heldOutAccuracy as number) ? row : best,
    undefined,
  );
}

function numbers(epochs: readonly TrainingEpoch[], kept: TrainingEpoch | undefined, heldOutName: string): string {
  if (epochs.length === 0) return "no epoch has ended yet";
  const last = epochs.at(-1) as TrainingEpoch;
  const parts = [`${epochs.length} epoch${epochs.length === 1 ? "" : "s"}`];
  if (kept?.heldOutAccuracy !== undefined)
    parts.push(`${heldOutName} accuracy ${kept.heldOutAccuracy.toFixed(4)} at epoch ${kept.epoch}`);
  if (last.trainAccuracy !== undefined) parts.push(`last train accuracy ${last.trainAccuracy.toFixed(4)}`);
  if (last.trainLoss !== undefined) parts.push(`last train loss ${last.trainLoss.toFixed(4)}`);
  return parts.join(" · ");
}
