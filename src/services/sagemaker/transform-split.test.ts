import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordError, recordsOf, type Split } from "./transform-split.ts";

/** The text "123456789" as TensorFlow writes it; its CRC-32C is e3069283. */
const tfRecord = Buffer.from("090000000000000037f97139313233343536373839e5b08ac7", "hex");

test("lines are the same in whatever pieces they come", async () => {
  const text = "one\r\n\ntwo, and more\nthree without an end";
  const wanted = ["one", "", "two, and more", "three without an end"];
  const inPieces = await Promise.all([1, 2, 3, 7, 100].map((size) => dataOf(Buffer.from(text), "Line", { size })));
  assert.deepEqual(
    inPieces,
    inPieces.map(() => wanted),
  );
  assert.deepEqual(await dataOf(Buffer.alloc(0), "Line"), []);
});

test("a RecordIO record is joined from its parts, with the magic that was cut out, and keeps its frame beside it", async () => {
  const object = Buffer.concat([frame(0, "abcde"), frame(1, "head"), frame(2, "mid!"), frame(3, "tail"), frame(0, "")]);
  const magic = "\n#\u00d7\u00ce";
  assert.deepEqual(await dataOf(object, "RecordIO", { size: 5 }), ["abcde", `head${magic}mid!${magic}tail`, ""]);
  assert.deepEqual(Buffer.concat((await recordsIn(object, "RecordIO")).map(({ framed }) => framed)), object);
});

test("a TFRecord is what TensorFlow writes, and every damaged byte of it is noticed", async () => {
  const object = Buffer.concat([tfRecord, tfRecord]);
  assert.deepEqual(await dataOf(object, "TFRecord", { size: 4 }), ["123456789", "123456789"]);
  const outcomes = await Promise.all(
    Array.from(object, (byte, at) => {
      const damaged = Buffer.from(object);
      damaged[at] = byte ^ 1;
      return refusal(damaged, "TFRecord");
    }),
  );
  assert.equal(outcomes.filter((text) => text === "accepted").length, 0);
});

test("objects that end in the middle, and those of another format, are refused with the place", async () => {
  assert.match(await refusal(tfRecord.subarray(0, 15), "TFRecord"), /ends in the middle of a TFRecord/);
  assert.match(
    await refusal(frame(0, "abcdefgh").subarray(0, 12), "RecordIO"),
    /ends in the middle of a RecordIO record/,
  );
  assert.match(await refusal(frame(1, "head"), "RecordIO"), /ends in the middle of a RecordIO record/);
  assert.match(
    await refusal(Buffer.concat([frame(0, "abcd"), tfRecord]), "RecordIO"),
    /At byte 12 .* no RecordIO record/,
  );
  assert.match(await refusal(Buffer.from("no records at all"), "TFRecord"), /At byte 0 .* no TFRecord begins/);
});

test("records that are too long are refused before they are collected", async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    for (; read < 1_000; read++) yield Buffer.alloc(1_000, "x");
  }
  await assert.rejects(async () => {
    for await (const _ of recordsOf(endless(), "Line", 10_000));
  }, /larger than MaxPayloadInMB allows/);
  assert.ok(read < 50, `${read} pieces`);
  assert.match(await refusal(frame(0, "x".repeat(20_000)).subarray(0, 8), "RecordIO"), /larger than MaxPayloadInMB/);
});

function frame(part: number, data: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0xced7230a, 0);
  head.writeUInt32LE(part * 2 ** 29 + data.length, 4);
  return Buffer.concat([head, Buffer.from(data), Buffer.alloc((4 - (data.length % 4)) % 4)]);
}

async function* pieces(object: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < object.length; at += size) yield object.subarray(at, at + size);
}

async function recordsIn(object: Buffer, split: Split, { size = 64 * 1024 } = {}) {
  const records = [];
  for await (const group of recordsOf(pieces(object, size), split, 10_000)) records.push(...group);
  return records;
}

async function dataOf(object: Buffer, split: Split, options = {}): Promise<string[]> {
  return (await recordsIn(object, split, options)).map(({ data }) => data.toString("latin1"));
}

async function refusal(object: Buffer, split: Split): Promise<string> {
  try {
    await recordsIn(object, split);
    return "accepted";
  } catch (error) {
    assert.ok(error instanceof RecordError);
    return error.message;
  }
}
