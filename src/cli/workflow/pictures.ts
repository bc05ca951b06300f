import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ChartSpec, chartToSvg } from "../../draw/charts/chart.ts";
import { confidenceHistogram } from "../../draw/charts/confidence-histogram.ts";
import { type ConfidencePoint, confidenceOverTime } from "../../draw/charts/confidence-over-time.ts";
import { predictionsPerClass } from "../../draw/charts/predictions-per-class.ts";
import { lastEpochs, trainingCurve } from "../../draw/charts/training-curve.ts";
import { imageSheetSvg, type SheetPicture } from "../../draw/image-sheet.ts";
import { svgToPng } from "../../draw/png.ts";
import { bytesOf, type CaptureRecord } from "../../monitor/capture-record.ts";
import type { CurvePoint } from "./train.ts";

/** Pictures of one sheet: enough to see what is unusual, few enough to look at. */
const sheetPictures = 48;

/** Writes a picture as SVG and as PNG; answers both paths. */
export async function writePicture(folder: string, name: string, svg: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files = [join(folder, `${name}.svg`), join(folder, `${name}.png`)] as const;
  await writeFile(files[0], svg);
  await writeFile(files[1], svgToPng(svg));
  return [...files];
}

export async function drawTraining(folder: string, curve: CurvePoint[]): Promise<string[]> {
  const epochs = curve.map(({ epoch, network, trainAccuracy, selectionAccuracy }) => ({
    epoch,
    network,
    trainAccuracy,
    heldOutAccuracy: selectionAccuracy,
  }));
  return writePicture(
    folder,
    "training-curve",
    await chartToSvg(trainingCurve(epochs, { keptEpochs: lastEpochs(curve), heldOutName: "kept-away train pictures" })),
  );
}

/** Confidence over time, its histogram, predictions per class, and the least certain pictures beside certain ones. */
export async function drawCaptures(
  folder: string,
  records: CaptureRecord[],
  options: { threshold: number; labels: readonly string[] },
): Promise<string[]> {
  const { threshold } = options;
  const classNames = classNamesOf(records, options.labels);
  const points = records.flatMap((record): ConfidencePoint[] =>
    record.confidence === undefined || record.predictedLabel === undefined
      ? []
      : [
          {
            timeMs: record.inferenceTimeMs,
            confidence: record.confidence,
            className: classNames[record.predictedLabel] ?? "",
            eventId: record.eventId,
          },
        ],
  );
  const chart = { threshold, classNames };
  const specs: [string, ChartSpec][] = [
    ["confidence-over-time", confidenceOverTime(points, chart)],
    ["confidence-histogram", confidenceHistogram(points, chart)],
    ["predictions-per-class", predictionsPerClass(points, chart)],
  ];
  const files: string[] = [];
  for (const [name, spec] of specs) files.push(...(await writePicture(folder, name, await chartToSvg(spec))));
  const sheet = imageSheetSvg(sheetOf(records, classNames), {
    title: "What the endpoint saw, least certain first",
    classNames,
    threshold,
  });
  return [...files, ...(await writePicture(folder, "image-sheet", sheet))];
}

/** The least certain half of the sheet, then pictures at even distances up to the most certain one. */
function sheetOf(records: CaptureRecord[], classNames: readonly string[]): SheetPicture[] {
  const ordered = records
    .filter((record) => record.input !== undefined)
    .sort((left, right) => (left.confidence ?? 0) - (right.confidence ?? 0));
  const unsure = ordered.slice(0, sheetPictures / 2);
  const rest = ordered.slice(unsure.length);
  const step = Math.max(1, rest.length / (sheetPictures - unsure.length));
  const chosen = [...unsure, ...rest.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step))];
  return chosen.flatMap((record) =>
    record.input === undefined
      ? []
      : [
          {
            bytes: bytesOf(record.input),
            ...(record.predictedLabel === undefined ? {} : { className: classNames[record.predictedLabel] ?? "" }),
            ...(record.confidence === undefined ? {} : { confidence: record.confidence }),
            note: record.inferenceTime.slice(11, 19),
          },
        ],
  );
}

function classNamesOf(records: CaptureRecord[], labels: readonly string[]): string[] {
  const count = Math.max(labels.length, ...records.map((record) => (record.predictedLabel ?? -1) + 1));
  return Array.from({ length: count }, (_, label) => labels[label] ?? `class-${label}`);
}
