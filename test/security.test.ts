// Who is let in: with keys only what they signed, for as long as they signed it; without keys only programs of this machine.
import assert from "node:assert/strict";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ListStateMachinesCommand, SFNClient } from "@aws-sdk/client-sfn";
import { ListTopicsCommand, SNSClient } from "@aws-sdk/client-sns";
import { pythons } from "./fuzz/recorded-requests.ts";
import { program, projectFolder, runProgram, type Server, startServer } from "./server.ts";

const credentials = { accessKeyId: "AKIASCONESTEST000001", secretAccessKey: "a-secret-that-is-configured" };
const hour = 3_600_000;

describe("a server with keys", () => {
  let server: Server;
  before(async () => {
    server = await startServer(undefined, {
      SCONES_ACCESS_KEY_ID: credentials.accessKeyId,
      SCONES_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    });
    const s3 = new S3Client(options());
    await s3.send(new CreateBucketCommand({ Bucket: "guarded" }));
    await s3.send(new PutObjectCommand({ Bucket: "guarded", Key: "a key", Body: "the bytes" }));
  });
  after(() => server?.stop());

  function options(changed: { secretAccessKey?: string; offsetMs?: number } = {}) {
    return {
      ...server.aws,
      credentials: { ...credentials, ...(changed.secretAccessKey && { secretAccessKey: changed.secretAccessKey }) },
      forcePathStyle: true,
      maxAttempts: 1,
      systemClockOffset: changed.offsetMs ?? 0,
    };
  }

  const wrong = { secretAccessKey: "another" };
  const read = new GetObjectCommand({ Bucket: "guarded", Key: "a key" });

  test("a wrong secret is refused in the words of each protocol", async () => {
    await assert.rejects(new S3Client(options(wrong)).send(read), { name: "SignatureDoesNotMatch" });
    const machines = new SFNClient(options(wrong)).send(new ListStateMachinesCommand({}));
    await assert.rejects(machines, { name: "InvalidSignatureException" });
    await assert.rejects(new SNSClient(options(wrong)).send(new ListTopicsCommand({})), {
      name: "SignatureDoesNotMatch",
    });
  });

  for (const [when, offsetMs] of [
    ["an hour ago", -hour],
    ["in an hour", hour],
  ] as const) {
    test(`what was signed ${when} is refused`, async () => {
      await assert.rejects(new S3Client(options({ offsetMs })).send(read), { name: "RequestTimeTooSkewed" });
      const machines = new SFNClient(options({ offsetMs })).send(new ListStateMachinesCommand({}));
      await assert.rejects(machines, { name: "InvalidSignatureException" });
    });
  }

  for (const [protocol, init] of [
    ["json", { method: "POST", headers: { "x-amz-target": "AWSStepFunctions.ListStateMachines" }, body: "{}" }],
    ["query", { method: "POST", body: new URLSearchParams({ Action: "ListTopics", Version: "2010-03-31" }) }],
    ["S3", { method: "GET" }],
    [
      "CBOR",
      {
        method: "POST",
        headers: { "smithy-protocol": "rpc-v2-cbor" },
        path: "/service/SageMaker/operation/ListModels",
      },
    ],
    ["REST", { method: "GET", path: "/2015-03-31/functions/" }],
  ] as [string, RequestInit & { path?: string }][]) {
    test(`an unsigned ${protocol} request is refused`, async () => {
      const answer = await fetch(`${server.url}${init.path ?? "/"}`, init);
      assert.equal(answer.status, 403);
      assert.match(await answer.text(), /AccessDenied|MissingAuthenticationToken/);
    });
  }

  test("a signature of the asymmetric kind is refused by its name", async () => {
    const scope = "AKIASCONESTEST000001/20261121/s3/aws4_request";
    const authorization = `AWS4-ECDSA-P256-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-region-set, Signature=3045`;
    const answer = await fetch(`${server.url}/guarded`, { headers: { authorization, "x-amz-region-set": "*" } });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /authorization mechanism you have provided is not supported/);
  });

  test("keys do not make a page of another site welcome", async () => {
    assert.equal((await ask(server.url, { host: "evil.example" })).status, 403);
    assert.equal((await ask(server.url, { origin: "https://evil.example" })).status, 403);
  });

  for (const python of pythons) {
    describe(`the signed addresses of ${python}`, () => {
      let addresses: Record<"v4" | "v2" | "v4Expired" | "v2Expired", string>;
      before(async () => {
        const script = `${projectFolder}/test/clients/presign.py`;
        const given = [script, server.url, credentials.accessKeyId, credentials.secretAccessKey];
        const ran = await runProgram(python, given);
        assert.equal(ran.exitCode, 0, ran.stderr);
        addresses = JSON.parse(ran.stdout);
      });

      for (const version of ["v4", "v2"] as const) {
        test(`${version}: open that object, as often as one likes`, async () => {
          assert.equal(await (await fetch(addresses[version])).text(), "the bytes");
          assert.equal(await (await fetch(addresses[version])).text(), "the bytes");
        });

        test(`${version}: open nothing when their time is over`, async () => {
          const answer = await fetch(addresses[`${version}Expired`]);
          assert.equal(answer.status, 403);
          assert.match(await answer.text(), /<Code>AccessDenied<\/Code><Message>Request has expired<\/Message>/);
        });

        test(`${version}: do not write, delete, or open another object`, async () => {
          const url = addresses[version];
          const other = url.replace("a%20key", "another");
          assert.notEqual(other, url);
          const answers = await Promise.all([
            fetch(url, { method: "PUT", body: "mine" }),
            fetch(url, { method: "DELETE" }),
            fetch(other),
            fetch(`${url}&versionId=null`),
          ]);
          assert.deepEqual(
            answers.map(({ status }) => status),
            [403, 403, 403, 403],
          );
          assert.equal(await (await fetch(url)).text(), "the bytes");
        });
      }

      test("v4: cannot be made to last longer", async () => {
        const answer = await fetch(addresses.v4Expired.replace("X-Amz-Expires=3600", "X-Amz-Expires=604800"));
        assert.equal(answer.status, 403);
      });
    });
  }
});

describe("a server without keys", () => {
  let server: Server;
  before(async () => {
    server = await startServer();
  });
  after(() => server?.stop());

  test("serves programs of this machine, by address and by name", async () => {
    assert.equal((await ask(server.url, {})).status, 200);
    assert.equal((await ask(server.url, { host: "localhost:4566" })).status, 200);
  });

  for (const [what, headers] of [
    ["a name that was made to point here", { host: "evil.example" }],
    ["a name that only begins like ours", { host: "localhost.evil.example" }],
    ["a page of another site", { origin: "https://evil.example" }],
    ["a page without an origin, such as a local file", { origin: "null" }],
    ["a form or a picture of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
  ] as [string, Record<string, string>][]) {
    test(`turns away ${what}`, async () => {
      const answer = await ask(server.url, headers);
      assert.equal(answer.status, 403);
      assert.match(answer.body, /AccessDenied/);
    });
  }

  test("does not open for the network", async () => {
    const ran = await runProgram(process.execPath, [program, "up", "--port", "0"], { env: { SCONES_HOST: "0.0.0.0" } });
    assert.notEqual(ran.exitCode, 0);
    assert.match(ran.stderr, /refusing to listen on 0\.0\.0\.0 without credentials/);
  });
});

/** Unlike fetch, it sends whatever host and origin it is told to. */
function ask(url: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, async (response) => {
      resolve({ status: response.statusCode ?? 0, body: await text(response) });
    })
      .on("error", reject)
      .end();
  });
}
