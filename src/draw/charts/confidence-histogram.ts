import { warning } from "../palette.ts";
import { type ChartSpec, classEncoding, schema, theme } from "./chart.ts";
import { axisFloor, type ConfidenceChart, type ConfidencePoint, confidenceNumbers } from "./confidence-over-time.ts";

interface Bar {
  from: number;
  to: number;
  className: string;
  /** Stacked: records of classes before this one in the same bin. */
  low: number;
  high: number;
}

/** Counts per bin, stacked by class. A bin border lies on the threshold, so no bar stands on both sides of it. */
export function confidenceHistogram(
  points: readonly ConfidencePoint[],
  { threshold, classNames, title = "Distribution of confidence" }: ConfidenceChart,
): ChartSpec {
  const lowest = points.reduce((low, point) => Math.min(low, point.confidence), 1);
  const below = points.filter((point) => point.confidence < threshold).length;
  const floor = axisFloor(Math.min(lowest, threshold));
  const scales = classEncoding(classNames);
  const bars = barsOf(points, { threshold, classNames, floor });
  return {
    $schema: schema,
    config: theme,
    width: 760,
    height: 300,
    title: { text: title, subtitle: confidenceNumbers(points.length, below, threshold, lowest) },
    layer: [
      {
        data: { values: bars },
        mark: { type: "rect", stroke: "white", strokeWidth: 1 },
        encoding: {
          x: {
            field: "from",
            type: "quantitative",
            title: "confidence",
            scale: { domain: [floor, 1], nice: false, zero: false },
            axis: { grid: false, tickCount: 10, labelFlush: false },
          },
          x2: { field: "to" },
          y: {
            field: "low",
            type: "quantitative",
            title: "records",
            scale: { domainMax: Math.max(1, ...bars.map((bar) => bar.high)) * 1.12, nice: false },
            axis: { tickMinStep: 1 },
          },
          y2: { field: "high" },
          color: {
            field: "className",
            type: "nominal",
            scale: scales.color,
            legend: { title: null, symbolType: "square" },
          },
        },
      },
      {
        data: { values: [{ threshold }] },
        mark: { type: "rule", color: warning, strokeDash: [6, 4], strokeWidth: 1.6 },
        encoding: { x: { field: "threshold", type: "quantitative" } },
      },
      {
        data: { values: [{ threshold, label: `threshold ${threshold}` }] },
        mark: {
          type: "text",
          align: "right",
          baseline: "top",
          dx: -6,
          dy: 4,
          color: warning,
          fontSize: 11,
          fontWeight: "bold",
        },
        encoding: { x: { field: "threshold", type: "quantitative" }, y: { value: 0 }, text: { field: "label" } },
      },
    ],
  } as ChartSpec;
}

export function barsOf(
  points: readonly ConfidencePoint[],
  { threshold, classNames, floor }: { threshold: number; classNames: readonly string[]; floor: number },
): Bar[] {
  const width = [0.005, 0.01, 0.02, 0.025, 0.05].find((step) => (1 - floor) / step <= 26) ?? 0.05;
  const first = Math.floor((floor - threshold) / width - 1e-9);
  const last = Math.ceil((1 - threshold) / width - 1e-9);
  const bars: Bar[] = [];
  for (let bin = first; bin < last; bin++) {
    const [from, to] = [threshold + bin * width, threshold + (bin + 1) * width];
    let low = 0;
    for (const className of classNames) {
      // The last bin is closed: a confidence of exactly 1 is a confidence.
      const own = points.filter(
        (point) =>
          point.className === className && point.confidence >= from && (point.confidence < to || bin === last - 1),
      );
      if (own.length > 0)
        bars.push({ from: Math.max(floor, from), to: Math.min(1, to), className, low, high: low + own.length });
      low += own.length;
    }
  }
  return bars;
}
