import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Fault } from "../../kit/fault.ts";
import type { PageRequest } from "../../wire/service.ts";
import { faultOf, openS3, textOf } from "./testing/service.ts";

const nowMs = Date.parse("2026-11-21T00:00:00Z");

async function openPages(context: TestContext) {
  const s3 = await openS3(context);
  await s3.call("CreateBucket", { Bucket: "b-1" });
  const setRules = (...CORSRules: object[]) =>
    s3.call("PutBucketCors", { Bucket: "b-1", CORSConfiguration: { CORSRules } });
  const allow = (request: Partial<PageRequest>) =>
    s3.pages.allow({
      bucket: "b-1",
      isOfObject: true,
      origin: "https://app.example",
      method: "GET",
      headers: [],
      ...request,
    });
  const upload = (fields: Record<string, string>, ...pieces: string[]) =>
    s3.pages.upload(
      {
        bucket: "b-1",
        fields: new Map(Object.entries(fields)),
        fileName: "photo.png",
        file: (async function* () {
          for (const piece of pieces) yield Buffer.from(piece);
        })(),
      },
      s3.about,
    );
  return { ...s3, setRules, allow, upload };
}

function policy(conditions: unknown[], expiration = "2030-01-01T00:00:00Z"): string {
  return Buffer.from(JSON.stringify({ expiration, conditions })).toString("base64");
}

test("without a rule of its bucket no page is let in", async (context) => {
  const { allow } = await openPages(context);
  assert.throws(() => allow({}), faultOf("AccessForbidden", 403));
  assert.throws(() => allow({ bucket: "missing" }), faultOf("AccessForbidden", 403));
});

test("a rule lets in the origins, methods and headers that it names", async (context) => {
  const { allow, setRules } = await openPages(context);
  await setRules(
    { AllowedOrigins: ["https://*.example"], AllowedMethods: ["GET", "PUT"], AllowedHeaders: ["x-amz-meta-*"] },
    { AllowedOrigins: ["*"], AllowedMethods: ["HEAD"] },
  );
  const headers = ["x-amz-meta-a"];
  assert.equal(allow({ method: "PUT", headers })["access-control-allow-origin"], "https://app.example");
  assert.equal(allow({ method: "PUT", headers })["access-control-allow-headers"], "x-amz-meta-a");
  assert.equal(allow({ method: "HEAD", origin: "null" })["access-control-allow-origin"], "*");
  for (const other of [
    { method: "DELETE" },
    { origin: "https://example" },
    { origin: "https://app.example.evil" },
    { method: "PUT", headers: ["content-type"] },
    { origin: undefined },
  ]) {
    assert.throws(() => allow(other), faultOf("AccessForbidden", 403));
  }
});

test("rules are answered as they were put, and gone when they are deleted", async (context) => {
  const { call, setRules } = await openPages(context);
  const rule = { ID: "one", AllowedOrigins: ["*"], AllowedMethods: ["GET"], ExposeHeaders: ["ETag"], MaxAgeSeconds: 5 };
  await setRules(rule);
  assert.deepEqual(await call("GetBucketCors", { Bucket: "b-1" }), { CORSRules: [rule] });
  await call("DeleteBucketCors", { Bucket: "b-1" });
  await assert.rejects(call("GetBucketCors", { Bucket: "b-1" }), faultOf("NoSuchCORSConfiguration", 404));
});

test("a rule that no browser could keep is refused in S3's words", async (context) => {
  const { setRules } = await openPages(context);
  const refusals = [
    [{ AllowedOrigins: ["*"], AllowedMethods: ["PATCH"] }, /Unsupported method is PATCH/],
    [
      { AllowedOrigins: ["*.*"], AllowedMethods: ["GET"] },
      /AllowedOrigin "\*\.\*" can not have more than one wildcard/,
    ],
    [
      { AllowedOrigins: ["*"], AllowedMethods: ["GET"], ExposeHeaders: ["x-*"] },
      /ExposeHeader "x-\*" contains wildcard/,
    ],
  ] as const;
  for (const [rule, message] of refusals) {
    await assert.rejects(setRules(rule), (error) => error instanceof Fault && message.test(error.message));
  }
});

test("the file of a form becomes an object with the form's settings, and is told of as one", async (context) => {
  const { call, upload, deliver, events } = await openPages(context);
  await call("PutBucketNotificationConfiguration", {
    Bucket: "b-1",
    NotificationConfiguration: { EventBridgeConfiguration: {} },
  });
  const fields = {
    key: `in/\${filename}`,
    "content-type": "image/png",
    "x-amz-meta-who": "me",
    tagging: "<Tagging><TagSet><Tag><Key>a</Key><Value>1 &amp; 2</Value></Tag></TagSet></Tagging>",
    success_action_status: "201",
  };
  const answer = await upload(fields, "the ", "bytes");
  assert.equal(answer.status, 201);
  assert.match(answer.body, /<Key>in\/photo\.png<\/Key><ETag>&quot;[0-9a-f]{32}&quot;<\/ETag>/);
  const at = { Bucket: "b-1", Key: "in/photo.png" };
  const { Body, ContentType, Metadata } = await call("GetObject", at);
  assert.deepEqual([await textOf(Body), ContentType, Metadata], ["the bytes", "image/png", { who: "me" }]);
  assert.deepEqual((await call("GetObjectTagging", at)).TagSet, [{ Key: "a", Value: "1 & 2" }]);
  await deliver();
  const details = events.map(({ detail }) => (detail as { reason?: string }).reason);
  assert.deepEqual(details, ["POST Object"]);
});

test("a form is answered where it wants to go on", async (context) => {
  const { upload } = await openPages(context);
  assert.equal((await upload({ key: "k" }, "x")).status, 204);
  const redirected = await upload({ key: "k", success_action_redirect: "https://app.example/done?a=1" }, "x");
  assert.equal(redirected.status, 303);
  assert.match(redirected.headers["location"] ?? "", /^https:\/\/app\.example\/done\?a=1&bucket=b-1&key=k&etag=%22/);
});

test("a policy decides what a form may upload", async (context) => {
  const { call, upload } = await openPages(context);
  const conditions = [{ bucket: "b-1" }, ["starts-with", "$key", "in/"], ["content-length-range", 2, 4]];
  const given = { key: "in/a", policy: policy(conditions) };
  assert.equal((await upload(given, "123")).status, 204);
  await assert.rejects(upload({ ...given, key: "out/a" }, "123"), faultOf("AccessDenied", 403));
  await assert.rejects(upload({ ...given, acl: "private" }, "123"), /Extra input fields: acl/);
  await assert.rejects(upload(given, "1"), faultOf("EntityTooSmall"));
  await assert.rejects(upload({ ...given, key: "in/large" }, "123", "45"), faultOf("EntityTooLarge"));
  await assert.rejects(call("HeadObject", { Bucket: "b-1", Key: "in/large" }), faultOf("NotFound", 404));
  const old = policy(conditions, new Date(nowMs - 1000 * 3600 * 24 * 3650).toISOString());
  await assert.rejects(upload({ ...given, policy: old }, "123"), /Policy expired/);
});

test("a policy that nobody could mean is refused", async (context) => {
  const { upload } = await openPages(context);
  for (const text of [
    "",
    "not base64 JSON",
    policy([["like", "$key", "a"]]),
    policy([["eq", "key", "a"]]),
    policy([7]),
  ]) {
    await assert.rejects(upload({ key: "k", policy: text }, "x"), faultOf("InvalidPolicyDocument"));
  }
});

test("what nobody has set of a bucket is said as S3 says it", async (context) => {
  const { call } = await openPages(context);
  await assert.rejects(call("GetBucketPolicy", { Bucket: "b-1" }), faultOf("NoSuchBucketPolicy", 404));
  assert.deepEqual(await call("GetBucketRequestPayment", { Bucket: "b-1" }), { Payer: "BucketOwner" });
  await assert.rejects(call("GetBucketLogging", { Bucket: "missing" }), faultOf("NoSuchBucket", 404));
});
