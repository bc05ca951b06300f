import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { oneLabel } from "../task/one-label.ts";
import { barPicture, type JobFolder, jobFolder } from "../testing/job-folder.ts";
import { holdOut } from "./hold-out.ts";
import { listEntries } from "./list-file.ts";
import { readData } from "./read-data.ts";

function readOf(
  { prefix }: JobFolder,
  options: { classes?: number; side?: number; log?: (line: string) => void } = {},
) {
  const { classes = 2, side = 32, log } = options;
  return readData({
    channels: join(prefix, "input/data"),
    pictures: join(prefix, "pictures"),
    task: oneLabel(classes),
    holdOut: { share: 0.1, seed: 1 },
    height: side,
    width: side,
    log,
  });
}

test("a .lst file gives each picture its label", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 10);
  const { train, labels, validation } = await readOf(folder);
  assert.deepEqual([...train.labels], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  assert.deepEqual(labels, ["0", "1"]);
  assert.equal(validation, undefined);
  assert.equal(statSync(train.file).size, 10 * 3 * 32 * 32);
});

test("a .lst file may lie beside the pictures", async (context) => {
  const folder = jobFolder(context);
  folder.write("input/data/train/list.lst", "0\t0\ta.png\n1\t1.000000\tdeep/b.png\n");
  folder.write("input/data/train/a.png", barPicture(0, 1));
  folder.write("input/data/train/deep/b.png", barPicture(1, 2));
  assert.deepEqual([...(await readOf(folder)).train.labels], [0, 1]);
});

test("one folder per class names the classes", async (context) => {
  const folder = jobFolder(context);
  for (const channel of ["train", "validation"]) {
    folder.write(`input/data/${channel}/bus/1.png`, barPicture(0, 1));
    folder.write(`input/data/${channel}/van/1.png`, barPicture(1, 2, 48));
  }
  const { labels, train, validation } = await readOf(folder);
  assert.deepEqual(labels, ["bus", "van"]);
  assert.deepEqual([train.count, validation?.count], [2, 2]);
});

test("pictures of a class may lie deeper in its folder, beside files that are none", async (context) => {
  const folder = jobFolder(context);
  folder.write("input/data/train/bus/1.png", barPicture(0, 1));
  folder.write("input/data/train/bus/2021/summer/2.PNG", barPicture(0, 2));
  folder.write("input/data/train/bus/.DS_Store", "hidden");
  folder.write("input/data/train/bus/notes.txt", "no picture");
  folder.write("input/data/train/van/3", barPicture(1, 3));
  const lines: string[] = [];
  const { train } = await readOf(folder, { log: (line) => lines.push(line) });
  assert.deepEqual([...train.labels], [0, 0, 1]);
  assert.deepEqual(lines, [
    'Warning: files of channel "train" that are no pictures by their names are passed over: bus/notes.txt',
  ]);
});

test("label_categories.json names the classes of a .lst file", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 4);
  folder.write("input/data/train/label_categories.json", '{"key_mapping":{"0":"bicycle","1":"motorcycle"}}');
  assert.deepEqual((await readOf(folder)).labels, ["bicycle", "motorcycle"]);
});

test("a few damaged pictures are listed and skipped", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 40);
  folder.write("input/data/train/7.png", "this is no picture");
  const lines: string[] = [];
  const { train, skipped } = await readOf(folder, { log: (line) => lines.push(line) });
  assert.equal(train.count, 39);
  assert.deepEqual(
    skipped.map(({ file }) => file),
    ["train/7.png"],
  );
  assert.ok(lines.some((line) => /Warning: 1 of 40 pictures.*7\.png/.test(line)));
});

test("many damaged pictures are refused by name", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 10);
  folder.write("input/data/train/7.png", barPicture(1, 1).subarray(0, 100));
  await assert.rejects(
    readOf(folder),
    /1 of 10 pictures of channel "train" cannot be read: train\/7\.png .*more than 5 %/,
  );
});

test("of many files that are not there the first ten are named, and the others counted", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 4);
  const lines = Array.from({ length: 25 }, (_, i) => `${i}\t${i % 2}\tgone-${i}.png\n`);
  folder.write("input/data/train_lst/train.lst", lines.join(""));
  await assert.rejects(
    readOf(folder),
    /25 of 25 pictures.*gone-0\.png .*gone-9\.png \(no such file\) and 15 more\. That/,
  );
});

test("a picture that has two labels is named", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 10);
  const lines = [...Array.from({ length: 10 }, (_, i) => `${i}\t${i % 2}\t${i}.png`), "10\t1\t4.png", "11\t0\t6.png"];
  folder.write("input/data/train_lst/train.lst", lines.join("\n"));
  const said: string[] = [];
  const { train } = await readOf(folder, { log: (line) => said.push(line) });
  assert.equal(train.count, 12);
  assert.ok(
    said.includes(
      "Warning: 2 training pictures are, byte for byte, others of them; none is held out of which another copy is trained on.",
    ),
    said.join("\n"),
  );
  assert.ok(said.includes("Warning: 1 of them have another class: 4.png (1) is 4.png (0)"), said.join("\n"));
});

test("a label outside the classes is refused with its line", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 4);
  folder.write("input/data/train_lst/train.lst", "0\t0\t0.png\n1\t2\t1.png\n");
  await assert.rejects(readOf(folder), /the label 2 in line 2 of train\.lst \(1\.png\) is unknown.*labels are 0 to 1/);
});

test("a class without pictures is refused", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 4);
  await assert.rejects(readOf(folder, { classes: 3 }), /num_classes=3, but no training picture belongs to "2"/);
});

test("more class folders than classes are refused", async (context) => {
  const folder = jobFolder(context);
  for (const name of ["a", "b", "c"]) folder.write(`input/data/train/${name}/1.png`, barPicture(0, 1));
  await assert.rejects(readOf(folder), /num_classes=2, but channel "train" has 3 class folders: a, b, c/);
});

test("a class that only validation has is refused", async (context) => {
  const folder = jobFolder(context);
  for (const name of ["train/a", "train/b", "validation/a", "validation/z"]) {
    folder.write(`input/data/${name}/1.png`, barPicture(0, 1));
  }
  await assert.rejects(readOf(folder), /the class "z" of channel "validation" is unknown: training has a, b/);
});

test("a .lst line that leaves the folder is refused", (context) => {
  const folder = jobFolder(context);
  const entriesOf = (text: string) => {
    folder.write("x.lst", text);
    return [...listEntries(join(folder.prefix, "x.lst"), { name: "x.lst", task: oneLabel(2) })];
  };
  assert.throws(() => entriesOf("0\t0\t../secret.png"), /not a file inside/);
  assert.throws(() => entriesOf("0 0 a.png"), /line 1 of x\.lst has 1 columns/);
});

test("a .lst file of many chunks, of Windows and with names in other scripts is read line by line", (context) => {
  const folder = jobFolder(context);
  const names = Array.from({ length: 20_000 }, (_, i) => `vélo 自転車 ${i}.png`);
  folder.write("x.lst", `\uFEFF${names.map((name, i) => `${i}\t${i % 2}\t${name}\r\n`).join("")}`);
  const entries = [...listEntries(join(folder.prefix, "x.lst"), { name: "x.lst", task: oneLabel(2) })];
  assert.deepEqual(
    entries.map(({ file }) => file),
    names,
  );
});

test("held-out pictures come from every class, the same for the same seed", () => {
  const labels = Array.from({ length: 100 }, (_, i) => (i < 80 ? 0 : 1));
  const split = holdOut(labels, { share: 0.1, seed: 5 });
  assert.deepEqual([...split.heldOut].map((i) => labels[i]).sort(), [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
  assert.equal(split.train.length, 90);
  assert.deepEqual(holdOut(labels, { share: 0.1, seed: 5 }), split);
});
