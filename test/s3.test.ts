// Object storage as the clients that people have use it, none of them ours: what goes in comes out, and who asked to be told is told.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { LambdaClient } from "@aws-sdk/client-lambda";
import {
  ChecksumAlgorithm,
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createFunction } from "./functions.ts";
import { pythons } from "./fuzz/recorded-requests.ts";
import { projectFolder, runProgram, type Server, startServer } from "./server.ts";

const credentials = { accessKeyId: "AKIASCONESTEST000001", secretAccessKey: "a-secret-that-is-configured" };
const awsCli = "/usr/bin/aws";
const rclone = "/usr/bin/rclone";
const s3cmd = "/usr/bin/s3cmd";

describe("S3", () => {
  const folder = mkdtempSync(join(tmpdir(), "scones-s3-"));
  const source = join(folder, "source");
  let server: Server;
  let s3: S3Client;

  before(async () => {
    server = await startServer(undefined, {
      SCONES_ACCESS_KEY_ID: credentials.accessKeyId,
      SCONES_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    });
    s3 = new S3Client({ ...server.aws, credentials, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: "pictures" }));
    mkdirSync(join(source, "folder"), { recursive: true });
    writeFileSync(join(source, "small.txt"), "small");
    writeFileSync(join(source, "folder", "a b+é.txt"), "strange name");
    writeFileSync(join(source, "large.bin"), Buffer.alloc(9_500_000, "0123456789abcdef"));
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function succeeds(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
    const ran = await runProgram(command, args, { env });
    assert.equal(ran.exitCode, 0, ran.stderr);
    return ran.stdout;
  }

  function isSource(copy: string): void {
    for (const name of ["small.txt", "large.bin", join("folder", "a b+é.txt")]) {
      assert.deepEqual(readFileSync(join(copy, name)), readFileSync(join(source, name)));
    }
  }

  for (const python of pythons) {
    test(`does what programs with the boto3 of ${python} expect`, async () => {
      const script = join(projectFolder, "test", "clients", "s3_boto3.py");
      const given = [script, server.url, credentials.accessKeyId, credentials.secretAccessKey];
      assert.equal(await succeeds(python, given), "done\n");
    });
  }

  test("the AWS CLI syncs, copies, moves, signs and removes", {
    skip: !existsSync(awsCli) && "awscli is not installed",
  }, async () => {
    const env = {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_DEFAULT_REGION: "us-east-1",
    };
    const aws = (...args: string[]) => succeeds(awsCli, ["--endpoint-url", server.url, "s3", ...args], env);
    await aws("mb", "s3://cli-bucket");
    await aws("sync", "--quiet", source, "s3://cli-bucket/in");
    assert.equal(await aws("sync", source, "s3://cli-bucket/in"), "", "nothing has changed");
    await aws("sync", "--quiet", "s3://cli-bucket/in", "s3://cli-bucket/copy");
    await aws("mv", "--quiet", "--recursive", "s3://cli-bucket/copy", join(folder, "by-cli"));
    isSource(join(folder, "by-cli"));
    const address = await aws("presign", "s3://cli-bucket/in/small.txt");
    assert.equal(await (await fetch(address.trim())).text(), "small");
    await aws("rb", "--force", "s3://cli-bucket");
  });

  test("rclone finds what it put, byte by byte", {
    skip: !existsSync(rclone) && "rclone is not installed",
  }, async () => {
    // The bundle of the machine is a setting of AWS's clients that this one reads and cannot use.
    const env = {
      AWS_CA_BUNDLE: "",
      RCLONE_CONFIG: join(folder, "rclone.conf"),
      RCLONE_CONFIG_S_TYPE: "s3",
      RCLONE_CONFIG_S_PROVIDER: "Other",
      RCLONE_CONFIG_S_ENDPOINT: server.url,
      RCLONE_CONFIG_S_ACCESS_KEY_ID: credentials.accessKeyId,
      RCLONE_CONFIG_S_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      RCLONE_S3_UPLOAD_CUTOFF: "6M",
      RCLONE_S3_CHUNK_SIZE: "5M",
    };
    const run = (...args: string[]) => succeeds(rclone, args, env);
    await run("mkdir", "s:rclone-bucket");
    await run("sync", source, "s:rclone-bucket/in");
    await run("check", source, "s:rclone-bucket/in");
    await run("check", "--download", source, "s:rclone-bucket/in");
    await run("moveto", "s:rclone-bucket/in", "s:rclone-bucket/moved");
    await run("copy", "s:rclone-bucket/moved", join(folder, "by-rclone"));
    isSource(join(folder, "by-rclone"));
    await run("purge", "s:rclone-bucket");
  });

  for (const version of ["4", "2"]) {
    test(`s3cmd does its daily work, signing by version ${version}`, {
      skip: !existsSync(s3cmd) && "s3cmd is not installed",
    }, async () => {
      const { host } = new URL(server.url);
      const configuration = join(folder, `s3cmd-${version}.cfg`);
      const keys = [`access_key = ${credentials.accessKeyId}`, `secret_key = ${credentials.secretAccessKey}`];
      const place = [`host_base = ${host}`, `host_bucket = ${host}`, "use_https = False"];
      const how = [`signature_v2 = ${version === "2" ? "True" : "False"}`, "multipart_chunk_size_mb = 5"];
      writeFileSync(configuration, ["[default]", ...keys, ...place, ...how].join("\n"));
      const run = (...args: string[]) => succeeds(s3cmd, ["-c", configuration, "--no-progress", ...args]);
      const bucket = `s3://s3cmd-${version}`;
      await run("mb", bucket);
      await run("sync", `${source}/`, `${bucket}/in/`);
      assert.doesNotMatch(await run("sync", `${source}/`, `${bucket}/in/`), /upload:/, "nothing has changed");
      await run("cp", `${bucket}/in/large.bin`, `${bucket}/copy.bin`);
      assert.match(await run("info", `${bucket}/copy.bin`), /File size: 9500000/);
      await run("modify", "--add-header=x-amz-meta-a:b", `${bucket}/in/small.txt`);
      assert.match(await run("info", `${bucket}/in/small.txt`), /x-amz-meta-a: b/);
      assert.match(await run("info", bucket), /Expiration Rule: none/);
      await run("sync", `${bucket}/in/`, `${join(folder, `by-s3cmd-${version}`)}/`);
      isSource(join(folder, `by-s3cmd-${version}`));
      await run("rb", "--force", "--recursive", bucket);
    });
  }

  for (const algorithm of Object.values(ChecksumAlgorithm).filter((name) => /^(CRC|MD5$|SHA1$|SHA256$)/.test(name))) {
    test(`keeps and tells the ${algorithm} that the AWS SDK makes`, async () => {
      const at = { Bucket: "pictures", Key: `checked by ${algorithm}` };
      const put = await s3.send(new PutObjectCommand({ ...at, Body: "bytes", ChecksumAlgorithm: algorithm }));
      const member = `Checksum${algorithm}` as const;
      const got = await s3.send(new GetObjectCommand({ ...at, ChecksumMode: "ENABLED" }));
      assert.equal(await got.Body?.transformToString(), "bytes");
      assert.ok(put[member as keyof typeof put]);
      assert.equal(got[member as keyof typeof got], put[member as keyof typeof put]);
      const { Checksum } = await s3.send(new GetObjectAttributesCommand({ ...at, ObjectAttributes: ["Checksum"] }));
      assert.equal(Checksum?.ChecksumType, "FULL_OBJECT");
    });
  }

  test("refuses what is not what its checksum says, and keeps what was there", async () => {
    const at = { Bucket: "pictures", Key: "kept" };
    await s3.send(new PutObjectCommand({ ...at, Body: "kept" }));
    const wrong = s3.send(new PutObjectCommand({ ...at, Body: "changed", ChecksumCRC32: "AAAAAA==" }));
    await assert.rejects(wrong, { name: "BadDigest" });
    assert.equal(await (await s3.send(new GetObjectCommand(at))).Body?.transformToString(), "kept");
  });

  test("of many who create one object, one does", async () => {
    const put = () => s3.send(new PutObjectCommand({ Bucket: "pictures", Key: "one", Body: "1", IfNoneMatch: "*" }));
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, put));
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test("tells a function, a queue and EventBridge of an object, also when it is killed right after it was put", async () => {
    const sqs = new SQSClient({ ...server.aws, credentials });
    const arrivals = await newQueue(sqs, "arrivals");
    const bridged = await newQueue(sqs, "bridged");
    const copies = "s3-notified";
    const lambda = new LambdaClient({ ...server.aws, credentials });
    await createFunction(lambda, { name: copies, runtime: "nodejs20.x", file: "index.mjs", source: copier });
    const bridge = new EventBridgeClient({ ...server.aws, credentials });
    await bridge.send(new PutRuleCommand({ Name: "objects", EventPattern: JSON.stringify({ source: ["aws.s3"] }) }));
    await bridge.send(new PutTargetsCommand({ Rule: "objects", Targets: [{ Id: "1", Arn: bridged.arn }] }));
    await s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: "pictures",
        NotificationConfiguration: {
          QueueConfigurations: [{ QueueArn: arrivals.arn, Events: ["s3:ObjectRemoved:*"] }],
          LambdaFunctionConfigurations: [
            {
              LambdaFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${copies}`,
              Events: ["s3:ObjectCreated:*"],
              Filter: { Key: { FilterRules: [{ Name: "prefix", Value: "in/" }] } },
            },
          ],
          EventBridgeConfiguration: {},
        },
      }),
    );
    assert.equal((await nextMessage(sqs, arrivals.url))["Event"], "s3:TestEvent");

    await s3.send(new PutObjectCommand({ Bucket: "pictures", Key: "in/a bike.png", Body: "a picture" }));
    await s3.send(new DeleteObjectCommand({ Bucket: "pictures", Key: "kept" }));
    await server.killAndStartAgain();

    const copied = await untilThere(() => s3.send(new GetObjectCommand({ Bucket: "pictures", Key: "out/a bike.png" })));
    assert.equal(await copied.Body?.transformToString(), "a picture");
    const [record] = (await nextMessage(sqs, arrivals.url))["Records"] as { eventName: string }[];
    assert.equal(record?.eventName, "ObjectRemoved:Delete");
    assert.equal((await nextMessage(sqs, bridged.url))["source"], "aws.s3");
  });

  test("an object far larger than its memory passes through, in and out", {
    skip: !existsSync("/proc/self/status") && "memory is read from /proc",
  }, async () => {
    const sizeBytes = 256 * 2 ** 20;
    const at = { Bucket: "pictures", Key: "large" };
    const before = highestMemory(server.processId);
    await s3.send(new PutObjectCommand({ ...at, Body: zeros(sizeBytes), ContentLength: sizeBytes }));
    const got = await s3.send(new GetObjectCommand(at));
    assert.equal(await lengthOf(got.Body as Readable), sizeBytes);
    // Held whole it would be 256 MiB more, and twice that with one copy.
    assert.ok(highestMemory(server.processId) - before < 128 * 2 ** 20);
  });

  test("a copy of a copy keeps what the first one had", async () => {
    const at = { Bucket: "pictures", Key: "original" };
    await s3.send(new PutObjectCommand({ ...at, Body: "bytes", ContentType: "image/png", Metadata: { who: "me" } }));
    await s3.send(new CopyObjectCommand({ ...at, Key: "second", CopySource: "pictures/original" }));
    await s3.send(new CopyObjectCommand({ ...at, Key: "third", CopySource: "pictures/second" }));
    const third = await s3.send(new GetObjectCommand({ ...at, Key: "third" }));
    assert.deepEqual([third.ContentType, third.Metadata], ["image/png", { who: "me" }]);
  });
});

function zeros(sizeBytes: number): Readable {
  const piece = Buffer.alloc(2 ** 20);
  return Readable.from(Array.from({ length: sizeBytes / piece.length }, () => piece));
}

async function lengthOf(body: Readable): Promise<number> {
  let sizeBytes = 0;
  for await (const piece of body) sizeBytes += (piece as Buffer).length;
  return sizeBytes;
}

/** The most that a process has held so far, in bytes. */
function highestMemory(processId: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${processId}/status`, "utf8"))?.[1]) * 1024;
}

/** Copies what it is told of from `in/` to `out/`: the key in the record is encoded, as on AWS. */
const copier = `import { CopyObjectCommand, S3Client } from "@aws-sdk/client-s3";
const s3 = new S3Client({ forcePathStyle: true });
export const handler = async ({ Records: [{ s3: { bucket, object } }] }) => {
  const key = decodeURIComponent(object.key.replaceAll("+", " "));
  const CopySource = bucket.name + "/" + encodeURIComponent(key);
  await s3.send(new CopyObjectCommand({ Bucket: bucket.name, Key: key.replace("in/", "out/"), CopySource }));
};`;

async function newQueue(sqs: SQSClient, name: string): Promise<{ url: string; arn: string }> {
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  return { url: QueueUrl, arn: `arn:aws:sqs:us-east-1:000000000000:${name}` };
}

async function nextMessage(sqs: SQSClient, QueueUrl: string): Promise<Record<string, unknown>> {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
  return JSON.parse(Messages[0]?.Body ?? "{}") as Record<string, unknown>;
}

async function untilThere<Found>(look: () => Promise<Found>): Promise<Found> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    await sleep(100);
  }
  return look();
}
