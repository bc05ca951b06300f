// How often the verdict on a window of pictures is a false alarm, and how often it finds what happened to a camera; beside it the
// rules of AWS's analyzer, re-implemented, on the same nine statistics. On the real 32 x 32 pictures of SCONES_SHARED, else on drawn ones.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeImage } from "../src/images/decode-image.ts";
import type { Image } from "../src/images/image.ts";
import { resize } from "../src/images/resize.ts";
import { randomFrom, shuffled } from "../src/learn/random.ts";
import { type ComparisonMethod, numericalDistance } from "../src/monitor/data-quality/distances.ts";
import { driftReport } from "../src/monitor/drift.ts";
import type { Observation } from "../src/monitor/observation.ts";
import { pictureLayout } from "../src/monitor/picture-layout.ts";
import { pictureStatistics, statisticNames } from "../src/monitor/picture-statistics.ts";
import { drawVehicle } from "../src/vehicles/draw-vehicle.ts";
import { type Row, report } from "./report.ts";
import { machine } from "./support/machine.ts";

const referenceSize = 350;
const windowSizes = [25, 50, 100];
const cleanWindows = 700;
const shiftedWindows = 60;
const awsThreshold = 0.1;

const random = randomFrom(1);
const pictures = realPictures() ?? drawnPictures();
const shifts: Record<string, (image: Image) => Image> = {
  "a fifth darker": (image) => each(image, (value) => 0.8 * value),
  "a fifth less contrast": (image) => each(image, (value) => 128 + 0.8 * (value - 128)),
  "out of focus": blurred,
  "noise of 4 %": (image) => each(image, (value) => value + 255 * 0.04 * random.normal()),
  "half the resolution": (image) => resize(resize(image, 16, 16), image.width, image.height),
  "red and blue swapped": ({ data, ...size }) => ({
    ...size,
    data: data.map((_, i) => data[i + 2 - 2 * (i % 3)] ?? 0),
  }),
  "turned by 90 degrees": turned,
};

const usual = pictures.map(observed);
const rows: Row[] = windowSizes.flatMap((size) => {
  const rates = alarmRates(usual, { size, windows: cleanWindows });
  return [
    { name: `false alarms, ${size} pictures`, value: rates.own, unit: "", target: "<= 0.05", meets: rates.own <= 0.05 },
    { name: "  by AWS's Robust", value: rates.robust, unit: "" },
    { name: "  by AWS's Simple", value: rates.simple, unit: "" },
  ];
});
for (const [name, change] of Object.entries(shifts)) {
  const shifted = pictures.map((image) => observed(change(image)));
  for (const size of windowSizes) {
    const rates = alarmRates(shifted, { size, windows: shiftedWindows });
    rows.push({ name: `${name}, ${size} pictures`, value: rates.own, unit: "" });
    rows.push({ name: "  by AWS's Robust", value: rates.robust, unit: "" });
  }
}
report(rows, machine());

/** The share of windows that each rule calls drifting; reference and window never share a picture. */
function alarmRates(seen: Observation[], { size, windows }: { size: number; windows: number }) {
  const alarms = { own: 0, robust: 0, simple: 0 };
  for (let i = 0; i < windows; i++) {
    const order = shuffled(pictures.length, random);
    const reference = [...order.subarray(0, referenceSize)].map((at) => usual[at] as Observation);
    const window = [...order.subarray(referenceSize, referenceSize + size)].map((at) => seen[at] as Observation);
    alarms.own += Number(driftReport(reference, window, { random: random.uniform }).isDrifting);
    alarms.robust += Number(awsAlarms(reference, window, "Robust"));
    alarms.simple += Number(awsAlarms(reference, window, "Simple"));
  }
  return { own: alarms.own / windows, robust: alarms.robust / windows, simple: alarms.simple / windows };
}

function awsAlarms(reference: Observation[], window: Observation[], method: ComparisonMethod): boolean {
  const sketch = (observations: Observation[], name: (typeof statisticNames)[number]) => ({
    parameters: { c: 0.64, k: 2048 },
    data: [observations.map(({ statistics }) => statistics?.[name] ?? 0)],
  });
  return statisticNames.some(
    (name) => numericalDistance(sketch(window, name), sketch(reference, name), { method }) > awsThreshold,
  );
}

function observed(image: Image): Observation {
  return { statistics: pictureStatistics(image), layout: pictureLayout(image) };
}

function realPictures(): Image[] | undefined {
  const shared = process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "shared");
  const folder = join(shared, "data", "scones");
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".png"));
  return files.sort().map((file) => decodeImage(readFileSync(join(folder, file))));
}

function drawnPictures(): Image[] {
  return Array.from({ length: 1200 }, (_, i) =>
    drawVehicle({ kind: i % 2 === 0 ? "bicycle" : "motorcycle", seed: `drift/${i}`, size: 32 }),
  );
}

function each({ width, height, data }: Image, change: (value: number) => number): Image {
  return {
    width,
    height,
    data: Uint8Array.from(data, (value) => Math.max(0, Math.min(255, Math.round(change(value))))),
  };
}

function turned({ width, height, data }: Image): Image {
  const from = (i: number): number => 3 * ((Math.floor(i / 3) % height) * width + Math.floor(i / 3 / height)) + (i % 3);
  return { width: height, height: width, data: data.map((_, i) => data[from(i)] as number) };
}

/** The mean of nine pixels; the border stays as it is. */
function blurred({ width, height, data }: Image): Image {
  const isBorder = (at: number): boolean =>
    at % width === 0 || at % width === width - 1 || at < width || at >= width * (height - 1);
  const mean = (i: number): number => {
    let sum = 0;
    for (const down of [-width, 0, width])
      for (const across of [-1, 0, 1]) sum += data[i + 3 * (down + across)] as number;
    return sum / 9;
  };
  return { width, height, data: data.map((value, i) => (isBorder(Math.floor(i / 3)) ? value : mean(i))) };
}
