import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeImage } from "../../images/decode-image.ts";
import { encodePng } from "../../images/png-encode.ts";
import { randomFrom } from "../random.ts";
import { oneLabel } from "../task/one-label.ts";
import { barPicture, jobFolder, temporaryFolder } from "../testing/job-folder.ts";
import { balancedShowings } from "./balance.ts";
import { holdOut } from "./hold-out.ts";
import { hashed, nearDuplicates } from "./near-duplicates.ts";
import { openPictures, pictureSetBuilder, withPictures } from "./picture-set.ts";
import { readData } from "./read-data.ts";

test("pictures that stand in both channels are named", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 12);
  folder.pictures("validation", 4);
  folder.write("input/data/validation/3.png", barPicture(1, 7 + 12_000));
  const data = await readData({
    channels: join(folder.prefix, "input/data"),
    pictures: join(folder.prefix, "pictures"),
    task: oneLabel(2),
    holdOut: { share: 0.1, seed: 1 },
    height: 32,
    width: 32,
  });
  assert.deepEqual(data.nearDuplicates, [{ train: "7.png", measured: "3.png", distance: 0 }]);
});

test("held-out pictures that are like ones that are trained on are named", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 40);
  for (let i = 0; i < 20; i++) {
    const { width, height, data } = decodeImage(barPicture(i % 2, i));
    folder.write(`input/data/train/${i}.png`, encodePng({ width, height, data }));
    folder.write(`input/data/train/${i + 20}.png`, encodePng({ width, height, data: data.map((value) => value + 1) }));
  }
  const lines: string[] = [];
  const { split, heldOutDuplicates } = await readData({
    channels: join(folder.prefix, "input/data"),
    pictures: join(folder.prefix, "pictures"),
    task: oneLabel(2),
    holdOut: { share: 0.1, seed: 3 },
    height: 32,
    width: 32,
    log: (line) => lines.push(line),
  });
  assert.equal(split.heldOut.length, 4);
  const twins = [...split.heldOut].map((held) => ({
    train: `${(held + 20) % 40}.png`,
    measured: `${held}.png`,
    distance: 1,
  }));
  assert.deepEqual(heldOutDuplicates, twins);
  assert.match(lines.join("\n"), /Warning: 4 pairs of a held-out picture and one that is trained on are alike/);
});

test("no copy of a picture that is trained on is held out", () => {
  const labels = Array.from({ length: 60 }, () => 0);
  const firstOf = Uint32Array.from(labels, (_, i) => i - (i % 2));
  const { train, heldOut } = holdOut(labels, { share: 0.5, seed: 2, firstOf });
  assert.ok(heldOut.length > 0);
  assert.equal(train.length + heldOut.length, 60);
  const trained = new Set([...train].map((i) => firstOf[i]));
  assert.deepEqual(
    [...heldOut].filter((i) => trained.has(firstOf[i])),
    [],
  );
});

test("a picture that was compressed again, made brighter or noisy is found in the other set; a like one is not", (context) => {
  const folder = temporaryFolder(context);
  const random = randomFrom(5);
  const scene = (seed: number, change: (value: number) => number) => {
    const own = randomFrom(seed);
    const corners = Array.from({ length: 16 }, () => own.integer(200));
    return Uint8Array.from({ length: 3 * 1024 }, (_, i) => {
      const [y, x] = [(i % 1024) >> 5, i % 32];
      return Math.max(0, Math.min(255, change(20 + corners[(y >> 3) * 4 + (x >> 3)]!)));
    });
  };
  const setOf = (pictures: Uint8Array[], name: string) => {
    const builder = pictureSetBuilder(pictures.length, { file: join(folder, name), height: 32, width: 32 });
    for (const picture of pictures) builder.add(picture, [0]);
    return builder.finish();
  };
  const same = (value: number) => value;
  const first = setOf(
    [1, 2, 3, 4].map((seed) => scene(seed, same)),
    "first",
  );
  const noisy = scene(2, (value) => value + random.integer(7) - 3);
  const brighter = scene(3, (value) => value + 8);
  const pairs = nearDuplicates(hashed(first), hashed(setOf([scene(9, same), noisy, brighter], "second")));
  assert.deepEqual(
    pairs.map((pair) => [pair.first, pair.second]),
    [
      [1, 1],
      [2, 2],
    ],
  );
});

test("pictures of rare classes are shown again, each time as another showing", () => {
  const labels = Int32Array.from({ length: 110 }, (_, i) => (i < 100 ? 0 : 1));
  const indices = Uint32Array.from(labels, (_, i) => i);
  const showings = balancedShowings(indices, { labels, count: 110, classes: 2, seed: 1 });
  const rare = [...showings].filter((showing) => labels[showing % 110] === 1);
  assert.equal(rare.length, 32);
  assert.equal(new Set(showings).size, showings.length);
  const even = indices.subarray(95, 105);
  assert.equal(balancedShowings(even, { labels, count: 110, classes: 2, seed: 1 }), even);
});

test("pictures of two sets are compared at the size that they are trained on", (context) => {
  const builder = pictureSetBuilder(1, { file: join(temporaryFolder(context), "tiny"), height: 5, width: 6 });
  builder.add(new Uint8Array(90), [0]);
  const tiny = builder.finish();
  assert.equal(nearDuplicates(hashed(tiny), hashed(tiny)).length, 1);
});

test("a set gives back every picture that it was given, in any order", (context) => {
  const pictures = Array.from({ length: 500 }, (_, i) => Uint8Array.from({ length: 3072 }, (_, j) => i * 7 + j));
  const builder = pictureSetBuilder(600, { file: join(temporaryFolder(context), "set"), height: 32, width: 32 });
  pictures.forEach((picture, i) => void builder.add(picture, [i % 3]));
  const set = builder.finish();
  assert.deepEqual([set.count, set.labels.length, set.labels[499]], [500, 500, 1]);
  const open = openPictures(set);
  const different = pictures.filter((_, i) => Buffer.compare(open.at(499 - i), pictures[499 - i]!) !== 0);
  open.close();
  assert.deepEqual(different, []);
  assert.throws(() => withPictures(set, (other) => other.at(500)), /there is no picture 500 among 500/);
});

test("a set that the disk has no room for is refused before its first picture", (context) => {
  const folder = temporaryFolder(context);
  assert.throws(
    () => pictureSetBuilder(2 ** 40, { file: join(folder, "set"), height: 64, width: 64 }),
    /no space is left on the disk: 1099511627776 decoded pictures of 64x64 need \d+ MiB in .*, and \d+ MiB are left/,
  );
  assert.deepEqual(readdirSync(folder), []);
});

test("of a set that stands in the other one whole the first 10,000 pairs are found", (context) => {
  const folder = temporaryFolder(context);
  const setOf = (count: number, name: string) => {
    const builder = pictureSetBuilder(count, { file: join(folder, name), height: 8, width: 9 });
    for (let i = 0; i < count; i++) builder.add(new Uint8Array(216), [0]);
    return builder.finish();
  };
  const pairs = nearDuplicates(hashed(setOf(200, "first")), hashed(setOf(100, "second")));
  assert.equal(pairs.length, 10_000);
});
