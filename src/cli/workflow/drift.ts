import { table } from "../../draw/text.ts";
import { randomFrom } from "../../learn/random.ts";
import type { CaptureRecord } from "../../monitor/capture-record.ts";
import { driftReport } from "../../monitor/drift.ts";
import type { DriftReport, FeatureDrift } from "../../monitor/drift-verdict.ts";
import { driftWindow } from "../../monitor/drift-window.ts";
import { observe } from "../../monitor/observation.ts";

/** Whether the latest requests are like the reference, or like those before them; undefined when there are too few to say. */
export function driftOf(
  records: readonly CaptureRecord[],
  options: { size: number; reference?: readonly CaptureRecord[] },
): DriftReport | undefined {
  const found = driftWindow(records, options);
  if (found === undefined) return undefined;
  // The same captures get the same verdict.
  const { uniform: random } = randomFrom(records.length);
  return driftReport(found.reference.map(observe), found.window.map(observe), { random });
}

/** The verdict in one line, and when there is drift its reasons, the strongest first. */
export function driftLines(report: DriftReport | undefined, labels: readonly string[]): string[] {
  if (report === undefined) return ["drift: too few requests to compare"];
  const { referenceCount, windowCount, features, alpha, isDrifting } = report;
  const compared = `the last ${windowCount} requests and the ${referenceCount} they are compared with`;
  if (features.length === 0) return ["drift: nothing to compare, neither pictures nor predictions"];
  if (!isDrifting) return [`drift: none between ${compared} (${features.length} tests, ${alpha * 100} % false alarms)`];
  const reasons = features
    .filter((feature) => feature.isDrifting)
    .map((feature) => [
      wordsOf(feature, labels),
      feature.feature,
      valuesOf(feature),
      `${feature.effect.toFixed(2)} deviations`,
      feature.p.toExponential(0),
    ]);
  return [`DRIFT between ${compared}:`, ...table(reasonColumns, reasons)];
}

const reasonColumns = [
  { title: "the pictures or answers are" },
  { title: "by" },
  { title: "means" },
  { title: "moved", align: "right" },
  { title: "chance", align: "right" },
] as const;

/** What a fall and a rise of each feature look like. */
const words: Record<string, readonly [fall: string, rise: string]> = {
  luminance: ["darker", "brighter"],
  contrast: ["less contrast", "more contrast"],
  sharpness: ["less sharp", "sharper"],
  noise: ["less noise", "more noise"],
  saturation: ["paler", "more colourful"],
  gradient: ["fewer edges", "more edges"],
  clipped: ["less clipped", "more black or white"],
  redMinusBlue: ["bluer", "redder"],
  blockiness: ["fewer blocks", "blocks of compression"],
  confidence: ["less certain", "more certain"],
};

function wordsOf({ feature, direction, category = "1" }: FeatureDrift, labels: readonly string[]): string {
  if (feature === "layout") return "other views or things";
  const name = labels[Number(category)] ?? `class ${category}`;
  if (feature === "class shares") return `other share of ${name}`;
  const [fall, rise] = words[feature] ?? [`${name} less likely`, `${name} more likely`];
  if (direction === 0) return "other spread";
  return direction < 0 ? fall : rise;
}

function valuesOf({ before, after }: FeatureDrift): string {
  return before === undefined || after === undefined ? "" : `${before.toFixed(3)} → ${after.toFixed(3)}`;
}
