import { classColours, ink, mutedInk } from "../palette.ts";
import { type ChartSpec, schema, theme } from "./chart.ts";

/** One epoch of a training; what was not measured is absent. */
export interface TrainingEpoch {
  epoch: number;
  /** Where several networks were trained one after the other: which of them. Lines end with each. */
  network?: number;
  trainAccuracy?: number;
  heldOutAccuracy?: number;
  trainLoss?: number;
  heldOutLoss?: number;
}

export interface TrainingChart {
  title?: string;
  /** What the held-out pictures are called, such as `validation`. */
  heldOutName?: string;
  /** The epochs whose weights were kept, one of each network; when absent, the first with the best held-out accuracy. */
  keptEpochs?: readonly number[];
}

/** Accuracy above, loss below, over the same epochs; the kept epoch is marked in both. */
export function trainingCurve(
  epochs: readonly TrainingEpoch[],
  { title = "Training", heldOutName = "held out", keptEpochs = [] }: TrainingChart = {},
): ChartSpec {
  const marked = epochs.filter((row) => keptEpochs.includes(row.epoch));
  const kept = marked.length > 0 ? marked : bestOf(epochs);
  const names: [string, string] = ["train", heldOutName];
  const valuesOf = (pick: (row: TrainingEpoch) => [number | undefined, number | undefined]) =>
    epochs.flatMap((row) =>
      pick(row).flatMap((value, i): Value[] =>
        value === undefined ? [] : [{ epoch: row.epoch, network: row.network ?? 1, series: names[i]!, value }],
      ),
    );
  const accuracy = valuesOf((row) => [row.trainAccuracy, row.heldOutAccuracy]);
  const loss = valuesOf((row) => [row.trainLoss, row.heldOutLoss]);
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

/** The last epoch of each network. */
export function lastEpochs(curve: readonly { epoch: number; network?: number }[]): number[] {
  return curve
    .filter((one, i) => one.network !== curve[i + 1]?.network || i === curve.length - 1)
    .map(({ epoch }) => epoch);
}

/** Kept epochs of more networks are marked without their numbers, which would overlap. */
const mostNamed = 5;

interface Value {
  epoch: number;
  network: number;
  series: string;
  value: number;
}

function panel(
  values: Value[],
  look: {
    names: [string, string];
    yTitle: string;
    height: number;
    kept: readonly TrainingEpoch[];
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
      ...(kept.length > 0
        ? [
            {
              data: { values: kept.map(({ epoch }) => ({ epoch })) },
              mark: { type: "rule", color: mutedInk, strokeDash: [2, 3] },
              encoding: { x },
            },
            ...(isPercent && kept.length <= mostNamed
              ? [
                  {
                    data: { values: kept.map(({ epoch }) => ({ epoch, label: `kept: epoch ${epoch}` })) },
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
          detail: { field: "network", type: "nominal" },
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

function bestOf(epochs: readonly TrainingEpoch[]): TrainingEpoch[] {
  const best = Math.max(...epochs.map((row) => row.heldOutAccuracy ?? Number.NEGATIVE_INFINITY));
  return epochs.filter((row) => row.heldOutAccuracy === best).slice(0, 1);
}

function numbers(epochs: readonly TrainingEpoch[], kept: readonly TrainingEpoch[], heldOutName: string): string {
  if (epochs.length === 0) return "no epoch has ended yet";
  const last = epochs.at(-1) as TrainingEpoch;
  const networks = new Set(epochs.map((row) => row.network ?? 1)).size;
  const parts = [
    `${epochs.length} epoch${epochs.length === 1 ? "" : "s"}${networks === 1 ? "" : ` of ${networks} networks`}`,
  ];
  const measured = kept.filter((row) => row.heldOutAccuracy !== undefined);
  const accuracies = measured.map((row) => row.heldOutAccuracy as number);
  if (measured.length === 1)
    parts.push(`${heldOutName} accuracy ${accuracies[0]?.toFixed(4)} at epoch ${measured[0]?.epoch}`);
  if (measured.length > 1) {
    const [least, most] = [Math.min(...accuracies), Math.max(...accuracies)];
    parts.push(`${heldOutName} accuracy of each alone ${least.toFixed(4)} to ${most.toFixed(4)}`);
  }
  if (last.trainAccuracy !== undefined) parts.push(`last train accuracy ${last.trainAccuracy.toFixed(4)}`);
  if (last.trainLoss !== undefined) parts.push(`last train loss ${last.trainLoss.toFixed(4)}`);
  return parts.join(" · ");
}
