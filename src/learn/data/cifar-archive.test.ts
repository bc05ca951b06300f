import assert from "node:assert/strict";
import { createWriteStream, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type TestContext, test } from "node:test";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import { oneLabel } from "../task/one-label.ts";
import { jobFolder, temporaryFolder } from "../testing/job-folder.ts";
import { readCifarArchive } from "./cifar-archive.ts";
import { cifarPicture } from "./cifar-batch.ts";
import { readPickle } from "./pickle.ts";
import { readData } from "./read-data.ts";

const shared = process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "..", "shared");

test("a pickle that names a function to be executed is refused", () => {
  const bytes = Buffer.from("\x80\x02cposix\nsystem\nq\x00U\x04echoq\x01\x85q\x02Rq\x03.", "latin1");
  assert.throws(() => readPickle(bytes), /names posix\.system, which is never executed/);
});

test("a pickle that ends in the middle is refused", () => {
  assert.throws(() => readPickle(Buffer.from("\x80\x02}q\x00U\x05dat", "latin1")), /ends in the middle/);
});

test("a CIFAR-100 archive gives its pictures, labels and names", async (context) => {
  const path = await archive(context, { train: batch(4), test: batch(2), meta: meta() });
  const { labels, train, test } = await readCifarArchive(path);
  assert.deepEqual(labels, ["apple", "bee"]);
  assert.deepEqual(
    [train.labels, test.labels],
    [
      [0, 1, 0, 1],
      [0, 1],
    ],
  );
  assert.deepEqual(cifarPicture(train, 1), { width: 32, height: 32, data: new Uint8Array(3072).fill(1) });
  assert.deepEqual(train.names.slice(0, 2), ["0.png", "1.png"]);
});

test("archives of the binary form give their pictures, labels and names", async (context) => {
  const hundred = await archive(context, {
    "train.bin": records([7, 1], [7, 0], [7, 1]),
    "test.bin": records([7, 0]),
    "fine_label_names.txt": Buffer.from("apple\nbee\n"),
    "coarse_label_names.txt": Buffer.from("food\n"),
  });
  const one = await readCifarArchive(hundred);
  assert.deepEqual([one.labels, one.train.labels, one.test.labels], [["apple", "bee"], [1, 0, 1], [0]]);
  assert.deepEqual(one.train.names, ["train-0.png", "train-1.png", "train-2.png"]);
  const { data } = cifarPicture(one.train, 2);
  assert.deepEqual([...data.subarray(0, 4), data.at(-1)], [2, 102, 202, 2, 202]);

  const batches = [1, 2, 3, 4, 5].map((n): [string, Buffer] => [`data_batch_${n}.bin`, records([n % 2])]);
  const ten = await archive(context, {
    ...Object.fromEntries(batches),
    "test_batch.bin": records([0], [1]),
    "batches.meta.txt": Buffer.from("airplane\r\nship\r\n\r\n"),
  });
  const other = await readCifarArchive(ten);
  assert.deepEqual(
    [other.labels, other.train.labels, other.test.labels],
    [
      ["airplane", "ship"],
      [1, 0, 1, 0, 1],
      [0, 1],
    ],
  );
  assert.equal(other.train.names[4], "data_batch_5-0.png");
});

test("binary members that are no records, or have labels without a name, are refused", async (context) => {
  const members = { "test.bin": records([0, 0]), "fine_label_names.txt": Buffer.from("apple\nbee\n") };
  const cut = await archive(context, { ...members, "train.bin": records([0, 0]).subarray(0, 3000) });
  await assert.rejects(readCifarArchive(cut), /member "train\.bin" has 3000 bytes, which are no records of 3074/);
  const unknown = await archive(context, { ...members, "train.bin": records([0, 2]) });
  await assert.rejects(readCifarArchive(unknown), /names 2 classes, but has the label 2/);
});

test("a CIFAR archive in the training channel is read and checked like other channels", async (context) => {
  const folder = jobFolder(context);
  const path = await archive(context, { train: batch(4), test: batch(2), meta: meta() });
  folder.write("input/data/train/cifar-100-python.tar.gz", readFileSync(path));
  const lines: string[] = [];
  const data = await readData({
    channels: join(folder.prefix, "input/data"),
    pictures: join(folder.prefix, "pictures"),
    task: oneLabel(2),
    holdOut: { share: 0.1, seed: 1 },
    height: 16,
    width: 16,
    log: (line) => lines.push(line),
  });
  assert.deepEqual([data.labels, data.train.count, data.validation?.count], [["apple", "bee"], 4, 2]);
  assert.equal(data.train.width, 16);
  assert.ok(data.nearDuplicates.length > 0);
  assert.match(lines.join("\n"), /Warning: \d+ pairs of pictures stand in both channels.*0\.png is like 0\.png/);
});

test("a CIFAR archive without one of its members is refused", async (context) => {
  const path = await archive(context, { train: batch(4), meta: meta() });
  await assert.rejects(readCifarArchive(path), /has no member "test": it is incomplete/);
});

test("a CIFAR-100 archive that is cut off is refused as a whole", async (context) => {
  const path = join(shared, "data/cifar-100-partial/cifar-100-python.tar.gz");
  if (!existsSync(path)) return context.skip(`${path} is not there`);
  await assert.rejects(readCifarArchive(path), /cifar-100-python\.tar\.gz is cut off or damaged.*nothing was read/);
});

test("a file that is no archive is refused", async (context) => {
  const folder = jobFolder(context);
  folder.write("x.tar.gz", "not gzip");
  await assert.rejects(
    readCifarArchive(join(folder.prefix, "x.tar.gz")),
    /is cut off or damaged \(incorrect header check\)/,
  );
});

async function archive(context: TestContext, members: Record<string, Buffer>): Promise<string> {
  const path = join(temporaryFolder(context), "cifar-100-python.tar.gz");
  const tar = pack();
  for (const [name, bytes] of Object.entries(members)) tar.entry({ name: `cifar-100-python/${name}` }, bytes);
  tar.finalize();
  await pipeline(tar, createGzip(), createWriteStream(path));
  return path;
}

/** Records of labels and a picture, whose red is its number, green 100 and blue 200 more. */
function records(...labels: number[][]): Buffer {
  const planes = (n: number) => [0, 100, 200].map((more) => Buffer.alloc(1024, n + more));
  return Buffer.concat(labels.flatMap((one, n) => [Buffer.from(one), ...planes(n)]));
}

/** As Python 2 pickled it with protocol 2: byte strings, and an array rebuilt by numpy. */
function batch(count: number): Buffer {
  const rows = Buffer.alloc(count * 3072);
  for (let i = 0; i < count; i++) rows.fill(i, i * 3072, (i + 1) * 3072);
  const names = Array.from({ length: count }, (_, i) => shortString(`${i}.png`));
  const labels = Array.from({ length: count }, (_, i) => Buffer.from([0x4b, i % 2]));
  const array = Buffer.concat([
    Buffer.from("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01", "latin1"),
    Buffer.from([0x4a, count, 0, 0, 0, 0x4d, 0x00, 0x0c, 0x86]),
    Buffer.from(
      "cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
      "latin1",
    ),
    Buffer.from([0x54]),
    Buffer.from(Uint32Array.of(rows.length).buffer),
    rows,
    Buffer.from("tb", "latin1"),
  ]);
  return dictionary([
    ["data", array],
    ["fine_labels", list(labels)],
    ["filenames", list(names)],
  ]);
}

function meta(): Buffer {
  return dictionary([["fine_label_names", list([shortString("apple"), shortString("bee")])]]);
}

function dictionary(entries: [string, Buffer][]): Buffer {
  const body = entries.flatMap(([key, value]) => [shortString(key), value]);
  return Buffer.concat([Buffer.from("\x80\x02}q\x01(", "latin1"), ...body, Buffer.from("u.")]);
}

function list(values: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from("]("), ...values, Buffer.from("e")]);
}

function shortString(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x55, text.length]), Buffer.from(text)]);
}
