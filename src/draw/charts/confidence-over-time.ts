import { faintInk, ink, warning } from "../palette.ts";
import { type ChartSpec, classEncoding, percent, schema, theme } from "./chart.ts";

export interface ConfidencePoint {
  timeMs: number;
  confidence: number;
  /** The predicted class. */
  className: string;
  eventId?: string;
}

export interface ConfidenceChart {
  threshold: number;
  /** All classes in label order, so that colours stay the same from chart to chart. */
  classNames: readonly string[];
  title?: string;
}

/** Above this many a cloud of dots says less than the band of its quantiles. */
export const mostDots = 5000;

/** Every record is a dot: colour and shape by class, the axis from the data, the threshold as a line. */
export function confidenceOverTime(
  points: readonly ConfidencePoint[],
  { threshold, classNames, title = "Confidence over time" }: ConfidenceChart,
): ChartSpec {
  const confidences = points.map((point) => point.confidence);
  const lowest = points.reduce((low, point) => Math.min(low, point.confidence), 1);
  const floor = axisFloor(Math.min(lowest, threshold));
  const below = confidences.filter((confidence) => confidence < threshold).length;
  const y = {
    field: "confidence",
    type: "quantitative",
    title: "confidence",
    scale: { domain: [floor, 1.005], nice: false, zero: false },
  } as const;
  return {
    $schema: schema,
    config: theme,
    width: 760,
    height: 340,
    title: { text: title, subtitle: confidenceNumbers(points.length, below, threshold, lowest) },
    layer: [
      {
        data: { values: [{ from: floor, to: threshold }] },
        mark: { type: "rect", color: warning, opacity: 0.06 },
        encoding: { y: { field: "from", type: "quantitative" }, y2: { field: "to" } },
      },
      ...(points.length > mostDots ? [band(points, y)] : [dots(points, y, { threshold, classNames })]),
      {
        data: { values: [{ threshold }] },
        mark: { type: "rule", color: warning, strokeDash: [6, 4], strokeWidth: 1.6 },
        encoding: { y: { field: "threshold", type: "quantitative" } },
      },
      {
        data: { values: [{ threshold, label: `threshold ${threshold}` }] },
        mark: {
          type: "text",
          align: "left",
          baseline: "bottom",
          dx: 6,
          dy: -4,
          color: warning,
          fontSize: 11,
          fontWeight: "bold",
        },
        encoding: { y: { field: "threshold", type: "quantitative" }, x: { value: 0 }, text: { field: "label" } },
      },
    ],
  } as ChartSpec;
}

/** Every chart of confidence states the same numbers. */
export function confidenceNumbers(count: number, below: number, threshold: number, lowest: number): string {
  if (count === 0) return "no captures";
  return `n = ${count} · ${below} below ${threshold} (${percent(below / count)}) · lowest ${lowest.toFixed(3)}`;
}

function dots(
  points: readonly ConfidencePoint[],
  y: object,
  { threshold, classNames }: { threshold: number; classNames: readonly string[] },
) {
  const scales = classEncoding(classNames);
  return {
    data: {
      values: points.map(({ timeMs, confidence, className, eventId }) => ({
        time: new Date(timeMs).toISOString(),
        confidence,
        className,
        ...(eventId && { eventId }),
      })),
    },
    mark: { type: "point", filled: true, size: 64, opacity: 0.85, strokeWidth: 1.2 },
    encoding: {
      x: timeAxis(points),
      y,
      color: { field: "className", type: "nominal", scale: scales.color, legend: { title: null } },
      shape: { field: "className", type: "nominal", scale: scales.shape, legend: { title: null } },
      stroke: { condition: { test: `datum.confidence < ${threshold}`, value: ink }, value: "white" },
      tooltip: [
        { field: "className", title: "class" },
        { field: "confidence", format: ".4f" },
        { field: "time" },
        { field: "eventId" },
      ],
    },
  };
}

function band(points: readonly ConfidencePoint[], y: { field: string; type: string; title: string; scale: object }) {
  const ordered = points.toSorted((a, b) => a.timeMs - b.timeMs);
  const buckets = 200;
  const [first, last] = [ordered[0]?.timeMs ?? 0, ordered.at(-1)?.timeMs ?? 0];
  const groups = new Map<number, ConfidencePoint[]>();
  for (const point of ordered) {
    const bucket = Math.min(buckets - 1, Math.floor(((point.timeMs - first) / Math.max(1, last - first)) * buckets));
    const group = groups.get(bucket);
    if (group) group.push(point);
    else groups.set(bucket, [point]);
  }
  const values = [...groups].map(([bucket, group]) => {
    const sorted = group.map((point) => point.confidence).sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] as number;
    return {
      time: new Date(first + ((bucket + 0.5) / buckets) * (last - first)).toISOString(),
      lowest: at(0),
      quarter: at(0.25),
      confidence: at(0.5),
      threeQuarters: at(0.75),
      highest: at(1),
    };
  });
  const x = timeAxis(points);
  return {
    data: { values },
    layer: [
      {
        mark: { type: "area", color: "#0072B2", opacity: 0.14 },
        encoding: { x, y: { ...y, field: "lowest" }, y2: { field: "highest" } },
      },
      {
        mark: { type: "area", color: "#0072B2", opacity: 0.3 },
        encoding: { x, y: { ...y, field: "quarter" }, y2: { field: "threeQuarters" } },
      },
      { mark: { type: "line", color: "#0072B2", strokeWidth: 1.6 }, encoding: { x, y } },
    ],
  };
}

function timeAxis(points: readonly ConfidencePoint[]) {
  const [first, last] = points.reduce(
    ([low, high], { timeMs }) => [Math.min(low, timeMs), Math.max(high, timeMs)],
    [Infinity, -Infinity],
  );
  const span = last - first;
  const format =
    span < 120_000 ? "%H:%M:%S" : span < 86_400_000 ? "%H:%M" : span < 200 * 86_400_000 ? "%d %b" : "%b %Y";
  const pad = Math.max(1000, span * 0.02);
  const domain =
    points.length === 0 ? undefined : [new Date(first - pad).toISOString(), new Date(last + pad).toISOString()];
  const day = points.length === 0 ? "" : span < 86_400_000 ? `${new Date(first).toISOString().slice(0, 10)}, ` : "";
  return {
    field: "time",
    type: "temporal",
    title: `${day}time (UTC)`,
    scale: { type: "utc", ...(domain && { domain }) },
    axis: { format, gridColor: faintInk, tickCount: 8, labelOverlap: true },
  };
}

/** A little below the lowest value, on a round step: the axis starts where the data starts. */
export function axisFloor(lowest: number): number {
  const step = lowest > 0.9 ? 0.01 : lowest > 0.6 ? 0.02 : 0.05;
  return Math.max(0, Math.round(Math.floor(lowest / step - 0.35) * step * 1000) / 1000);
}
