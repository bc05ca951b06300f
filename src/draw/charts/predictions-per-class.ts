import { ink, mutedInk } from "../palette.ts";
import { type ChartSpec, percent, schema, theme } from "./chart.ts";
import { type ConfidenceChart, type ConfidencePoint, confidenceNumbers } from "./confidence-over-time.ts";

/** One bar per class, divided into sure and unsure; classes that were never predicted keep their empty row. */
export function predictionsPerClass(
  points: readonly ConfidencePoint[],
  { threshold, classNames, title = "Predictions per class" }: ConfidenceChart,
): ChartSpec {
  const rows = classNames.map((className) => {
    const own = points.filter((point) => point.className === className);
    const unsure = own.filter((point) => point.confidence < threshold).length;
    return { className, total: own.length, unsure, sure: own.length - unsure };
  });
  const [sureName, unsureName] = [`at least ${threshold}`, `below ${threshold}`];
  const values = rows.flatMap(({ className, sure, unsure }) => [
    { className, part: sureName, count: sure, order: 0 },
    { className, part: unsureName, count: unsure, order: 1 },
  ]);
  const labels = rows.map(({ className, total, unsure }) => ({
    className,
    total,
    label: total === 0 ? "none" : `${total} (${percent(total / Math.max(1, points.length))}), ${unsure} below`,
  }));
  const lowest = points.reduce((low, point) => Math.min(low, point.confidence), 1);
  const most = Math.max(1, ...rows.map((row) => row.total));
  const y = {
    field: "className",
    type: "nominal",
    sort: [...classNames],
    title: null,
    axis: { labelFontSize: 13, labelColor: ink, ticks: false, domain: false },
  };
  return {
    $schema: schema,
    config: theme,
    width: 620,
    height: { step: 46 },
    title: {
      text: title,
      subtitle: confidenceNumbers(
        points.length,
        rows.reduce((sum, row) => sum + row.unsure, 0),
        threshold,
        lowest,
      ),
    },
    layer: [
      {
        data: { values },
        mark: { type: "bar", height: { band: 0.62 }, cornerRadius: 2 },
        encoding: {
          y,
          x: {
            field: "count",
            type: "quantitative",
            title: "records",
            stack: "zero",
            scale: { domain: [0, most * 1.34] },
            axis: { tickMinStep: 1 },
          },
          order: { field: "order", type: "ordinal" },
          color: {
            field: "part",
            type: "nominal",
            scale: { domain: [sureName, unsureName], range: ["#0072B2", "#E8A33D"] },
            legend: { title: null, symbolType: "square" },
          },
        },
      },
      {
        data: { values: labels },
        mark: { type: "text", align: "left", dx: 8, fontSize: 12, color: mutedInk },
        encoding: { y, x: { field: "total", type: "quantitative" }, text: { field: "label" } },
      },
    ],
  } as ChartSpec;
}
