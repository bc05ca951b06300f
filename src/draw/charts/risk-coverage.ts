import { classColours, ink, warning } from "../palette.ts";
import { type ChartSpec, percent, schema, theme } from "./chart.ts";

/** What one threshold lets pass, and how wrong that is. */
export interface RiskCoveragePoint {
  threshold: number;
  /** Share of the answers that pass. */
  coverage: number;
  /** Share of the passing answers that are wrong. */
  risk: number;
  /** What the risk on further pictures is not above, for this threshold alone. */
  bound: number;
}

export interface RiskCoverageChart {
  title?: string;
  /** The threshold that is guaranteed, and for which risk. */
  chosen?: { threshold: number; coverage: number; risk: number; confidence: number };
  pictures: number;
}

/** The more answers pass, the more of them are wrong: measured as a line, what few pictures leave open as a band above it. */
export function riskCoverageChart(
  points: readonly RiskCoveragePoint[],
  { title = "Risk and coverage", chosen, pictures }: RiskCoverageChart,
): ChartSpec {
  const x = {
    field: "coverage",
    type: "quantitative",
    title: "share of answers that pass",
    axis: { format: ".0%" },
    scale: { domain: [0, 1] },
  };
  const top = Math.max(0.05, ...points.filter(({ coverage }) => coverage > 0.25).map(({ bound }) => bound));
  const y = {
    type: "quantitative",
    title: "share of them that is wrong",
    axis: { format: ".0%" },
    scale: { domain: [0, Math.min(1, top * 1.1)], clamp: true },
  };
  const said =
    chosen === undefined
      ? `n = ${pictures} · these pictures prove no threshold for this goal`
      : `n = ${pictures} · threshold ${chosen.threshold.toFixed(4)}: ${percent(chosen.coverage)} pass, at most ${percent(chosen.risk)} of them wrong (confidence ${percent(chosen.confidence)})`;
  return {
    $schema: schema,
    config: theme,
    width: 560,
    height: 300,
    title: { text: title, subtitle: [said, "band: up to the 95 % bound of each threshold alone"] },
    layer: [
      {
        data: { values: [...points] },
        mark: { type: "area", color: classColours[0], opacity: 0.14, clip: true },
        encoding: { x, y: { ...y, field: "risk" }, y2: { field: "bound" } },
      },
      {
        data: { values: [...points] },
        mark: { type: "line", color: classColours[0], strokeWidth: 2.2, point: { size: 28, color: classColours[0] } },
        encoding: { x, y: { ...y, field: "risk" } },
      },
      ...(chosen === undefined ? [] : chosenLayers(chosen, { x, y })),
    ],
  } as unknown as ChartSpec;
}

function chosenLayers(chosen: NonNullable<RiskCoverageChart["chosen"]>, { x, y }: { x: object; y: object }): object[] {
  return [
    {
      data: { values: [{ risk: chosen.risk }] },
      mark: { type: "rule", color: warning, strokeDash: [5, 4] },
      encoding: { y: { ...y, field: "risk" } },
    },
    {
      data: { values: [{ coverage: chosen.coverage }] },
      mark: { type: "rule", color: ink, strokeDash: [2, 3] },
      encoding: { x },
    },
  ];
}
