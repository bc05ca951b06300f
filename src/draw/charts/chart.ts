import type { TopLevelSpec } from "vega-lite";
import { textWidth } from "../font.ts";
import { classColours, classShapes, faintInk, fontFamily, ink, mutedInk, paper } from "../palette.ts";

/** One chart is one Vega-Lite specification, data included: it renders here, in a browser and in a notebook alike. */
export type ChartSpec = TopLevelSpec;

/** The look that all charts share. */
export const theme = {
  background: paper,
  padding: { left: 20, top: 18, right: 24, bottom: 16 },
  font: fontFamily,
  view: { stroke: null },
  title: {
    anchor: "start",
    frame: "group",
    color: ink,
    fontSize: 17,
    fontWeight: "bold",
    subtitleColor: mutedInk,
    subtitleFontSize: 12,
    subtitlePadding: 6,
    offset: 16,
  },
  axis: {
    labelColor: mutedInk,
    titleColor: ink,
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: "normal",
    titlePadding: 10,
    gridColor: faintInk,
    domainColor: "#9AA5B1",
    tickColor: "#9AA5B1",
    labelPadding: 5,
  },
  legend: {
    labelColor: ink,
    titleColor: mutedInk,
    labelFontSize: 12,
    titleFontSize: 11,
    titleFontWeight: "normal",
    symbolSize: 90,
    orient: "top",
    direction: "horizontal",
    offset: 4,
    titlePadding: 6,
    columnPadding: 18,
  },
  header: { labelColor: ink, titleColor: ink },
} as const;

export const schema = "https://vega.github.io/schema/vega-lite/v6.json";

/** Colour and shape by class, in the order of the labels. */
export function classEncoding(names: readonly string[]) {
  return {
    color: { domain: [...names], range: names.map((_, i) => classColours[i % classColours.length] as string) },
    shape: { domain: [...names], range: names.map((_, i) => classShapes[i % classShapes.length] as string) },
  };
}

/** `0.388` becomes `38.8 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Vega and its parser take a third of a second to load: only who draws pays. */
export async function chartToSvg(spec: ChartSpec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import("vega"), import("vega-lite")]);
  measureWithShippedFont(vega);
  const runtime = vega.parse(vegaLite.compile(spec).spec);
  const view = new vega.View(runtime, { renderer: "none", logLevel: vega.Error, locale: undefined });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

interface Metrics {
  textMetrics?: { width: (item: { text?: unknown; fontSize?: number; fontWeight?: unknown }, text?: string) => number };
}

// Without a canvas Vega guesses text widths; the shipped font's own widths keep titles, labels and legends apart.
function measureWithShippedFont(vega: object): void {
  const { textMetrics } = vega as Metrics;
  if (textMetrics === undefined) return;
  textMetrics.width = (item, text) =>
    textWidth(`${text ?? item.text ?? ""}`, item.fontSize ?? 11, item.fontWeight === "bold" ? "bold" : "regular");
}
