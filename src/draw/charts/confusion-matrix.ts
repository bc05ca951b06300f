import { ink } from "../palette.ts";
import { type ChartSpec, percent, schema, theme } from "./chart.ts";

export interface ConfusionMatrix {
  classNames: readonly string[];
  /** `counts[actual][predicted]`. */
  counts: readonly (readonly number[])[];
}

/** Rows are what it was, columns what the model said; the shade is the share of the row, so rare classes show as well. */
export function confusionMatrix(
  { classNames, counts }: ConfusionMatrix,
  { title = "Confusion matrix" }: { title?: string } = {},
): ChartSpec {
  const cells = classNames.flatMap((actual, row) =>
    classNames.map((predicted, column) => {
      const count = counts[row]?.[column] ?? 0;
      const total = (counts[row] ?? []).reduce((sum, value) => sum + value, 0);
      return {
        actual,
        predicted,
        count,
        share: total === 0 ? 0 : count / total,
        label: total === 0 ? "-" : percent(count / total),
      };
    }),
  );
  const total = cells.reduce((sum, cell) => sum + cell.count, 0);
  const correct = cells.filter((cell) => cell.actual === cell.predicted).reduce((sum, cell) => sum + cell.count, 0);
  const step = classNames.length <= 3 ? 118 : classNames.length <= 6 ? 88 : 64;
  const x = {
    field: "predicted",
    type: "nominal",
    sort: [...classNames],
    title: "predicted",
    axis: {
      orient: "top",
      labelAngle: 0,
      labelFontSize: 12,
      labelColor: ink,
      domain: false,
      ticks: false,
      labelLimit: step,
    },
  };
  const y = {
    field: "actual",
    type: "nominal",
    sort: [...classNames],
    title: "actual",
    axis: { labelFontSize: 12, labelColor: ink, domain: false, ticks: false },
  };
  const textColour = { condition: { test: "datum.share > 0.5", value: "white" }, value: ink };
  return {
    $schema: schema,
    config: theme,
    width: { step },
    height: { step: Math.round(step * 0.72) },
    data: { values: cells },
    title: {
      text: title,
      subtitle:
        total === 0
          ? "no pictures"
          : `n = ${total} · ${correct} right (accuracy ${(correct / total).toFixed(4)}) · ${total - correct} wrong`,
    },
    layer: [
      {
        mark: { type: "rect", stroke: "white", strokeWidth: 3, cornerRadius: 5 },
        encoding: {
          x,
          y,
          color: {
            field: "share",
            type: "quantitative",
            scale: { domain: [0, 1], range: ["#EEF3F8", "#0B4F8A"], type: "linear" },
            legend: null,
          },
        },
      },
      {
        mark: { type: "text", dy: -8, fontSize: 17, fontWeight: "bold" },
        encoding: { x, y, text: { field: "count" }, color: textColour },
      },
      { mark: { type: "text", dy: 12, fontSize: 11 }, encoding: { x, y, text: { field: "label" }, color: textColour } },
    ],
  } as ChartSpec;
}
