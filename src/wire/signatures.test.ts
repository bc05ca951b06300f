import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { request } from "node:http";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DescribeExecutionCommand, SFNClient } from "@aws-sdk/client-sfn";
import { checksumAlgorithms, createChecksum } from "./checksums.ts";
import { createWireServer, type WireServer } from "./server.ts";
import type { Service } from "./service.ts";
import { issueTemporaryKey } from "./temporary-keys.ts";

const credential = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a secret" };
const received = new Map<string, { bytes: Buffer; input: Record<string, unknown> }>();
let nowMs = Date.now();
let wire: WireServer;

const s3: Service = {
  name: "s3",
  handlers: {
    PutObject: async (input: { Key: string; Body: Readable | Buffer } & Record<string, unknown>) => {
      const chunks: Buffer[] = [];
      // A small body comes whole.
      const pieces = Buffer.isBuffer(input.Body) ? [input.Body] : input.Body;
      for await (const chunk of pieces) chunks.push(chunk as Buffer);
      received.set(input.Key, { bytes: Buffer.concat(chunks), input });
      return { ETag: '"e"' };
    },
    GetObject: ({ Key }: { Key: string }) => ({ Body: `the bytes of ${Key}`, ContentType: "text/plain" }),
  },
};
const sns: Service = {
  name: "sns",
  handlers: {
    ConfirmSubscription: ({ Token }: { Token: string }) => ({ SubscriptionArn: `arn:of:${Token}` }),
    ListTopics: () => ({ Topics: [] }),
  },
};
const states: Service = { name: "states", handlers: { DescribeExecution: () => ({ name: "known" }) } };

before(async () => {
  const clock = { now: () => nowMs, uuid: () => crypto.randomUUID() };
  wire = await createWireServer({ services: [s3, sns, states], port: 0, clock, credentials: [credential] });
});

after(() => wire.close());

function clientOptions(credentials = credential) {
  return { endpoint: wire.url, region: "eu-west-1", credentials, maxAttempts: 1 };
}

function storage(credentials = credential): S3Client {
  return new S3Client({ ...clientOptions(credentials), forcePathStyle: true });
}

const describe = new DescribeExecutionCommand({ executionArn: "arn:aws:states:eu-west-1:000000000000:execution:m:e" });

test("a wrong secret is refused in the service's own words", async () => {
  const wrong = { ...credential, secretAccessKey: "another" };
  await assert.rejects(new SFNClient(clientOptions(wrong)).send(describe), { name: "InvalidSignatureException" });
  const put = storage(wrong).send(new PutObjectCommand({ Bucket: "b", Key: "k", Body: "x" }));
  await assert.rejects(put, { name: "SignatureDoesNotMatch" });
});

test("an unknown key is refused", async () => {
  const unknown = { ...credential, accessKeyId: "AKIDUNKNOWN" };
  await assert.rejects(new SFNClient(clientOptions(unknown)).send(describe), { name: "UnrecognizedClientException" });
  const get = storage(unknown).send(new GetObjectCommand({ Bucket: "b", Key: "k" }));
  await assert.rejects(get, { name: "InvalidAccessKeyId" });
});

test("an unsigned request is refused", async () => {
  const response = await fetch(`${wire.url}/b/k`);
  assert.equal(response.status, 403);
  assert.match(await response.text(), /<Code>AccessDenied<\/Code>/);
});

test("the link in a confirmation mail needs no signature, but other calls of its service do", async () => {
  const confirmed = await fetch(
    `${wire.url}/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:1:t&Token=t1`,
  );
  assert.match(await confirmed.text(), /<SubscriptionArn>arn:of:t1<\/SubscriptionArn>/);
  const listed = await fetch(`${wire.url}/?Action=ListTopics&Version=2010-03-31`);
  assert.equal(listed.status, 403);
});

test("a request signed long ago is refused", async (context) => {
  context.after(() => {
    nowMs = Date.now();
  });
  nowMs = Date.now() + 20 * 60_000;
  const get = storage().send(new GetObjectCommand({ Bucket: "b", Key: "k" }));
  await assert.rejects(get, { name: "RequestTimeTooSkewed" });
});

test("a key of limited time is believed until its end", async (context) => {
  context.after(() => {
    nowMs = Date.now();
  });
  const temporary = issueTemporaryKey(credential.secretAccessKey, Date.now() + 60_000, () => 0.5);
  const output = await new SFNClient(clientOptions(temporary)).send(describe);
  assert.equal(output.name, "known");
  nowMs = Date.now() + 61_000;
  await assert.rejects(new SFNClient(clientOptions(temporary)).send(describe), { name: "ExpiredTokenException" });
});

test("a body of unknown length arrives whole, with the checksum that followed it", async () => {
  const half = Buffer.alloc(300_000, 7);
  const body = Readable.from([half, half]);
  await storage().send(new PutObjectCommand({ Bucket: "b", Key: "stream", Body: body, ContentLength: 600_000 }));
  const { bytes, input } = received.get("stream") ?? assert.fail("nothing arrived");
  assert.ok(bytes.equals(Buffer.concat([half, half])));
  const checksum = createChecksum("CRC32");
  checksum.update(bytes);
  assert.equal(input["ChecksumCRC32"], checksum.base64());
  assert.equal(input["ContentLength"], 600_000);
  assert.equal(input["ContentEncoding"], undefined);
});

test("AWS's own example of a stream whose chunks are signed is believed, and nothing that differs from it", async () => {
  const clock = { now: () => Date.UTC(2013, 4, 24), uuid: () => crypto.randomUUID() };
  const example = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
  const server = await createWireServer({ services: [s3], port: 0, clock, credentials: [example] });
  const first = Buffer.alloc(65_536, "a");
  assert.equal(await sendExampleChunks(server.port, first), 200);
  assert.equal(received.get("chunkObject.txt")?.bytes.length, 66_560);
  received.delete("chunkObject.txt");
  first[9] = 98;
  assert.equal(await sendExampleChunks(server.port, first), 403);
  assert.equal(received.has("chunkObject.txt"), false);
  await server.close();
});

test("keys with every kind of character are signed alike on both sides", async () => {
  const key = "a b/+plus/(1)/ü'*!~/%41&=?#.png";
  await storage().send(new PutObjectCommand({ Bucket: "b", Key: key, Body: "x", Metadata: { note: "two  spaces" } }));
  assert.equal(received.get(key)?.bytes.toString(), "x");
});

test("a body that is not what its checksum says fails before it ends", async () => {
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  const open = await createWireServer({ services: [s3], port: 0, clock });
  const put = async (headers: Record<string, string>) => {
    const response = await fetch(`${open.url}/b/bad`, { method: "PUT", body: "abc", headers });
    return response.text();
  };
  const answers = [
    await put({ "x-amz-checksum-crc32": "AAAAAA==" }),
    await put({ "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==" }),
    await put({ "x-amz-content-sha256": "0".repeat(64) }),
  ];
  await open.close();
  assert.deepEqual(
    answers.map((text) => /<Code>(\w+)/.exec(text)?.[1]),
    ["BadDigest", "BadDigest", "XAmzContentSHA256Mismatch"],
  );
  assert.equal(received.has("bad"), false);
});

test("every checksum agrees with its published check value", () => {
  const found = Object.fromEntries(
    checksumAlgorithms.map((algorithm) => {
      const checksum = createChecksum(algorithm);
      for (const part of ["1234", "56789"]) checksum.update(Buffer.from(part));
      return [algorithm, Buffer.from(checksum.base64(), "base64").toString("hex")];
    }),
  );
  assert.equal(found["CRC32"], "cbf43926");
  assert.equal(found["CRC32C"], "e3069283");
  assert.equal(found["CRC64NVME"], "ae8b14860a799888");
  assert.equal(found["MD5"], "25f9e794323b453885f5181f1b624d0b");
});

test("boto3's signed addresses, old and new kind, open an object for their time only", pythonOptions(), async () => {
  const script = `
import boto3, json, sys, urllib.request, urllib.error
from botocore.config import Config
out = []
for version in ("s3", "s3v4"):
    s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="a secret", config=Config(signature_version=version, s3={"addressing_style": "path"}))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "a k", "ResponseContentType": "x/y"}, ExpiresIn=60)
    out.append(urllib.request.urlopen(url).read().decode())
    try:
        urllib.request.urlopen(url.replace("a%20k", "other"))
        out.append("opened")
    except urllib.error.HTTPError as error:
        out.append(error.code)
print(json.dumps(out))
`;
  const result = await runPython(script, [wire.url]);
  assert.deepEqual(JSON.parse(result), ["the bytes of a k", 403, "the bytes of a k", 403]);
});

test("a program that still signs its requests by Version 2 is believed, and nobody who changes them", async () => {
  const date = new Date().toUTCString();
  const signatureOf = (path: string) =>
    createHmac("sha1", "a secret").update(`GET\n\n\n${date}\nx-amz-meta-a:1\n${path}`).digest("base64");
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const authorization = `AWS AKIDEXAMPLE:${signatureOf("/b/a%20k")}`;
    return (await fetch(wire.url + path, { headers: { authorization, date, "x-amz-meta-a": "1", ...headers } })).status;
  };
  assert.equal(await ask("/b/a%20k"), 200);
  assert.equal(await ask("/b/other"), 403);
  assert.equal(await ask("/b/a%20k", { "x-amz-meta-a": "2" }), 403);
  assert.equal(await ask("/b/a%20k", { date: new Date(0).toUTCString() }), 403);
});

function pythonOptions(): { skip: string | false } {
  const result = spawnSync("/usr/bin/python3", ["-c", "import boto3"]);
  return { skip: result.status !== 0 && "Debian's python3 with boto3 is not installed" };
}

function runPython(script: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("/usr/bin/python3", ["-c", script, ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr));
    });
  });
}

/** The request that AWS's manual shows under "Signature calculations for the authorization header: transferring a payload in chunks". */
function sendExampleChunks(port: number, first: Buffer): Promise<number> {
  const signed =
    "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class";
  const headers = {
    host: "s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    authorization: `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signed},Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9`,
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "content-encoding": "aws-chunked",
    "x-amz-decoded-content-length": "66560",
    "content-length": "66824",
  };
  const chunks = [
    { bytes: first, signature: "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648" },
    { bytes: Buffer.alloc(1024, "a"), signature: "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497" },
    { bytes: Buffer.alloc(0), signature: "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9" },
  ];
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host: "127.0.0.1", method: "PUT", path: "/examplebucket/chunkObject.txt", headers },
      (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      },
    );
    sent.on("error", reject);
    for (const { bytes, signature } of chunks) {
      sent.write(`${bytes.length.toString(16)};chunk-signature=${signature}\r\n`);
      sent.write(bytes);
      sent.write("\r\n");
    }
    sent.end();
  });
}
