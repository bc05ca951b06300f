import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Picture } from "./data-set.ts";
import { folderDataSet } from "./folder-data-set.ts";

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "scones-folder-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

function picturesOf(folder: string): Picture[] {
  return [...(folderDataSet(folder).pictures as Picture[])];
}

const listed = {
  "train.lst": "7\t0\ta.png\n9\t1\tb.png\n",
  "test.lst": "3\t1\tc.png\n4\t0\td.png\n",
  "train/a.png": "a",
  "train/b.png": "b",
  "test/c.png": "c",
  "test/d.png": "d",
};

test("lists name the pictures, their rows and their labels", () => {
  const pictures = picturesOf(folderOf(listed)).map(({ split, row, label, name }) => [split, row, label, name]);
  assert.deepEqual(pictures, [
    ["train", 7, 0, "a.png"],
    ["train", 9, 1, "b.png"],
    ["test", 3, 1, "c.png"],
    ["test", 4, 0, "d.png"],
  ]);
});

test("class names come from label_categories.json", () => {
  const folder = folderOf({ ...listed, "label_categories.json": '{"key_mapping":{"0":"bicycle","1":"motorcycle"}}' });
  assert.deepEqual(folderDataSet(folder).classes, ["bicycle", "motorcycle"]);
});

test("a list that names a missing file is refused with its line", () => {
  const folder = folderOf({ ...listed, "test.lst": "3\t1\tc.png\n4\t0\tgone.png\n" });
  assert.throws(() => folderDataSet(folder), /test\.lst line 2 names gone\.png/);
});

test("a line that is no list line is refused with its number", () => {
  const folder = folderOf({ ...listed, "train.lst": "7\t0\ta.png\nnonsense\n" });
  assert.throws(() => folderDataSet(folder), /train\.lst line 2 is not/);
});

test("one folder per class is split the same way every time, with every class on both sides", () => {
  const files: Record<string, string> = {};
  for (let i = 0; i < 10; i++) {
    files[`bike/${i}.png`] = "x";
    files[`motor/${i}.jpg`] = "x";
  }
  const folder = folderOf(files);
  const heldOut = picturesOf(folder).filter((picture) => picture.split === "test");
  assert.deepEqual(
    [0, 1].map((label) => heldOut.filter((picture) => picture.label === label).length),
    [2, 2],
  );
  assert.deepEqual(
    picturesOf(folderOf(files)).map((picture) => [picture.split, picture.name]),
    picturesOf(folder).map((picture) => [picture.split, picture.name]),
  );
});

test("train and test folders per class keep their split", () => {
  const folder = folderOf({
    "train/bike/1.png": "x",
    "train/motor/1.png": "x",
    "test/bike/2.png": "x",
    "test/motor/2.png": "x",
  });
  assert.deepEqual(
    picturesOf(folder).map((picture) => `${picture.split}/${picture.name}`),
    ["train/bike/1.png", "train/motor/1.png", "test/bike/2.png", "test/motor/2.png"],
  );
});

test("pictures deeper in a class's folder belong to it under names of their own", () => {
  const folder = folderOf({
    "train/bike/2020/1.png": "x",
    "train/bike/2021/1.png": "x",
    "train/bike/.trash/1.png": "x",
    "train/motor/1.png": "x",
    "test/bike/2.png": "x",
    "test/motor/2.png": "x",
  });
  assert.deepEqual(
    picturesOf(folder).map((picture) => `${picture.split}/${picture.name}`),
    ["train/bike/2020/1.png", "train/bike/2021/1.png", "train/motor/1.png", "test/bike/2.png", "test/motor/2.png"],
  );
});

test("a class that only the test folder has is refused by name", () => {
  const folder = folderOf({
    "train/bike/1.png": "x",
    "train/motor/1.png": "x",
    "test/bike/2.png": "x",
    "test/tank/2.png": "x",
  });
  assert.throws(() => folderDataSet(folder), /classes that train\/ has not: tank/);
});

test("a folder without pictures says what was looked for", () => {
  assert.throws(
    () => folderDataSet(folderOf({ "notes.txt": "x" })),
    /neither a train\.lst nor a folder of pictures per class/,
  );
});
