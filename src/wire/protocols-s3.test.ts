import assert from "node:assert/strict";
import { request } from "node:http";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import {
  CompleteMultipartUploadCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Fault } from "../kit/fault.ts";
import { createWireServer, type WireServer } from "./server.ts";
import type { Handler, Service } from "./service.ts";

const seen: Record<string, unknown> = {};
const moment = new Date("2026-11-20T23:00:00.000Z");
let wire: WireServer;
let open: WireServer;
let configuration: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };

/** Keeps what the wire handed over, answers what it is told. */
function answering(operation: string, output: object): [string, Handler] {
  return [
    operation,
    (input: object) => {
      seen[operation] = input;
      return output;
    },
  ];
}

const s3: Service = {
  name: "s3",
  handlers: {
    ...Object.fromEntries([
      answering("GetBucketLocation", {}),
      answering("DeleteObjects", { Deleted: [{ Key: "a&b" }] }),
      answering("CompleteMultipartUpload", { Bucket: "bucket", Key: "k", ETag: '"e-2"' }),
      answering("ListObjectsV2", {
        Name: "bucket",
        KeyCount: 1,
        IsTruncated: false,
        Contents: [{ Key: "one\u0001<&>", Size: 3, LastModified: moment, ETag: '"e"' }],
        CommonPrefixes: [{ Prefix: "p/" }],
      }),
      answering("GetObject", {
        Body: Readable.from([Buffer.from("abc")]),
        ContentLength: 3,
        ContentRange: "bytes 0-2/9",
        LastModified: moment,
        Metadata: { colour: "red" },
      }),
    ]),
    HeadObject: () => {
      throw new Fault("NoSuchKey", "The specified key does not exist.", { status: 404 });
    },
    PutObject: async (input: { Body: Readable; Bucket: string; Key: string }) => {
      const chunks: Buffer[] = [];
      // A small body comes whole.
      const pieces = Buffer.isBuffer(input.Body) ? [input.Body] : input.Body;
      for await (const chunk of pieces) chunks.push(chunk as Buffer);
      seen["PutObject"] = { ...input, Body: Buffer.concat(chunks).toString() };
      return { ETag: '"e"' };
    },
  },
};

before(async () => {
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
  wire = await createWireServer({ services: [s3], port: 0, clock, credentials: [credentials] });
  open = await createWireServer({ services: [s3], port: 0, clock });
  configuration = { endpoint: wire.url, region: "eu-west-1", credentials };
});

after(async () => {
  await wire.close();
  await open.close();
});

test("an object's bytes, length and metadata pass by bucket path and by bucket host", async () => {
  const byPath = new S3Client({ ...configuration, forcePathStyle: true });
  await byPath.send(
    new PutObjectCommand({ Bucket: "bucket", Key: "a b/ü", Body: "hello", Metadata: { colour: "red" } }),
  );
  const { Bucket, Key, Body, Metadata } = seen["PutObject"] as Record<string, unknown>;
  assert.deepEqual(
    { Bucket, Key, Body, Metadata },
    { Bucket: "bucket", Key: "a b/ü", Body: "hello", Metadata: { colour: "red" } },
  );
  await putByHost("other.localhost", "/k", "hi");
  assert.equal((seen["PutObject"] as Record<string, unknown>)["Bucket"], "other");
});

test("a range of an object is answered with 206", async () => {
  const client = new S3Client({ ...configuration, forcePathStyle: true });
  const output = await client.send(new GetObjectCommand({ Bucket: "bucket", Key: "k", Range: "bytes=0-2" }));
  assert.equal(await output.Body?.transformToString(), "abc");
  assert.equal(output.$metadata.httpStatusCode, 206);
  assert.deepEqual(output.Metadata, { colour: "red" });
});

test("a missing object's head is a bare 404", async () => {
  const client = new S3Client({ ...configuration, forcePathStyle: true });
  const call = client.send(new HeadObjectCommand({ Bucket: "bucket", Key: "k" }));
  await assert.rejects(call, { name: "NotFound" });
});

test("lists survive XML in both directions", async () => {
  const client = new S3Client({ ...configuration, forcePathStyle: true });
  const listed = await client.send(new ListObjectsV2Command({ Bucket: "bucket", Prefix: "o" }));
  assert.equal(listed.Contents?.[0]?.Key, "one\u0001<&>");
  assert.deepEqual(listed.Contents?.[0]?.LastModified, moment);
  assert.deepEqual(listed.CommonPrefixes, [{ Prefix: "p/" }]);
  const deleted = await client.send(
    new DeleteObjectsCommand({ Bucket: "bucket", Delete: { Objects: [{ Key: "a&b" }, { Key: "ü" }] } }),
  );
  assert.deepEqual(deleted.Deleted, [{ Key: "a&b" }]);
  assert.deepEqual((seen["DeleteObjects"] as { Delete: object }).Delete, { Objects: [{ Key: "a&b" }, { Key: "ü" }] });
  const parts = [{ ETag: '"1"', PartNumber: 1 }];
  await client.send(
    new CompleteMultipartUploadCommand({
      Bucket: "bucket",
      Key: "k",
      UploadId: "u",
      MultipartUpload: { Parts: parts },
    }),
  );
  assert.deepEqual((seen["CompleteMultipartUpload"] as { MultipartUpload: object }).MultipartUpload, { Parts: parts });
  const location = await client.send(new GetBucketLocationCommand({ Bucket: "bucket" }));
  assert.equal(location.LocationConstraint ?? "", "");
});

test("a bucket setting that Scones lacks is refused by name, not taken for something else", async () => {
  const response = await fetch(`${open.url}/bucket?versioning`, { method: "PUT", body: "<x/>" });
  assert.equal(response.status, 501);
  assert.match(await response.text(), /s3\.PutBucketVersioning/);
});

/** As a client would whose resolver knows that every name below localhost is this machine. */
function putByHost(host: string, path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ port: open.port, host: "127.0.0.1", path, method: "PUT", headers: { host } }, (response) => {
      response.resume().on("end", resolve);
    });
    sent.on("error", reject).end(body);
  });
}

test("an object that curl or urllib calls a form is still an object", async () => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const versionTwo = "?AWSAccessKeyId=a&Signature=s&Expires=4102444800";
  for (const address of ["/bucket/k", `/bucket/k${versionTwo}`]) {
    delete seen["PutObject"];
    const response = await fetch(open.url + address, { method: "PUT", headers, body: "a=b" });
    assert.equal(response.status, 200, address);
    assert.equal((seen["PutObject"] as { ContentType: string }).ContentType, headers["content-type"]);
  }
  const body = "<Delete><Object><Key>a&amp;b</Key></Object></Delete>";
  const response = await fetch(`${open.url}/bucket?delete`, { method: "POST", headers, body });
  assert.match(await response.text(), /<Deleted><Key>a&amp;b<\/Key>/);
});

test("a call that curl calls a form goes to the service of its path", async () => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  for (const [path, operation] of [
    ["/2015-03-31/functions/f/invocations", "lambda.Invoke"],
    ["/endpoints/e/invocations", "sagemaker-runtime.InvokeEndpoint"],
  ] as const) {
    const response = await fetch(open.url + path, { method: "POST", headers, body: "{}" });
    assert.ok((await response.text()).includes(operation), path);
  }
});
