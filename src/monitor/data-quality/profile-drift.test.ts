import assert from "node:assert/strict";
import { test } from "node:test";
import { verdictSentence } from "../drift-verdict.ts";
import { seeded } from "../testing/seeded.ts";
import { createProfile, type Profile } from "./profile.ts";
import { profileDrift } from "./profile-drift.ts";
import type { Cell } from "./row.ts";
import { parseStatistics, type Statistics } from "./statistics-file.ts";

function profileOf(count: number, rowOf: (i: number) => Record<string, Cell>): Profile {
  const profile = createProfile();
  for (let i = 0; i < count; i++) profile.add(new Map(Object.entries(rowOf(i))));
  return profile.finish();
}

/** As if the file had been written and read again. */
function baselineOf(profile: Profile): Statistics {
  return parseStatistics(JSON.stringify(profile.statistics));
}

function traffic(count: number, seed: number, change: Partial<Record<string, (random: () => number) => Cell>> = {}) {
  const random = seeded(seed);
  return profileOf(count, (i) => ({
    picture_luminance: (change["light"] ?? ((next) => next() + next()))(random),
    confidence: 0.5 + random() / 2,
    predicted_class: `class_${random() < (Number(change["share"]?.(random) ?? 0.5)) ? 0 : 1}`,
    size: Math.floor(random() * 4),
    request: `id ${seed} ${i}`,
  }));
}

const baseline = baselineOf(traffic(500, 1));

test("a window like the baseline does not drift, whatever its identifiers are", () => {
  const report = profileDrift(traffic(100, 3), baseline);
  assert.deepEqual([report.isDrifting, report.referenceCount, report.windowCount], [false, 500, 100]);
  assert.deepEqual(report.features.map(({ feature, family }) => `${family} ${feature}`).sort(), [
    "data size",
    "picture picture_luminance",
    "prediction confidence",
    "prediction predicted_class",
  ]);
});

test("clean windows are called drifting about as often as promised", () => {
  const alarms = Array.from({ length: 200 }, (_, i) => profileDrift(traffic(60, 1000 + i), baseline)).filter(
    (report) => report.isDrifting,
  ).length;
  // 10 are expected; 20 would come once in 400 times.
  assert.ok(alarms <= 20, `${alarms} of 200 clean windows`);
});

test("a darker window of 25 drifts, where the rule of AWS would find nothing", () => {
  const report = profileDrift(traffic(25, 2, { light: (next) => next() + next() - 0.4 }), baseline);
  const [first] = report.features;
  assert.deepEqual([report.isDrifting, first?.feature, first?.direction], [true, "picture_luminance", -1]);
  assert.ok(Math.abs((first?.effect ?? 0) - 0.4 * Math.sqrt(6)) < 0.35, String(first?.effect));
  assert.match(
    verdictSentence(report),
    /^drift in 25 records against 500 of the baseline: picture_luminance down by \d\.\d\d deviations \(p \de-\d+\)$/,
  );
});

test("a change of class shares is seen and named", () => {
  const [first] = profileDrift(traffic(100, 2, { share: () => 0.8 }), baseline).features;
  assert.deepEqual([first?.feature, first?.isDrifting], ["predicted_class", true]);
  assert.ok(["class_0", "class_1"].includes(first?.category ?? ""));
});

test("numbers with ties are compared as they are, and not as sketches of AWS's rule see them", () => {
  const skewed = profileOf(100, (i) => ({ size: i % 10 === 0 ? 3 : 0 }));
  const even = baselineOf(profileOf(400, (i) => ({ size: i % 4 })));
  assert.equal(profileDrift(skewed, even).isDrifting, true);
});

test("a baseline of very many rows does not make tiny differences of its sketch significant", () => {
  const many = baselineOf(traffic(200_000, 1));
  assert.equal(profileDrift(traffic(200_000, 2), many).isDrifting, false);
});

test("a constant baseline that moves drifts by the spread of both", () => {
  const constant = (value: number, count: number) => profileOf(count, () => ({ level: value }));
  const [row] = profileDrift(constant(2, 50), baselineOf(constant(1, 50))).features;
  assert.ok(row?.isDrifting === true && row.effect === 2 && row.direction === 1);
});
