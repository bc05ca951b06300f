import assert from "node:assert/strict";
import { test } from "node:test";
import { createProfile, type Profile } from "./profile.ts";
import type { Cell } from "./row.ts";

function profileOfColumn(cells: readonly Cell[]): Profile {
  const profile = createProfile();
  for (const cell of cells) profile.add(new Map([["x", cell]]));
  return profile.finish();
}

function typeOf(...cells: Cell[]): string | undefined {
  return profileOfColumn(cells).statistics.features[0]?.inferred_type;
}

test("statistics of numbers are as the analyzer writes them", () => {
  assert.deepEqual(profileOfColumn(["1", "2", "", "4"]).statistics, {
    version: 0,
    dataset: { item_count: 4 },
    features: [
      {
        name: "x",
        inferred_type: "Integral",
        numerical_statistics: {
          common: { num_present: 3, num_missing: 1 },
          mean: 7 / 3,
          sum: 7,
          std_dev: Math.sqrt(14 / 9),
          min: 1,
          max: 4,
          distribution: {
            kll: {
              buckets: [1, 0, 0, 1, 0, 0, 0, 0, 0, 1].map((count, i) => ({
                lower_bound: 1 + (3 * i) / 10,
                upper_bound: 1 + (3 * (i + 1)) / 10,
                count,
              })),
              sketch: { parameters: { c: 0.64, k: 2048 }, data: [[1, 2, 4]] },
            },
          },
        },
      },
    ],
  });
});

test("statistics of texts count every value, the most frequent first", () => {
  assert.deepEqual(profileOfColumn(["b", "a", "a", undefined]).statistics.features, [
    {
      name: "x",
      inferred_type: "String",
      string_statistics: {
        common: { num_present: 3, num_missing: 1 },
        distinct_count: 2,
        distribution: {
          categorical: {
            buckets: [
              { value: "a", count: 2 },
              { value: "b", count: 1 },
            ],
          },
        },
      },
    },
  ]);
});

test("types are inferred from what the cells read as", () => {
  assert.deepEqual(
    [
      typeOf("1", "-2", "+3", 4),
      typeOf("1", "2.5"),
      typeOf("1e-3", ".5", "2.", 0.25),
      typeOf("1", "two"),
      typeOf(true, false),
      typeOf("", undefined, "NaN", Number.NaN),
      typeOf("2024-01-01"),
      typeOf("1e999", "9".repeat(400), Number.POSITIVE_INFINITY),
    ],
    ["Integral", "Fractional", "Fractional", "String", "String", "Unknown", "String", "String"],
  );
});

test("a column that comes late was missing before", () => {
  const profile = createProfile();
  profile.add(new Map([["a", 1]]));
  profile.add(new Map([["b", 2]]));
  const { features } = profile.finish();
  assert.deepEqual(
    [...features].map(([name, { present, missing }]) => [name, present, missing]),
    [
      ["a", 1, 1],
      ["b", 1, 1],
    ],
  );
});

test("more different values than are counted are estimated, and memory stays bounded", () => {
  const profile = createProfile();
  for (let i = 0; i < 60_000; i++) profile.add(new Map([["id", `request ${i}`]]));
  const { features } = profile.finish();
  const distinct = features.get("id")?.statistics.string_statistics?.distinct_count ?? 0;
  assert.ok(Math.abs(distinct / 60_000 - 1) < 0.1, `${distinct} different values`);
  assert.equal(features.get("id")?.categories.counts().length, 10_000);
});

test("many columns of measurements leave room to count a column of texts", () => {
  const profile = createProfile();
  for (let i = 0; i < 1000; i++) {
    const measured = Array.from({ length: 300 }, (_, column) => [`m${column}`, i + column / 7] as const);
    profile.add(new Map<string, Cell>([...measured, ["code", `code ${i}`]]));
  }
  const { features } = profile.finish();
  assert.deepEqual([features.get("code")?.categories.size, features.get("m7")?.categories.size], [1000, 0]);
});

test("codes that are numbers are counted when a text follows", () => {
  const buckets = profileOfColumn(["12", "12", "7", "A1"]).statistics.features[0]?.string_statistics?.distribution;
  assert.deepEqual(
    buckets?.categorical.buckets.map(({ value, count }) => [value, count]),
    [
      ["12", 2],
      ["7", 1],
      ["A1", 1],
    ],
  );
});

test("long texts are told apart although only their beginning is kept", () => {
  const text = "x".repeat(10_000);
  const statistics = profileOfColumn([`${text}a`, `${text}b`, `${text}b`]).statistics.features[0]?.string_statistics;
  assert.deepEqual(
    statistics?.distribution?.categorical.buckets.map(({ value, count }) => [value.length <= 256, count]),
    [
      [true, 2],
      [true, 1],
    ],
  );
});

test("data with too many columns is refused with the bound", () => {
  const row = new Map(Array.from({ length: 5000 }, (_, i) => [`c${i}`, i] as const));
  assert.throws(() => createProfile().add(row), /more than 4096 columns/);
});

test("sums of numbers of very different sizes keep their digits", () => {
  const statistics = profileOfColumn([1e16, 1, -1e16, 1]).statistics.features[0]?.numerical_statistics;
  assert.equal(statistics?.sum, 2);
});
