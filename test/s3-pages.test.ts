// Web pages and S3: a bucket's rules let the pages of some origins use that bucket, and nothing else.
import assert from "node:assert/strict";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { CreateBucketCommand, PutBucketCorsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type Server, startServer } from "./server.ts";

const app = "https://app.example";

describe("a page of another site", () => {
  let server: Server;

  before(async () => {
    server = await startServer();
    const s3 = new S3Client({ ...server.aws, forcePathStyle: true });
    for (const Bucket of ["shared", "private"]) {
      await s3.send(new CreateBucketCommand({ Bucket }));
      await s3.send(new PutObjectCommand({ Bucket, Key: "photo", Body: "the bytes" }));
    }
    const AllowedMethods = ["GET", "PUT", "POST", "DELETE"];
    const rule = { AllowedOrigins: [app], AllowedMethods, AllowedHeaders: ["*"], ExposeHeaders: ["ETag"] };
    await s3.send(new PutBucketCorsCommand({ Bucket: "shared", CORSConfiguration: { CORSRules: [rule] } }));
  });
  after(() => server?.stop());

  /** Unlike fetch, it sends whatever origin it is told to. */
  function ask(path: string, { method = "GET", origin = app, headers = {}, body = "" } = {}) {
    return new Promise<{ status: number; body: string; headers: Record<string, unknown> }>((resolve, reject) => {
      const sent = request(`${server.url}${path}`, { method, headers: { origin, ...headers } }, async (response) => {
        resolve({ status: response.statusCode ?? 0, body: await text(response), headers: response.headers });
      });
      sent.on("error", reject).end(body);
    });
  }

  test("reads and writes the objects of a bucket that lets it in", async () => {
    const read = await ask("/shared/photo");
    assert.deepEqual([read.status, read.body], [200, "the bytes"]);
    assert.equal(read.headers["access-control-allow-origin"], app);
    assert.equal(read.headers["access-control-expose-headers"], "ETag");
    assert.equal((await ask("/shared/new", { method: "PUT", body: "new bytes" })).status, 200);
    assert.match((await ask("/shared?list-type=2")).body, /<Key>new<\/Key>/);
  });

  test("may read why it was refused", async () => {
    const answer = await ask("/shared/missing");
    assert.match(answer.body, /<Code>NoSuchKey<\/Code>/);
    assert.equal(answer.headers["access-control-allow-origin"], app);
  });

  test("is told before it asks what it may send", async () => {
    const asking = {
      "access-control-request-method": "PUT",
      "access-control-request-headers": "Content-Type, x-amz-meta-a",
      "access-control-request-private-network": "true",
    };
    const allowed = await ask("/shared/photo", { method: "OPTIONS", headers: asking });
    assert.equal(allowed.status, 200);
    assert.equal(allowed.headers["access-control-allow-headers"], "content-type, x-amz-meta-a");
    assert.equal(allowed.headers["access-control-allow-private-network"], "true");
    const refused = await ask("/private/photo", { method: "OPTIONS", headers: asking });
    assert.equal(refused.status, 403);
    assert.match(refused.body, /CORSResponse: CORS is not enabled for this bucket/);
    assert.equal(refused.headers["access-control-allow-origin"], undefined);
  });

  test("uploads by a form", async () => {
    const form = new FormData();
    form.set("key", `in/\${filename}`);
    form.set("file", new Blob(["from a form"]), "a.txt");
    const encoded = new Response(form);
    const headers = { "content-type": encoded.headers.get("content-type") ?? "" };
    const body = Buffer.from(await encoded.arrayBuffer()).toString();
    assert.equal((await ask("/shared", { method: "POST", headers, body })).status, 204);
    assert.equal((await ask("/shared/in/a.txt")).body, "from a form");
    assert.equal((await ask("/private", { method: "POST", headers, body })).status, 403);
  });

  for (const [what, path, options] of [
    ["another bucket", "/private/photo", {}],
    ["the list of buckets", "/", {}],
    ["the bucket's own settings", "/shared?cors", { method: "PUT", body: "<CORSConfiguration/>" }],
    ["the bucket itself", "/shared", { method: "DELETE" }],
    [
      "objects of other buckets by copying",
      "/shared/copy",
      { method: "PUT", headers: { "x-amz-copy-source": "private/photo" } },
    ],
    [
      "other services under the bucket's name",
      "/shared/photo",
      { method: "POST", headers: { "x-amz-target": "SageMaker.ListModels" } },
    ],
    ["the bucket from another origin", "/shared/photo", { origin: "https://app.example.evil" }],
  ] as [string, string, Parameters<typeof ask>[1]][]) {
    test(`does not get at ${what}`, async () => {
      const answer = await ask(path, options);
      assert.equal(answer.status, 403);
      assert.match(answer.body, /AccessForbidden|AccessDenied/);
      assert.equal((await ask("/shared/photo")).body, "the bytes");
    });
  }
});
