import assert from "node:assert/strict";
import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodePpm } from "../../images/ppm.ts";
import { oneLabel } from "../task/one-label.ts";
import { barPicture, jobFolder } from "../testing/job-folder.ts";
import { type Decoded, decodePictures } from "./decode-pictures.ts";
import type { Item } from "./list-channel.ts";
import { readData } from "./read-data.ts";

/** Pictures of one colour, their number; one is damaged, one is not there. */
function* items(count: number): Generator<Item, void> {
  for (let i = 0; i < count; i++) {
    const data = new Uint8Array(3 * 4 * 4).fill(i);
    const read = () => {
      if (i === 1234) throw Object.assign(new Error("gone"), { code: "ENOENT" });
      return i === 700 ? new Uint8Array([1, 2, 3]) : encodePpm({ width: 4, height: 4, data });
    };
    yield { name: `${i}.ppm`, labels: [i % 2], read };
  }
}

async function all(count: number, threads: number): Promise<Decoded[]> {
  const seen = { height: 2, width: 2 };
  const decoded: Decoded[] = [];
  for await (const one of decodePictures({ count, items: () => items(count) }, { seen, threads })) decoded.push(one);
  return decoded;
}

test("pictures come from several threads as they come from one, in their order", async () => {
  const decoded = await all(3000, 3);
  assert.deepEqual(
    decoded.map(({ item, planes, reason }) => [item.name, planes, reason]),
    (await all(3000, 1)).map(({ item, planes, reason }) => [item.name, planes, reason]),
  );
  assert.deepEqual(decoded[2999]!.planes, new Uint8Array(12).fill(2999));
  assert.match(decoded[700]!.reason!, /not a PNG, JPEG/);
  assert.equal(decoded[1234]!.reason, "no such file");
});

test("a data set is the same whether one thread decodes it or several", async (context) => {
  const folder = jobFolder(context);
  for (let i = 0; i < 1001; i++) folder.write(`input/data/train/${i % 2}/${i}.png`, barPicture(i % 2, i, 10));
  const options = { ...optionsOf(folder.prefix), crop: { height: 0.5, width: 0.5 } };
  const { train } = await readData(options);
  assert.deepEqual((await readData({ ...options, threads: 2 })).train, train);
});

test("a file that is too large is skipped unread", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 40);
  truncateSync(join(folder.prefix, "input/data/train/7.png"), 3 * 1024 ** 3);
  const { skipped } = await readData(optionsOf(folder.prefix));
  assert.deepEqual(skipped, [
    { file: "train/7.png", reason: "the file has 3221225472 bytes; at most 16777216 are read" },
  ]);
});

test("reading ends when it is told to, and leaves no pictures", async (context) => {
  const folder = jobFolder(context);
  folder.pictures("train", 10);
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(readData({ ...optionsOf(folder.prefix), signal }), /enough/);
  assert.deepEqual(readdirSync(join(folder.prefix, "pictures")), []);
});

function optionsOf(prefix: string) {
  return {
    channels: join(prefix, "input/data"),
    pictures: join(prefix, "pictures"),
    task: oneLabel(2),
    holdOut: { share: 0.1, seed: 1 },
    height: 32,
    width: 32,
  };
}
