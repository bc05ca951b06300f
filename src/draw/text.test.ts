import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeImage } from "../images/decode-image.ts";
import { encodePng } from "../images/png-encode.ts";
import { fitted, textWidth } from "./font.ts";
import { imageSheetSvg } from "./image-sheet.ts";
import { svgToPng } from "./png.ts";
import { escaped } from "./svg.ts";
import { barLines, plot, sparkline, table } from "./text.ts";

test("a sparkline runs from the lowest to the highest value", () => {
  assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█");
  assert.equal(sparkline([5, 5]), "▄▄");
  assert.equal(sparkline([0, Number.NaN, 7]), "▁ █");
  assert.equal(
    sparkline(
      Array.from({ length: 300 }, (_, i) => i),
      { width: 8 },
    ),
    "▁▂▃▄▅▆▇█",
  );
});

test("a plot has its marks where its values are", () => {
  const lines = plot(
    [
      {
        name: "loss",
        points: [
          [0, 0],
          [10, 1],
        ],
      },
    ],
    { width: 24, height: 4, isAscii: true, yLabel: "loss" },
  );
  assert.deepEqual(lines, [
    "loss",
    "1 +                    *",
    "  |",
    "  |",
    "0 +*",
    "  +---------------------",
    "   0                  10",
    "   * loss",
  ]);
});

test("a plot in plain mode is seven-bit, and without data says so", () => {
  const lines = plot(
    [
      {
        name: "a",
        points: [
          [1, 1],
          [2, 3],
        ],
        isLine: true,
      },
      { name: "b", points: [[1, 2]] },
    ],
    { isAscii: true, level: { value: 2, name: "threshold" } },
  );
  assert.match(lines.join(""), /^[\x20-\x7e]*$/);
  assert.deepEqual(plot([]), ["(nothing to plot yet)"]);
});

test("bars are as long as their counts and never vanish", () => {
  assert.deepEqual(
    barLines(
      [
        { label: "bicycle", count: 8 },
        { label: "bus", count: 4 },
        { label: "train", count: 0 },
      ],
      { width: 4 },
    ),
    ["bicycle  ████ 8", "bus      ██ 4", "train    0"],
  );
  assert.deepEqual(
    barLines(
      [
        { label: "a", count: 10_000 },
        { label: "b", count: 1 },
      ],
      { width: 4 },
    )[1],
    "b  ▏ 1",
  );
});

test("a table aligns its columns", () => {
  assert.deepEqual(
    table(
      [{ title: "class" }, { title: "n", align: "right" }],
      [
        ["bus", "7"],
        ["motorcycle", "12"],
      ],
    ),
    ["class        n", "──────────  ──", "bus          7", "motorcycle  12"],
  );
});

test("text is measured as the shipped font draws it", () => {
  // DejaVu Sans: 'i' is 569 units wide and 'm' 1995 of 2048.
  assert.ok(Math.abs(textWidth("im", 2048) - 2564) < 1e-6);
  assert.equal(textWidth("mono", 10, "mono"), textWidth("iiii", 10, "mono"));
  assert.ok(textWidth(fitted("a very long name of a state", 80, { size: 12 }), 12) <= 80);
});

test("names cannot break out of the picture", () => {
  assert.equal(escaped(`<a href="x">&'\u0000`), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\uFFFD");
});

test("an image sheet embeds each picture, marks the unsure ones and survives damaged bytes", () => {
  const bytes = encodePng({ width: 2, height: 2, data: new Uint8Array(12).fill(200) });
  const svg = imageSheetSvg(
    [
      { bytes, className: "bus", confidence: 0.99 },
      { bytes, className: "car", confidence: 0.5, note: "<at night>" },
      { bytes: new Uint8Array(3) },
    ],
    { title: "Captured", classNames: ["bus", "car"], threshold: 0.9 },
  );
  assert.equal(svg.match(/<image /g)?.length, 2);
  assert.equal(svg.match(/stroke-dasharray/g)?.length, 1);
  assert.ok(svg.includes("not a picture") && svg.includes("&lt;at night&gt;") && svg.includes("n = 3 · 1 below 0.9"));
  assert.ok(decodeImage(svgToPng(svg, { scale: 1 })).width > 400);
});
