import { classColours, mutedInk } from "../palette.ts";
import { type ChartSpec, schema, theme } from "./chart.ts";

export interface ReliabilityPoint {
  pictures: number;
  /** Mean confidence of the bin, and the share of it that is right. */
  confidence: number;
  accuracy: number;
}

/** Whether answers are right as often as they say: on the diagonal they are. Large dots are many pictures. */
export function reliabilityDiagram(
  points: readonly ReliabilityPoint[],
  { title = "Reliability", calibrationError }: { title?: string; calibrationError: number },
): ChartSpec {
  const floor = Math.max(0, Math.floor(10 * Math.min(...points.map(({ confidence }) => confidence), 0.9)) / 10);
  const scale = { domain: [floor, 1] };
  const x = { field: "confidence", type: "quantitative", title: "confidence", scale, axis: { format: ".0%" } };
  const y = {
    field: "accuracy",
    type: "quantitative",
    title: "share that is right",
    scale: { domain: [Math.max(0, Math.min(floor, ...points.map(({ accuracy }) => accuracy - 0.05))), 1] },
    axis: { format: ".0%" },
  };
  const total = points.reduce((sum, { pictures }) => sum + pictures, 0);
  return {
    $schema: schema,
    config: theme,
    width: 360,
    height: 360,
    title: { text: title, subtitle: `n = ${total} · expected calibration error ${calibrationError.toFixed(4)}` },
    layer: [
      {
        data: {
          values: [
            { confidence: floor, accuracy: floor },
            { confidence: 1, accuracy: 1 },
          ],
        },
        mark: { type: "line", color: mutedInk, strokeDash: [5, 4] },
        encoding: { x, y },
      },
      {
        data: { values: [...points] },
        mark: { type: "circle", color: classColours[0], opacity: 0.85 },
        encoding: {
          x,
          y,
          size: {
            field: "pictures",
            type: "quantitative",
            title: "pictures",
            scale: { range: [30, 600] },
            legend: { values: legendValues(points) },
          },
        },
      },
    ],
  } as unknown as ChartSpec;
}

function legendValues(points: readonly ReliabilityPoint[]): number[] {
  const most = Math.max(1, ...points.map(({ pictures }) => pictures));
  return [...new Set([Math.ceil(most / 10), Math.ceil(most / 2), most])];
}
