import { ink, mutedInk } from "../palette.ts";
import { type ChartSpec, schema, theme } from "./chart.ts";

/** One feature of a drift report. */
export interface DriftEffect {
  feature: string;
  /** In deviations of the reference; for class shares a difference of shares. */
  effect: number;
  direction: -1 | 0 | 1;
  p: number;
  isDrifting: boolean;
}

export interface DriftNumbers {
  referenceCount: number;
  windowCount: number;
  alpha: number;
  title?: string;
}

/** What moved, how far and which way, the largest move first; whether it counts is said by mark, colour and p-value. */
export function driftEffects(
  effects: readonly DriftEffect[],
  { referenceCount, windowCount, alpha, title = "Drift against the reference" }: DriftNumbers,
): ChartSpec {
  const ordered = effects.toSorted((a, b) => b.effect - a.effect);
  const arrow = { "-1": "▼", "0": "", "1": "▲" } as const;
  const values = ordered.map(({ feature, effect, direction, p, isDrifting }) => ({
    feature,
    effect,
    verdict: isDrifting ? "drifts" : "as before",
    label: `${arrow[`${direction}`]} ${effect.toFixed(2)}, p ${p < 0.0001 ? "< 0.0001" : p.toFixed(4)}`.trim(),
  }));
  const drifting = ordered.filter((row) => row.isDrifting).length;
  const most = Math.max(0.1, ...ordered.map((row) => row.effect));
  const y = {
    field: "feature",
    type: "nominal",
    sort: ordered.map((row) => row.feature),
    title: null,
    axis: { labelFontSize: 12, labelColor: ink, ticks: false, domain: false },
  };
  return {
    $schema: schema,
    config: theme,
    width: 620,
    height: { step: 28 },
    data: { values },
    title: {
      text: title,
      subtitle: `reference n = ${referenceCount}, window n = ${windowCount} · ${drifting} of ${ordered.length} features drift at alpha ${alpha} in all`,
    },
    layer: [
      {
        mark: { type: "bar", height: { band: 0.6 }, cornerRadius: 2 },
        encoding: {
          y,
          x: {
            field: "effect",
            type: "quantitative",
            title: "effect (deviations of the reference)",
            scale: { domain: [0, most * 1.36], nice: false },
          },
          color: {
            field: "verdict",
            type: "nominal",
            scale: { domain: ["drifts", "as before"], range: ["#D55E00", "#A9B8C6"] },
            legend: { title: null, symbolType: "square" },
          },
        },
      },
      {
        mark: { type: "text", align: "left", dx: 8, fontSize: 11, color: mutedInk },
        encoding: { y, x: { field: "effect", type: "quantitative" }, text: { field: "label" } },
      },
    ],
  } as ChartSpec;
}
