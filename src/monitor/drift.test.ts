import assert from "node:assert/strict";
import { test } from "node:test";
import type { Image } from "../images/image.ts";
import { difference, stepsOf } from "./distribution-steps.ts";
import { driftReport } from "./drift.ts";
import type { Observation } from "./observation.ts";
import { pictureLayout } from "./picture-layout.ts";
import { type PictureStatistics, pictureStatistics } from "./picture-statistics.ts";
import { seeded } from "./testing/seeded.ts";
import { chiSquare, kolmogorovSmirnov, populationStability } from "./two-sample-tests.ts";

/** The share of all ways to split the pooled values whose distance is at least as large: the definition, by brute force. */
function exactShare(a: number[], b: number[]): number {
  const pool = [...a, ...b];
  const distance = (first: number[], second: number[]) =>
    Math.max(
      ...pool.map((x) =>
        Math.abs(
          first.filter((v) => v <= x).length / first.length - second.filter((v) => v <= x).length / second.length,
        ),
      ),
    );
  const observed = distance(a, b);
  const masks = Array.from({ length: 2 ** pool.length }, (_, mask) => mask).filter(
    (mask) => pool.filter((_, i) => (mask >> i) & 1).length === a.length,
  );
  const extreme = masks.filter(
    (mask) =>
      distance(
        pool.filter((_, i) => (mask >> i) & 1),
        pool.filter((_, i) => !((mask >> i) & 1)),
      ) >=
      observed - 1e-9,
  );
  return extreme.length / masks.length;
}

test("the Kolmogorov-Smirnov p-value is the exact share of all splits", () => {
  const cases: [number[], number[]][] = [
    [
      [1, 2, 3, 4],
      [2.5, 3.5, 5, 6, 7],
    ],
    [
      [1, 3, 5, 7, 9],
      [2, 4, 6, 8],
    ],
    [
      [1, 2, 3],
      [4, 5, 6, 7, 8],
    ],
  ];
  for (const [a, b] of cases)
    assert.ok(Math.abs(kolmogorovSmirnov(stepsOf(a), stepsOf(b)).p - exactShare(a, b)) < 1e-12);
});

test("of classes that may be there together each probability is compared, though another one stays the largest", () => {
  const random = seeded(3);
  const answers = (ofLast: number): Observation[] =>
    Array.from({ length: 200 }, () => {
      const probabilities = [0.9 + random() * 0.1, random() * 0.2, ofLast + random() * 0.2];
      return { probabilities, confidence: probabilities[0]!, predictedLabel: 0 };
    });
  const report = driftReport(answers(0.1), answers(0.5), { random });
  assert.ok(report.isDrifting, JSON.stringify(report));
  assert.equal(report.features[0]?.feature, "probability of class 2");
});

test("large samples get the p-value of the series, close to the exact one", () => {
  const ramp = (n: number, shift: number) => Array.from({ length: n }, (_, i) => i / n + shift);
  const exact = kolmogorovSmirnov(stepsOf(ramp(2000, 0)), stepsOf(ramp(1999, 0.04)));
  const series = kolmogorovSmirnov(stepsOf(ramp(2100, 0)), stepsOf(ramp(2000, 0.04)));
  assert.ok(exact.p > 0.01 && exact.p < 0.2 && Math.abs(Math.log(exact.p / series.p)) < 0.25);
});

test("chi-square p-values match the closed forms", () => {
  const two = chiSquare([40, 60, 10], [20, 70, 30]);
  assert.ok(Math.abs(two.p - Math.exp(-two.statistic / 2)) < 1e-14);
  assert.ok(Math.abs(chiSquare([50, 50], [50, 50]).p - 1) < 1e-12);
  // One degree of freedom: 3.841458820694124 is the published 5 % point.
  const step = Math.sqrt(3.841458820694124 / 0.08);
  assert.ok(Math.abs(chiSquare([50 + step, 50 - step], [50 - step, 50 + step]).p - 0.05) < 1e-12);
});

const wasserstein = (a: number[], b: number[]): number => difference(stepsOf(a), stepsOf(b)).area;

test("Wasserstein distance is the shift of a shifted sample and PSI is near zero for equal ones", () => {
  assert.ok(Math.abs(wasserstein([1, 2, 3, 4], [1.5, 2.5, 3.5, 4.5]) - 0.5) < 1e-12);
  assert.ok(Math.abs(wasserstein([0, 1, 3], [5, 6, 8]) - 5) < 1e-12);
  const values = Array.from({ length: 200 }, (_, i) => i);
  assert.ok(populationStability(values, values) < 1e-9);
  assert.ok(
    populationStability(
      values,
      values.map((value) => value + 100),
    ) > 1,
  );
});

function picture(value: (x: number, y: number) => number): Image {
  const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => value(Math.floor(i / 3) % 16, Math.floor(i / 48)));
  return { width: 16, height: 16, data };
}

test("picture statistics follow their definitions", () => {
  const flat = pictureStatistics(picture(() => 102));
  assert.ok(Math.abs(flat.luminance - 0.4) < 1e-12);
  assert.deepEqual(
    [flat.contrast < 1e-9, flat.saturation, flat.clipped, flat.gradient, flat.blockiness],
    [true, 0, 0, 0, 0],
  );
  const board = pictureStatistics(picture((x, y) => ((x + y) % 2) * 255));
  assert.deepEqual([board.clipped, Math.round(board.contrast * 1000)], [1, 500]);
  const blocks = pictureStatistics(picture((x) => (x < 8 ? 50 : 200)));
  assert.equal(blocks.blockiness, 1);
});

test("noise is the median distance to the median of each pixel and its neighbours", () => {
  const value = (x: number, y: number): number => (x * 37 + y * 91 + x * y * 13) % 256;
  const distances = Array.from({ length: 14 * 14 }, (_, i) => {
    const [x, y] = [1 + (i % 14), 1 + Math.floor(i / 14)];
    const nine = Array.from({ length: 9 }, (_, k) => value(x + (k % 3) - 1, y + Math.floor(k / 3) - 1));
    return Math.abs(value(x, y) - (nine.sort((a, b) => a - b)[4] as number)) / 255;
  }).sort((a, b) => a - b);
  const median = ((distances[97] as number) + (distances[98] as number)) / 2;
  assert.ok(Math.abs(pictureStatistics(picture(value)).noise - Math.log(median + 1e-4)) < 1e-9);
});

/** Stripes of random slant, place and noise, mostly across: as a camera sees things that stand. */
function street(random: () => number, change: (image: Image) => Image = (image) => image): Observation {
  const [slant, phase, light] = [random() * 0.6, random() * 6, 90 + 40 * random()];
  const image = picture((x, y) => light + 40 * Math.sin(y + slant * x + phase) + 30 * random());
  const seen = change(image);
  return { statistics: pictureStatistics(seen), layout: pictureLayout(seen) };
}

function streets(count: number, seed: number, change?: (image: Image) => Image): Observation[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => {
    const confidence = 0.6 + 0.4 * random();
    const label = Number(random() < 0.5);
    const probabilities = label === 0 ? [confidence, 1 - confidence] : [1 - confidence, confidence];
    return { ...street(random, change), probabilities, confidence, predictedLabel: label };
  });
}

const turned = ({ width, height, data }: Image): Image => ({
  width: height,
  height: width,
  data: data.map(
    (_, i) => data[3 * ((Math.floor(i / 3) % width) * width + Math.floor(i / 3 / width)) + (i % 3)] as number,
  ),
});
const darker = ({ width, height, data }: Image): Image => ({ width, height, data: data.map((value) => value * 0.5) });

const report = (window: Observation[]) => driftReport(streets(120, 1), window, { random: seeded(9) });
const reasons = (window: Observation[]) => report(window).features.filter((row) => row.isDrifting);

test("a window like the reference does not drift", () => {
  assert.equal(report(streets(60, 2)).isDrifting, false);
});

test("the chance of a false alarm is split between families, then between their tests", () => {
  const { features, alpha, referenceCount, windowCount } = report(streets(60, 2));
  assert.deepEqual([referenceCount, windowCount, features.length], [120, 60, 13]);
  const sum = features.reduce((total, row) => total + row.threshold, 0);
  assert.ok(Math.abs(sum - alpha) < 1e-12);
  const layout = features.find(({ feature }) => feature === "layout");
  assert.ok(Math.abs((layout?.threshold ?? 0) - 0.05 / 3) < 1e-12);
});

test("clean windows are called drifting about as often as promised", () => {
  const reference = streets(120, 1);
  const alarms = Array.from({ length: 100 }, (_, i) =>
    driftReport(reference, streets(40, 100 + i), { random: seeded(i) }),
  ).filter((found) => found.isDrifting).length;
  // 5 are expected; 12 would come once in 250 times.
  assert.ok(alarms < 12, `${alarms} of 100 clean windows`);
});

test("a darker window drifts, and luminance says which way and how far", () => {
  const found = reasons(streets(40, 2, darker));
  const luminance = found.find(({ feature }) => feature === "luminance");
  assert.deepEqual([luminance?.family, luminance?.direction], ["picture", -1]);
  assert.ok((luminance?.effect ?? 0) > 2 && (luminance?.before ?? 0) > 1.8 * (luminance?.after ?? 1));
});

test("what drifts comes before what does not, the larger effect first", () => {
  const { features } = report(streets(40, 2, darker));
  const order = features.map((row) => (row.isDrifting ? 1e6 : 0) + row.effect);
  assert.deepEqual(
    order,
    order.toSorted((a, b) => b - a),
  );
});

test("a camera that was turned is seen by the layout alone", () => {
  assert.deepEqual(
    reasons(streets(40, 2, turned)).map(({ feature }) => feature),
    ["layout"],
  );
});

test("a change of class shares alone is seen, with the class and its shares", () => {
  const window = streets(60, 2).map((observation, i) => ({
    confidence: observation.confidence ?? 0,
    statistics: observation.statistics as PictureStatistics,
    predictedLabel: Number(i % 8 !== 0),
  }));
  const [first, second] = reasons(window);
  assert.deepEqual([first?.feature, second], ["class shares", undefined]);
  assert.ok(Math.abs((first?.after ?? 0) - (first?.category === "1" ? 0.867 : 0.133)) < 0.01);
});

test("families that nothing is known of leave their part to the others", () => {
  const confident = (from: number, count: number): Observation[] =>
    Array.from({ length: count }, (_, i) => ({ confidence: from + i / (3 * count) }));
  const { features, isDrifting } = driftReport(confident(0.6, 80), confident(0.3, 40), { random: seeded() });
  assert.deepEqual([isDrifting, features.length, features[0]?.threshold], [true, 1, 0.05]);
});

test("nothing to compare is no drift", () => {
  const { isDrifting, features } = driftReport([], streets(3, 1), { random: seeded() });
  assert.deepEqual([isDrifting, features], [false, []]);
});

test("constant numbers are as far as the spread of all says", () => {
  const constant = (confidence: number, count: number): Observation[] =>
    Array.from({ length: count }, () => ({ confidence }));
  const [row] = driftReport(constant(0.9, 50), constant(0.4, 20), { random: seeded() }).features;
  assert.ok(row?.isDrifting === true && row.effect > 1 && row.direction === -1);
});
