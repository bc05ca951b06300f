import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { multiLabel } from "../task/multi-label.ts";
import { oneLabel } from "../task/one-label.ts";
import { barPicture, jobFolder } from "../testing/job-folder.ts";
import { readData } from "./read-data.ts";
import { openRecordFile } from "./record-file.ts";

// The bytes are put together here by the description of the format, independently of the reader.

const magic = [0x0a, 0x23, 0xd7, 0xce];

function frame(part: number, bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32LE((part << 29) | bytes.length);
  return Buffer.concat([Buffer.from(magic), length, bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function picture(label: number, image: Uint8Array, { id = 0, furtherLabels = [] as number[] } = {}): Uint8Array {
  const header = Buffer.alloc(24 + 4 * furtherLabels.length);
  header.writeUInt32LE(furtherLabels.length, 0);
  header.writeFloatLE(label, 4);
  header.writeBigUInt64LE(BigInt(id), 8);
  furtherLabels.forEach((value, i) => void header.writeFloatLE(value, 24 + 4 * i));
  return Buffer.concat([header, image]);
}

test("RecordIO files are a data set, and a damaged picture in them is skipped by name", async (context) => {
  const folder = jobFolder(context);
  const good = Array.from({ length: 24 }, (_, i) => frame(0, picture(i % 2, barPicture(i % 2, i), { id: i })));
  const damaged = frame(0, picture(1, Buffer.from("no picture"), { id: 99 }));
  folder.write("input/data/train/a.rec", Buffer.concat([...good, damaged]));
  folder.write("input/data/validation/b.rec", frame(0, picture(1, barPicture(1, 7))));
  const { train, validation, labels, skipped } = await readData({
    channels: join(folder.prefix, "input/data"),
    pictures: join(folder.prefix, "pictures"),
    task: oneLabel(2),
    holdOut: { share: 0.1, seed: 1 },
    height: 32,
    width: 32,
  });
  assert.deepEqual(
    [...train.labels],
    Array.from({ length: 24 }, (_, i) => i % 2),
  );
  assert.deepEqual([...(validation?.labels ?? [])], [1]);
  assert.deepEqual(labels, ["0", "1"]);
  assert.deepEqual(
    skipped.map(({ file }) => file),
    ["train/a.rec#99"],
  );
});

test("a record that was cut at the magic number is put together again", (context) => {
  const folder = jobFolder(context);
  const bytes = Buffer.concat([Buffer.from([1, 2, 3, 4]), Buffer.from(magic), Buffer.from([5, 6, 7])]);
  const whole = picture(0, bytes, { furtherLabels: [1, 0] });
  const cut = whole.length - 7;
  folder.write("cut.rec", Buffer.concat([frame(1, whole.subarray(0, cut)), frame(3, whole.subarray(cut + 4))]));
  const file = openRecordFile(join(folder.prefix, "cut.rec"), { name: "cut.rec", task: multiLabel(2) });
  const read = [...file.entries()].map((entry) => [...entry.read()]);
  file.close();
  assert.deepEqual(read, [[...bytes]]);
});

test("a damaged, cut or foreign file is refused by its name and place", (context) => {
  const folder = jobFolder(context);
  const record = frame(0, picture(0, barPicture(0, 1)));
  const refusalOf = (bytes: Uint8Array) => {
    folder.write("x.rec", bytes);
    try {
      openRecordFile(join(folder.prefix, "x.rec"), { name: "x.rec", task: oneLabel(2) }).close();
      return "none";
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(refusalOf(Buffer.from("this is something else")), /x\.rec is damaged, or no RecordIO file: at byte 0/);
  assert.match(refusalOf(record.subarray(0, record.length - 8)), /x\.rec is cut off in the record at byte 0/);
  assert.match(refusalOf(Buffer.concat([record, Buffer.from("abc")])), /at byte \d+ no record begins/);
  assert.match(refusalOf(frame(1, picture(0, barPicture(0, 1)))), /ends in the middle of a record/);
  assert.match(refusalOf(frame(3, picture(0, barPicture(0, 1)))), /the parts of the record at byte 0 do not fit/);
  assert.match(refusalOf(frame(0, Buffer.from("short"))), /record 0 of x\.rec is too short/);
  assert.match(refusalOf(frame(0, picture(2, barPicture(0, 1)))), /the label 2 of record 0 of x\.rec is unknown/);
  assert.match(refusalOf(Buffer.alloc(0)), /x\.rec holds no record/);
});
