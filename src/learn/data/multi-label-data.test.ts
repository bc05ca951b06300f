import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { multiLabel } from "../task/multi-label.ts";
import { oneLabel } from "../task/one-label.ts";
import { barPicture, type JobFolder, jobFolder } from "../testing/job-folder.ts";
import { holdOut } from "./hold-out.ts";
import { readData } from "./read-data.ts";
import { openRecordFile } from "./record-file.ts";

function readOf({ prefix }: JobFolder, { classes = 3, log }: { classes?: number; log?: (line: string) => void } = {}) {
  return readData({
    channels: join(prefix, "input/data"),
    pictures: join(prefix, "pictures"),
    task: multiLabel(classes),
    holdOut: { share: 0.1, seed: 1 },
    height: 32,
    width: 32,
    log,
  });
}

function withList(folder: JobFolder, rows: readonly string[], channel = "train"): void {
  const lines = rows.map((row, i) => `${i}\t${row}\t${i}.png`);
  folder.write(`input/data/${channel}_lst/${channel}.lst`, lines.join("\n"));
  for (let i = 0; i < rows.length; i++) folder.write(`input/data/${channel}/${i}.png`, barPicture(i % 2, i));
}

test("a .lst file with a column per class gives each picture a row of labels", async (context) => {
  const folder = jobFolder(context);
  withList(folder, ["1\t0\t1", "0\t1.000000\t0", "0\t0\t0"]);
  withList(folder, ["0\t0\t1"], "validation");
  const { train, validation, labels } = await readOf(folder);
  assert.deepEqual([...train.labels], [1, 0, 1, 0, 1, 0, 0, 0, 0]);
  assert.deepEqual([...(validation?.labels ?? [])], [0, 0, 1]);
  assert.deepEqual([train.count, labels], [3, ["0", "1", "2"]]);
});

test("columns that are not one 0 or 1 per class are refused with their line", async (context) => {
  const folder = jobFolder(context);
  withList(folder, ["1\t0\t1", "1\t0"]);
  await assert.rejects(readOf(folder), /line 2 of train\.lst has 4 columns .*, not 5 \(index, 3 labels, file\)/);
  withList(folder, ["1\t0\t1", "1\t0\t2"]);
  await assert.rejects(
    readOf(folder),
    /the label 2 in line 2 of train\.lst \(1\.png\) is unknown: with multi_label=1 there is a 0 or a 1 for each of the 3 classes/,
  );
});

test("a class that no picture shows is refused", async (context) => {
  const folder = jobFolder(context);
  withList(folder, ["1\t0\t1", "1\t0\t0"]);
  await assert.rejects(readOf(folder), /num_classes=3, but no training picture belongs to "1"/);
});

test("one folder per class cannot give a picture several", async (context) => {
  const folder = jobFolder(context);
  for (const name of ["a", "b", "c"]) folder.write(`input/data/train/${name}/1.png`, barPicture(0, 1));
  await assert.rejects(
    readOf(folder),
    /channel "train" has one folder per class, .* a \.lst file or in RecordIO files/,
  );
});

test("the labels behind the header of a record stand for the one in it", (context) => {
  const folder = jobFolder(context);
  const record = (labels: readonly number[]) => {
    const header = Buffer.alloc(32 + 4 * labels.length);
    header.writeUInt32LE(0xced7230a, 0);
    header.writeUInt32LE(header.length - 8, 4);
    header.writeUInt32LE(labels.length, 8);
    labels.forEach((label, i) => void header.writeFloatLE(label, 32 + 4 * i));
    return header;
  };
  folder.write("a.rec", Buffer.concat([record([1, 0, 1]), record([0, 0, 0])]));
  const labelsOf = (task = multiLabel(3)) => {
    const file = openRecordFile(join(folder.prefix, "a.rec"), { name: "a.rec", task });
    context.after(() => file.close());
    return [...file.entries()].map(({ labels }) => labels);
  };
  assert.deepEqual(labelsOf(), [
    [1, 0, 1],
    [0, 0, 0],
  ]);
  assert.throws(() => labelsOf(multiLabel(2)), /record 0 of a\.rec has 3 labels, not 2/);
  assert.throws(() => labelsOf(oneLabel(3)), /record 0 of a\.rec has 3 labels, not 1/);
  folder.write("a.rec", record([2]));
  assert.deepEqual(labelsOf(oneLabel(3)), [[2]]);
});

test("a picture that stands in a set twice with other labels is named with them", async (context) => {
  const folder = jobFolder(context);
  withList(folder, ["1\t0\t1", "0\t1\t0", "0\t1\t0", "0\t0\t0"]);
  for (const name of ["1", "2", "3"]) folder.write(`input/data/train/${name}.png`, barPicture(0, 5));
  const said: string[] = [];
  await readOf(folder, { log: (line) => said.push(line) });
  assert.ok(said.includes("Warning: 1 of them have another class: 3.png (none) is 1.png (1)"), said.join("\n"));
});

test("a split has its share of the rarest class, though most of its pictures show others as well", () => {
  const rows = Array.from({ length: 400 }, (_, i) => [1, i % 2, i % 40 === 0 ? 1 : 0]);
  const split = holdOut(multiLabel(3).strataOf(rows.flat()), { share: 0.2, seed: 5 });
  const shown = (k: number) => [...split.heldOut].filter((i) => rows[i]![k] === 1).length;
  assert.deepEqual([split.heldOut.length, shown(1), shown(2)], [80, 40, 2]);
});
