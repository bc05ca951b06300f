import assert from "node:assert/strict";
import { test } from "node:test";
import type { Image } from "../images/image.ts";
import { driftReport, type Observation } from "./drift.ts";
import { pictureStatistics } from "./picture-statistics.ts";
import { chiSquare, kolmogorovSmirnov, populationStability, wasserstein } from "./two-sample-tests.ts";

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
  for (const [a, b] of cases) assert.ok(Math.abs(kolmogorovSmirnov(a, b).p - exactShare(a, b)) < 1e-12);
});

test("large samples get the p-value of the series, close to the exact one", () => {
  const ramp = (n: number, shift: number) => Array.from({ length: n }, (_, i) => i / n + shift);
  const exact = kolmogorovSmirnov(ramp(2000, 0), ramp(1999, 0.04));
  const series = kolmogorovSmirnov(ramp(2100, 0), ramp(2000, 0.04));
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

const observe = (count: number, base: number): Observation[] =>
  Array.from({ length: count }, (_, i) => {
    const wave = ((i * 61) % count) / count;
    return {
      statistics: pictureStatistics(picture((x, y) => base + ((x * 7 + y * 13 + i * 29) % 60) * (0.5 + wave))),
      confidence: 0.6 + 0.4 * wave,
      predictedLabel: i % 2,
    };
  });

test("a window like the reference does not drift", () => {
  assert.equal(driftReport(observe(80, 60), observe(40, 60)).isDrifting, false);
});

test("a darker window drifts, and luminance says which way", () => {
  const report = driftReport(observe(80, 90), observe(40, 20));
  const luminance = report.features.find(({ feature }) => feature === "luminance");
  assert.deepEqual([report.isDrifting, luminance?.isDrifting, luminance?.direction], [true, true, -1]);
  assert.deepEqual([report.referenceCount, report.windowCount, report.features.length], [80, 40, 11]);
});

test("a change of class shares alone is seen", () => {
  const window = observe(60, 60).map((observation) => ({ ...observation, predictedLabel: 1 }));
  const drifting = driftReport(observe(80, 60), window).features.filter((row) => row.isDrifting);
  assert.deepEqual(
    drifting.map(({ feature }) => feature),
    ["class shares"],
  );
});
