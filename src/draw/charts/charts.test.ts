import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeImage } from "../../images/decode-image.ts";
import { svgToPng } from "../png.ts";
import { chartToSvg } from "./chart.ts";
import { barsOf, confidenceHistogram } from "./confidence-histogram.ts";
import { axisFloor, type ConfidencePoint, confidenceOverTime, mostDots } from "./confidence-over-time.ts";
import { confusionMatrix } from "./confusion-matrix.ts";
import { driftEffects } from "./drift-effects.ts";
import { predictionsPerClass } from "./predictions-per-class.ts";
import { reliabilityDiagram } from "./reliability.ts";
import { riskCoverageChart } from "./risk-coverage.ts";
import { lastEpochs, trainingCurve } from "./training-curve.ts";

const classNames = ["bicycle", "motorcycle"];
const look = { threshold: 0.93, classNames };
const points: ConfidencePoint[] = [0.52, 0.93, 0.929, 0.99, 1].map((confidence, i) => ({
  timeMs: 1_700_000_000_000 + i * 60_000,
  confidence,
  className: classNames[i % 2] as string,
}));
const epochs = [1, 2, 3].map((epoch) => ({
  epoch,
  trainAccuracy: 0.5 + epoch / 10,
  heldOutAccuracy: epoch === 2 ? 0.8 : 0.7,
  trainLoss: 1 / epoch,
}));
const dotsOf = (svg: string) => svg.match(/aria-roledescription="point"/g)?.length ?? 0;

test("every record is a dot, with colour and shape of its class", async () => {
  const svg = await chartToSvg(confidenceOverTime(points, look));
  assert.equal(dotsOf(svg), 5);
  const shapes = [
    ...svg.matchAll(
      /aria-label="[^"]*class: (\w+)[^"]*"[^>]*aria-roledescription="point"[^>]*d="([^"]*)" fill="([^"]*)"/g,
    ),
  ];
  assert.equal(shapes.length, 5);
  assert.equal(new Set(shapes.map((match) => `${match[1]} ${match[2]} ${match[3]}`)).size, 2);
  assert.equal(new Set(shapes.map((match) => match[2])).size, 2);
});

test("every chart of confidence says how many records, how many below, and the lowest", async () => {
  for (const chart of [confidenceOverTime, confidenceHistogram, predictionsPerClass]) {
    assert.ok((await chartToSvg(chart(points, look))).includes("n = 5 · 2 below 0.93 (40.0 %) · lowest 0.520"));
  }
});

test("the axis starts where the data starts", () => {
  assert.ok(axisFloor(0.52) <= 0.52 && axisFloor(0.52) >= 0.4);
  assert.ok(axisFloor(0.985) <= 0.985 && axisFloor(0.985) >= 0.96);
  assert.equal(axisFloor(0.01), 0);
});

test("no histogram bar stands on both sides of the threshold and every record is in one", () => {
  const bars = barsOf(points, { ...look, floor: axisFloor(0.52) });
  assert.equal(
    bars.reduce((sum, bar) => sum + bar.high - bar.low, 0),
    points.length,
  );
  assert.ok(bars.every((bar) => bar.to <= 0.93 + 1e-9 || bar.from >= 0.93 - 1e-9));
  assert.equal(
    bars.filter((bar) => bar.to <= 0.93 + 1e-9).reduce((sum, bar) => sum + bar.high - bar.low, 0),
    2,
  );
});

test("a great many records become a band", async () => {
  const many = Array.from({ length: mostDots + 1 }, (_, i) => ({
    timeMs: i * 1000,
    confidence: 0.5 + (i % 100) / 200,
    className: "bicycle",
  }));
  const svg = await chartToSvg(confidenceOverTime(many, look));
  assert.equal(dotsOf(svg), 0);
  assert.ok(svg.includes(`n = ${mostDots + 1}`) && svg.length < 100_000);
});

test("a training curve marks the kept epoch and states its accuracy", async () => {
  const svg = await chartToSvg(trainingCurve(epochs, { heldOutName: "validation" }));
  assert.ok(svg.includes("kept: epoch 2") && svg.includes("validation accuracy 0.8000 at epoch 2"));
  const lossless = await chartToSvg(
    trainingCurve(epochs.map(({ epoch, trainAccuracy }) => ({ epoch, trainAccuracy }))),
  );
  assert.ok(!lossless.includes(">loss<"));
});

test("a training of two networks marks the end of both, and joins no line across them", async () => {
  const both = [1, 2].flatMap((network) =>
    epochs.map((one) => ({ ...one, epoch: one.epoch + 3 * network - 3, network })),
  );
  const keptEpochs = lastEpochs(both);
  assert.deepEqual(keptEpochs, [3, 6]);
  const svg = await chartToSvg(trainingCurve(both, { keptEpochs }));
  for (const text of ["kept: epoch 3", "kept: epoch 6", "6 epochs of 2 networks"]) assert.ok(svg.includes(text), text);
  const linesOf = (chart: string) => chart.match(/aria-roledescription="line mark"/g)?.length ?? 0;
  assert.equal(linesOf(svg), 2 * linesOf(await chartToSvg(trainingCurve(epochs))));
});

test("a confusion matrix shows every count and the accuracy", async () => {
  const svg = await chartToSvg(
    confusionMatrix({
      classNames,
      counts: [
        [91, 9],
        [12, 88],
      ],
    }),
  );
  for (const text of ["91", "9", "12", "88", "n = 200 · 179 right (accuracy 0.8950) · 21 wrong"])
    assert.ok(svg.includes(`>${text}</text>`), text);
});

test("a drift chart ranks what moved and states both sizes", async () => {
  const effects = [
    { feature: "noise", effect: 0.1, direction: 1, p: 0.4, isDrifting: false },
    { feature: "luminance", effect: 2.5, direction: -1, p: 1e-9, isDrifting: true },
  ] as const;
  const svg = await chartToSvg(driftEffects(effects, { referenceCount: 300, windowCount: 50, alpha: 0.05 }));
  assert.ok(svg.includes("reference n = 300, window n = 50 · 1 of 2 features drift"));
  assert.ok(svg.includes("▼ 2.50, p &lt; 0.0001") && svg.indexOf(">luminance<") < svg.indexOf(">noise<"));
});

test("charts without data say so instead of failing", async () => {
  assert.ok((await chartToSvg(confidenceOverTime([], look))).includes("no captures"));
  assert.ok((await chartToSvg(trainingCurve([]))).includes("no epoch has ended yet"));
  assert.ok((await chartToSvg(confidenceHistogram([], look))).includes("no captures"));
});

test("a chart is the same bytes every time, and a PNG of its size", async () => {
  const [first, second] = [
    await chartToSvg(confidenceHistogram(points, look)),
    await chartToSvg(confidenceHistogram(points, look)),
  ];
  assert.equal(first, second);
  const [width] = (first.match(/width="(\d+)/) ?? []).slice(1).map(Number);
  assert.equal(decodeImage(svgToPng(first, { scale: 1 })).width, width);
});

const riskPoints = [0.99, 0.9, 0.7, 0.5].map((threshold, i) => ({
  threshold,
  coverage: 0.25 * (i + 1),
  risk: 0.01 * i,
  bound: 0.03 + 0.01 * i,
}));

test("a chart of risk and coverage names the threshold that is guaranteed, or says that there is none", async () => {
  const chosen = { threshold: 0.9, coverage: 0.5, risk: 0.05, confidence: 0.95 };
  const svg = await chartToSvg(riskCoverageChart(riskPoints, { pictures: 100, chosen }));
  assert.ok(svg.includes("threshold 0.9000: 50.0 % pass, at most 5.0 % of them wrong"));
  assert.ok((await chartToSvg(riskCoverageChart(riskPoints, { pictures: 100 }))).includes("prove no threshold"));
});

test("a reliability diagram has a dot per bin and states the calibration error", async () => {
  const bins = [0.6, 0.8, 0.95].map((confidence, i) => ({
    pictures: 10 + 40 * i,
    confidence,
    accuracy: confidence - 0.05,
  }));
  const svg = await chartToSvg(reliabilityDiagram(bins, { calibrationError: 0.05 }));
  assert.equal(svg.match(/aria-roledescription="circle"/g)?.length, 3);
  assert.ok(svg.includes("n = 150 · expected calibration error 0.0500"));
});
