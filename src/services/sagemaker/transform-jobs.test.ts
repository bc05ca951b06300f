import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { settled, until } from "../../serve/testing/world.ts";
import { storeModel, testWorld } from "./testing/service.ts";

// A model that already runs: it answers each line with the sum of its numbers, refuses words, and fails once when told to.
let asked = 0;
const bodies: Buffer[] = [];
let held = 0;
let atOnce: (now: number) => void = () => undefined;
let failuresToCome = 0;
let isHeld = false;
const model = createServer((request, response) => {
  const pieces: Buffer[] = [];
  if (request.method === "POST") {
    atOnce(++held);
    response.on("close", () => held--);
  }
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", async () => {
    if (request.url === "/ping") return response.end();
    asked++;
    bodies.push(Buffer.concat(pieces));
    if (isHeld) return; // until the server goes away
    if (failuresToCome-- > 0) return response.writeHead(500).end("once");
    const lines = Buffer.concat(pieces).toString().trimEnd().split("\n");
    if (lines.some((line) => /[a-z]/.test(line.replace(/"id"|"x"/g, "")))) return response.writeHead(400).end("words");
    const sums = lines.map((line) => (line.match(/-?\d+/g) ?? []).reduce((sum, text) => sum + Number(text), 0));
    return response.writeHead(200, { "content-type": "text/csv" }).end(`${sums.join("\n")}\n`);
  });
});
await new Promise<void>((resolve) => model.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${(model.address() as AddressInfo).port}`;
after(() => {
  model.closeAllConnections();
  model.close();
});

test("every object gets its output under its own name, in the order of its records", async () => {
  const { world, sagemaker, transform, outputs } = await prepared({
    "in/data/a.csv": "1,2\n3,4\n",
    "in/data/deep/b.csv": "5,6",
    "in/data/folder/": "",
  });
  const job = await transform({});
  await sagemaker.close();
  assert.equal(job.TransformJobStatus, "Completed", job.FailureReason);
  assert.ok(job.TransformEndTime >= job.TransformStartTime);
  assert.deepEqual(outputs(), { "a.csv.out": "3\n7\n", "deep/b.csv.out": "11\n" });
  assert.deepEqual(
    world.events
      .filter(({ detailType }) => detailType === "SageMaker Transform Job State Change")
      .map(({ detail }) => detail["TransformJobStatus"]),
    ["InProgress", "InProgress", "Completed"],
  );
  world.forget();
});

test("filters choose columns, and the input is joined before the output", async () => {
  const { world, sagemaker, transform, outputs } = await prepared({ "in/data/a.csv": '"x, y",1,2\n"z",3,4\n' });
  const csv = await transform({
    DataProcessing: { InputFilter: "$[1:]", JoinSource: "Input", OutputFilter: "$[0,-1]" },
    TransformOutput: { S3OutputPath: "s3://out/csv", AssembleWith: "Line", Accept: "text/csv" },
  });
  await sagemaker.close();
  assert.equal(csv.TransformJobStatus, "Completed", csv.FailureReason);
  assert.deepEqual(outputs("out/csv/"), { "a.csv.out": '"x, y",3\n"z",7\n' });
  world.forget();
});

test("JSON records get the answer as SageMakerOutput, and an id and a time when they are captured", async () => {
  const { world, sagemaker, transform, outputs } = await prepared({
    "in/data/a.jsonl": '{"id":7,"x":1}\n{"id":8,"x":2}\n',
  });
  const job = await transform({
    TransformInput: { ...linesOf("s3://in/data/"), ContentType: "application/jsonlines" },
    TransformOutput: { S3OutputPath: "s3://out/done", AssembleWith: "Line", Accept: "application/jsonlines" },
    DataProcessing: { InputFilter: "$.x", JoinSource: "Input" },
    DataCaptureConfig: { DestinationS3Uri: "s3://out/captured", GenerateInferenceId: true },
  });
  await sagemaker.close();
  assert.equal(job.TransformJobStatus, "Completed", job.FailureReason);
  const records = (outputs()["a.jsonl.out"] ?? "")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    records.map(({ id, x, SageMakerOutput }) => [id, x, SageMakerOutput]),
    [
      [7, 1, 1],
      [8, 2, 2],
    ],
  );
  assert.match(records[0].SageMakerInferenceId, /^[0-9a-f-]{36}$/);
  assert.match(records[0].SageMakerInferenceTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const captured = [...world.blobs.contents].filter(([key]) => key.startsWith("out/captured/"));
  assert.deepEqual(
    captured.map(([, bytes]) => JSON.parse(bytes.toString())),
    [
      [{ prefix: "s3://in/data/" }, "a.jsonl"],
      [{ prefix: "s3://out/done/" }, "a.jsonl.out"],
    ],
  );
  world.forget();
});

test("single records, gzip and a manifest are taken; a server error is tried again", async () => {
  const { world, sagemaker, transform, outputs } = await prepared({
    "in/data/a.csv.gz": gzipSync("1,2\n3,4\n"),
    "in/list.json": JSON.stringify([{ prefix: "s3://in/data/" }, "a.csv.gz"]),
  });
  asked = 0;
  failuresToCome = 1;
  const job = await transform({
    BatchStrategy: "SingleRecord",
    MaxConcurrentTransforms: 1,
    TransformInput: {
      ...linesOf("s3://in/list.json"),
      DataSource: { S3DataSource: { S3DataType: "ManifestFile", S3Uri: "s3://in/list.json" } },
      CompressionType: "Gzip",
    },
  });
  await sagemaker.close();
  assert.equal(job.TransformJobStatus, "Completed", job.FailureReason);
  assert.equal(asked, 3);
  assert.deepEqual(outputs(), { "a.csv.gz.out": "3\n7\n" });
  world.forget();
});

test("records of RecordIO go to the model as they are said, and several of them as they lie in the file", async () => {
  const records = Buffer.concat([recordIo("1,2\n"), recordIo("3,4\n")]);
  const { world, sagemaker, transform, outputs } = await prepared({ "in/data/a.rec": records });
  const TransformInput = { ...linesOf("s3://in/data/"), SplitType: "RecordIO", ContentType: "application/x-recordio" };
  asked = 0;
  const single = await transform({ TransformInput, BatchStrategy: "SingleRecord" });
  assert.deepEqual([single.TransformJobStatus, asked], ["Completed", 2], single.FailureReason);
  assert.deepEqual(outputs(), { "a.rec.out": "3\n7\n" });
  bodies.length = 0;
  await transform({ TransformJobName: "many", TransformInput, TransformOutput: { S3OutputPath: "s3://out/many" } });
  await sagemaker.close();
  assert.deepEqual(bodies, [records]);
  world.forget();
});

test("an object larger than memory should be is transformed piece by piece, in order", async () => {
  const lines = Buffer.from(Array.from({ length: 300_000 }, (_, i) => `${i},1\n`).join(""));
  const { world, sagemaker, transform, outputs } = await prepared({ "in/data/large.csv": lines });
  let most = 0;
  asked = 0;
  atOnce = (now) => {
    most = Math.max(most, now);
  };
  const job = await transform({ MaxPayloadInMB: 1, MaxConcurrentTransforms: 2 });
  await sagemaker.close();
  assert.equal(job.TransformJobStatus, "Completed", job.FailureReason);
  assert.equal(asked, 3);
  assert.ok(most <= 2, `${most} at once`);
  assert.deepEqual(
    (outputs()["large.csv.out"] ?? "").trimEnd().split("\n").map(Number),
    Array.from({ length: 300_000 }, (_, i) => i + 1),
  );
  world.forget();
});

test("without a limit of payloads an object of any size goes to the model without being held", async () => {
  const large = Buffer.alloc(120 * 1024 * 1024, " ");
  const { world, sagemaker, transform } = await prepared({ "in/data/large": large });
  bodies.length = 0;
  const job = await transform({
    MaxPayloadInMB: 0,
    TransformInput: { ...linesOf("s3://in/data/"), SplitType: "None" },
  });
  await sagemaker.close();
  assert.equal(job.TransformJobStatus, "Completed", job.FailureReason);
  assert.ok(bodies[0]?.equals(large));
  bodies.length = 0;
  world.forget();
});

test("an object with a bad record has no output, the others have, and the job fails with the reason", async () => {
  const { world, sagemaker, transform, outputs } = await prepared({
    "in/data/a.csv": "1,2\n",
    "in/data/b.csv": "word\n",
  });
  const job = await transform({});
  const empty = await transform({ TransformJobName: "empty", TransformInput: linesOf("s3://in/nothing/") });
  await sagemaker.close();
  assert.equal(job.TransformJobStatus, "Failed");
  assert.match(job.FailureReason, /^1 of 2 objects failed, the first with ClientError: 400: words See job logs/);
  assert.deepEqual(outputs(), { "a.csv.out": "3\n" });
  assert.match(empty.FailureReason, /^ClientError: No S3 objects found under S3 URL "s3:\/\/in\/nothing\/"/);
  world.forget();
});

test("the built-in classifier transforms objects it was given, on workers of its own", async () => {
  const { world, sagemaker, transform, outputs } = await prepared({ "in/data/broken.png": "no picture" });
  const url = await storeModel(world, "tiny", 4);
  await sagemaker.ask("CreateModel", {
    ModelName: "tiny",
    PrimaryContainer: { Image: "1.dkr.ecr.us-east-1.amazonaws.com/image-classification:1", ModelDataUrl: url },
  });
  const job = await transform({
    ModelName: "tiny",
    TransformInput: {
      DataSource: { S3DataSource: { S3DataType: "S3Prefix", S3Uri: "s3://in/data/" } },
      ContentType: "application/x-image",
    },
  });
  await sagemaker.close();
  assert.match(job.FailureReason, /ClientError: 400: unable to evaluate payload provided/);
  assert.deepEqual(outputs(), {});
  world.forget();
});

test("a job that is stopped stops, and one that the server left goes on with what is missing", async () => {
  const { world, sagemaker, ask, outputs } = await prepared({ "in/data/a.csv": "1,2\n", "in/data/b.csv": "3,4\n" });
  isHeld = true;
  asked = 0;
  await ask("CreateTransformJob", requestOf({ TransformJobName: "stopped" }));
  await until(() => asked > 0);
  await ask("StopTransformJob", { TransformJobName: "stopped" });
  const stopped = await endedJob(ask, "stopped");
  await ask("CreateTransformJob", requestOf({ TransformJobName: "left" }));
  await until(() => asked > 2);
  await sagemaker.close();
  isHeld = false;
  await world.blobs.put("out/done/a.csv.out", "made before");
  const again = world.start();
  const left = await endedJob(again.ask, "left");
  const { TransformJobSummaries } = await again.ask("ListTransformJobs", { StatusEquals: "Completed" });
  await again.close();
  assert.equal(stopped.TransformJobStatus, "Stopped");
  assert.equal(left.TransformJobStatus, "Completed");
  assert.equal(outputs()["b.csv.out"], "7\n");
  assert.deepEqual(
    TransformJobSummaries.map(({ TransformJobName }: { TransformJobName: string }) => TransformJobName),
    ["left"],
  );
  world.forget();
});

test("what AWS refuses is refused", async () => {
  const { world, sagemaker, ask } = await prepared({});
  const refusals: [object, RegExp][] = [
    [{ MaxConcurrentTransforms: 20, MaxPayloadInMB: 6 }, /must not exceed 100 MB/],
    [{ DataProcessing: { InputFilter: "x" } }, /InputFilter "x" is not a JSONPath/],
    [
      {
        TransformInput: { ...linesOf("s3://in/x"), SplitType: "RecordIO" },
        DataProcessing: { InputFilter: "$[0]" },
      },
      /not at records of SplitType RecordIO/,
    ],
    [{ ModelName: "none" }, /Could not find model/],
    [{ DataProcessing: { JoinSource: "Input" } }, /must be the same/],
  ];
  const answered = await Promise.all(
    refusals.map(([changes]) =>
      ask("CreateTransformJob", requestOf(changes)).then(String, (error: Error) => error.message),
    ),
  );
  await sagemaker.close();
  answered.forEach((text, i) => {
    assert.match(text, refusals[i]?.[1] as RegExp);
  });
  world.forget();
});

type Ask = ReturnType<ReturnType<typeof testWorld>["start"]>["ask"];

function recordIo(data: string): Buffer {
  const head = Buffer.from("0a23d7ce00000000", "hex");
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, Buffer.from(data), Buffer.alloc((4 - (data.length % 4)) % 4)]);
}

function linesOf(S3Uri: string) {
  return {
    DataSource: { S3DataSource: { S3DataType: "S3Prefix", S3Uri } },
    ContentType: "text/csv",
    SplitType: "Line",
  };
}

function requestOf(changes: object) {
  return {
    TransformJobName: "job",
    ModelName: "sums",
    TransformInput: linesOf("s3://in/data/"),
    TransformOutput: { S3OutputPath: "s3://out/done/", AssembleWith: "Line" },
    TransformResources: { InstanceType: "ml.m5.large", InstanceCount: 1 },
    ...changes,
  };
}

async function prepared(objects: Record<string, string | Buffer>) {
  const world = testWorld();
  for (const [key, content] of Object.entries(objects)) await world.blobs.put(key, content);
  const sagemaker = world.start();
  const { ask } = sagemaker;
  await ask("CreateModel", { ModelName: "sums", PrimaryContainer: { Image: `process:${origin}` } });
  return {
    world,
    sagemaker,
    ask,
    transform: async (changes: { TransformJobName?: string; [member: string]: unknown }) => {
      await ask("CreateTransformJob", requestOf(changes));
      return endedJob(ask, changes.TransformJobName ?? "job");
    },
    outputs: (prefix = "out/done/") =>
      Object.fromEntries(
        [...world.blobs.contents]
          .filter(([key]) => key.startsWith(prefix))
          .map(([key, bytes]) => [key.slice(prefix.length), bytes.toString()]),
      ),
  };
}

async function endedJob(ask: Ask, TransformJobName: string) {
  for (const limit = Date.now() + 20_000; Date.now() < limit; await settled()) {
    const job = await ask("DescribeTransformJob", { TransformJobName });
    if (!["InProgress", "Stopping"].includes(job.TransformJobStatus)) return job;
  }
  throw new Error(`transform job ${TransformJobName} does not end`);
}
