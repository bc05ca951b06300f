import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { decodeImage } from "../images/decode-image.ts";
import { type DrawnPicture, drawnDataSet } from "./data-set.ts";
import { drawVehicle, vehicleKinds } from "./draw-vehicle.ts";

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

test("the same kind, seed and size give the same picture", () => {
  const draw = () => digest(drawVehicle({ kind: "motorcycle", seed: 7, size: 48 }).data);
  assert.equal(draw(), draw());
});

test("another seed gives another picture of every kind", () => {
  const pictures = vehicleKinds.flatMap((kind) =>
    [1, 2, 3].map((seed) => digest(drawVehicle({ kind, seed, size: 32 }).data)),
  );
  assert.equal(new Set(pictures).size, vehicleKinds.length * 3);
});

test("every kind is drawn at icon, thumbnail and full size", () => {
  const sizes = vehicleKinds.flatMap((kind) =>
    [16, 32, 64, 256].map((size) => drawVehicle({ kind, seed: "sizes", size }).data.length),
  );
  assert.deepEqual(
    sizes,
    vehicleKinds.flatMap(() => [16 * 16 * 3, 32 * 32 * 3, 64 * 64 * 3, 256 * 256 * 3]),
  );
});

test("the scene behind a vehicle does not depend on which vehicle stands in it", () => {
  const conditions = { noise: 0, blur: 0, rotateDegrees: 0, light: "day", weather: "clear" } as const;
  const corner = (kind: "bicycle" | "bus") =>
    drawVehicle({ kind, seed: "scene-3", size: 64, conditions }).data.subarray(0, 64 * 3);
  assert.deepEqual(corner("bicycle"), corner("bus"));
});

test("night is darker than day and fog has less contrast", () => {
  const draw = (conditions: object) =>
    drawVehicle({ kind: "bus", seed: "light", size: 32, conditions: { noise: 0, exposure: 1, ...conditions } }).data;
  const deviation = (values: Uint8Array) =>
    Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / values.length);
  assert.ok(
    mean(draw({ light: "night", weather: "clear", severity: 1 })) <
      0.5 * mean(draw({ light: "day", weather: "clear" })),
  );
  const day = { light: "day", place: "city" };
  assert.ok(
    deviation(draw({ ...day, weather: "fog", severity: 1 })) < 0.7 * deviation(draw({ ...day, weather: "clear" })),
  );
});

test("an unknown vehicle is refused by name", () => {
  assert.throws(() => drawVehicle({ kind: "boat" as "bus", seed: 1, size: 32 }), /there is no vehicle "boat"/);
});

test("a drawn data set holds what was asked for, once, as 8-bit PNG", async () => {
  const pictures = await collect(
    drawnDataSet({ seed: 1, size: 32, perClass: { train: 4, test: 2 }, classes: ["bicycle", "motorcycle"] }),
  );
  const count = (split: string, label: number) =>
    pictures.filter((picture) => picture.split === split && picture.label === label).length;
  assert.deepEqual([count("train", 0), count("train", 1), count("test", 0), count("test", 1)], [4, 4, 2, 2]);
  assert.equal(new Set(pictures.map((picture) => picture.name)).size, 12);
  assert.equal(new Set(pictures.map((picture) => digest(picture.png))).size, 12);
  assert.deepEqual(
    pictures.map((picture) => decodeImage(picture.png).width),
    Array(12).fill(32),
  );
  assert.deepEqual([pictures[0]?.png[24], pictures[0]?.png[25]], [8, 2]);
});

async function collect(source: AsyncIterable<DrawnPicture>): Promise<DrawnPicture[]> {
  const pictures: DrawnPicture[] = [];
  for await (const picture of source) pictures.push(picture);
  return pictures;
}
