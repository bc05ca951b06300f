import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { create, ended, unpacked, withData } from "./testing/training.ts";

// What a channel may be, and what a job says when it is not there.

const builtIn = {
  AlgorithmSpecification: {
    TrainingImage: "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
    TrainingInputMode: "Pipe",
  },
};

function channel(S3DataSource: object, changes: object = {}) {
  return { InputDataConfig: [{ ChannelName: "train", DataSource: { S3DataSource }, ...changes }] };
}

/** A world whose built-in algorithm keeps what it was given. */
function keepingInputs() {
  const args = ["-c", 'cd "$SCONES_ML_PREFIX"; cp -r input/data input/config model/'];
  return withData({
    algorithms: { "image-classification": () => ({ command: "/bin/sh", args, metricDefinitions: [] }) },
  });
}

test("a manifest names the objects of a channel", async () => {
  const world = await keepingInputs();
  await world.blobs.put("data/lists/some.manifest", '[{"prefix":"s3://data/set/"},"train/deep/b.txt","train.lst"]');
  const sagemaker = world.start();
  const source = { S3DataType: "ManifestFile", S3Uri: "s3://data/lists/some.manifest" };
  await create(sagemaker, "job", "", { ...builtIn, ...channel(source) });
  const job = await ended(sagemaker, "job");
  const folder = await unpacked(world, "out/models/job/output/model.tar.gz");
  await sagemaker.close();
  assert.equal(job.TrainingJobStatus, "Completed", job.FailureReason);
  assert.equal(readFileSync(join(folder, "data/train/train/deep/b.txt"), "utf8"), "second");
  assert.equal(readFileSync(join(folder, "data/train/train.lst"), "utf8"), "list");
  world.forget();
});

test("an augmented manifest becomes pictures with a list of their classes", async () => {
  const world = await keepingInputs();
  const line = (file: string, label: number, className: string) =>
    JSON.stringify({
      "source-ref": `s3://data/set/${file}`,
      kind: label,
      "kind-metadata": { "class-name": className },
    });
  const lines = [line("train/a.txt", 1, "motorcycle"), line("train/deep/b.txt", 0, "bicycle"), ""];
  await world.blobs.put("data/lists/augmented.manifest", lines.join("\n"));
  const sagemaker = world.start();
  const source = {
    S3DataType: "AugmentedManifestFile",
    S3Uri: "s3://data/lists/augmented.manifest",
    AttributeNames: ["source-ref", "kind"],
  };
  await create(sagemaker, "job", "", { ...builtIn, ...channel(source, { RecordWrapperType: "RecordIO" }) });
  const job = await ended(sagemaker, "job");
  const folder = await unpacked(world, "out/models/job/output/model.tar.gz");
  await sagemaker.close();
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  assert.equal(job.TrainingJobStatus, "Completed", job.FailureReason);
  assert.equal(read("data/train/train.lst"), "0\t1\t1-a.txt\n1\t0\t2-b.txt\n");
  assert.equal(read("data/train/2-b.txt"), "second");
  assert.deepEqual(JSON.parse(read("data/train/label_categories.json")), {
    key_mapping: { 0: "bicycle", 1: "motorcycle" },
  });
  assert.equal(JSON.parse(read("config/inputdataconfig.json")).train.TrainingInputMode, "Pipe");
  world.forget();
});

test("an augmented manifest may list the classes of a picture, or a 0 or a 1 for each class", async () => {
  const world = await keepingInputs();
  const line = (labels: unknown) =>
    JSON.stringify({ "source-ref": "s3://data/set/train/a.txt", class: labels, ...named });
  const named = { "class-metadata": { "class-map": { 0: "bicycle", 1: "bus", 2: "train" } } };
  await world.blobs.put("data/lists/hot", [line([1, 0, 1]), line("[0, 0, 0]")].join("\n"));
  await world.blobs.put("data/lists/ids", [line([2, 0]), line([])].join("\n"));
  await world.blobs.put("data/lists/wrong", line([3]));
  const sagemaker = world.start();
  const jobWith = async (name: string, format: string) => {
    const source = {
      S3DataType: "AugmentedManifestFile",
      S3Uri: `s3://data/lists/${name}`,
      AttributeNames: ["source-ref", "class"],
    };
    const given = { ContentType: `application/x-recordio${format}`, RecordWrapperType: "RecordIO" };
    const HyperParameters = { multi_label: "1", num_classes: "3" };
    await create(sagemaker, name, "", { ...builtIn, ...channel(source, given), HyperParameters });
    return ended(sagemaker, name);
  };
  const jobs = [
    await jobWith("hot", ""),
    await jobWith("ids", "; label-format=class-id"),
    await jobWith("wrong", "; label-format=class-id"),
  ];
  const listOf = async (name: string) => {
    const folder = await unpacked(world, `out/models/${name}/output/model.tar.gz`);
    return (
      readFileSync(join(folder, "data/train/train.lst"), "utf8") +
      readFileSync(join(folder, "data/train/label_categories.json"))
    );
  };
  const names = '{"key_mapping":{"0":"bicycle","1":"bus","2":"train"}}';
  const lists = [await listOf("hot"), await listOf("ids")];
  await sagemaker.close();
  const list = `0\t1\t0\t1\t1-a.txt\n1\t0\t0\t0\t2-a.txt\n${names}`;
  assert.deepEqual(lists, [list, list]);
  assert.equal(
    jobs[2]?.FailureReason,
    'ClientError: Data download failed:Line 1 of the augmented manifest s3://data/lists/wrong has no list of class numbers below num_classes=3 in "class".',
  );
  world.forget();
});

test("a manifest that is damaged or names what is not there fails the job with its line", async () => {
  const world = await keepingInputs();
  await world.blobs.put("data/lists/damaged", "no list");
  await world.blobs.put("data/lists/gone", '[{"prefix":"s3://data/set/"},"gone.png"]');
  await world.blobs.put("data/lists/lines", '{"source-ref":"s3://data/set/train/a.txt","kind":"bus"}');
  const sagemaker = world.start();
  const reasonOf = async (name: string, S3DataType: string) => {
    const source = { S3DataType, S3Uri: `s3://data/lists/${name}`, AttributeNames: ["source-ref", "kind"] };
    await create(sagemaker, name, "", { ...builtIn, ...channel(source) });
    return (await ended(sagemaker, name)).FailureReason as string;
  };
  const reasons = [
    await reasonOf("damaged", "ManifestFile"),
    await reasonOf("gone", "ManifestFile"),
    await reasonOf("absent", "ManifestFile"),
    await reasonOf("lines", "AugmentedManifestFile"),
  ];
  await sagemaker.close();
  assert.deepEqual(reasons, [
    "ClientError: Data download failed:The manifest s3://data/lists/damaged is not a JSON list.",
    "ClientError: Data download failed:there is no object s3://data/set/gone.png",
    "ClientError: Data download failed:The manifest s3://data/lists/absent could not be found.",
    'ClientError: Data download failed:Line 1 of the augmented manifest s3://data/lists/lines has no class number in "kind".',
  ]);
  assert.deepEqual(world.problems, []);
  world.forget();
});

test("a disk that is full during the download fails the job with its name, and leaves nothing", async () => {
  const world = await withData();
  const get = world.blobs.get;
  world.blobs.get = async (key, ...rest) => {
    const blob = await get(key, ...rest);
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    return blob && { ...blob, body: Readable.from(failing(full)) };
  };
  const sagemaker = world.start();
  await create(sagemaker, "job", "true");
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.match(
    job.FailureReason,
    /^ClientError: Data download failed:no space is left on the disk after \d objects in/,
  );
  assert.deepEqual(world.problems, []);
  world.forget();
});

test("a job whose data fill the disk of the store itself fails all the same, and makes room again", async () => {
  const world = await withData();
  const update = world.resources.update;
  const folder = join(world.directory, "training", "job");
  world.resources.update = (...given) => {
    if (existsSync(join(folder, "ml/input/data/train/a.txt"))) throw new Error("database or disk is full");
    return update(...given);
  };
  const sagemaker = world.start();
  await create(sagemaker, "job", "true");
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.equal(job.FailureReason, "ClientError: no space is left on the disk: database or disk is full");
  assert.equal(existsSync(folder), false);
  world.forget();
});

test("what a program of one's own cannot have is refused by name", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const source = { S3DataType: "S3Prefix", S3Uri: "s3://data/set/" };
  const augmented = { ...source, S3DataType: "AugmentedManifestFile", AttributeNames: ["source-ref", "class"] };
  const refusals: [object, RegExp][] = [
    [channel(source, { InputMode: "Pipe" }), /InputMode Pipe for a program of your own is not supported/],
    [channel(augmented), /AugmentedManifestFile for a program of your own is not supported/],
    [{ ...builtIn, ...channel({ ...augmented, AttributeNames: ["source-ref"] }) }, /needs two AttributeNames/],
    [channel(source, { CompressionType: "Gzip" }), /CompressionType Gzip is not supported/],
    [{ EnableNetworkIsolation: true }, /EnableNetworkIsolation for a program of your own.* is not supported/],
  ];
  await Promise.all(refusals.map(([changes, text]) => assert.rejects(create(sagemaker, "no", "true", changes), text)));
  const none = await sagemaker.ask("ListTrainingJobs", {});
  await sagemaker.close();
  assert.deepEqual(none.TrainingJobSummaries, []);
  world.forget();
});

async function* failing(error: Error): AsyncGenerator<string> {
  yield "some bytes";
  throw error;
}
